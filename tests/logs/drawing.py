"""Logs that are drawn in the docstring of a test."""

from __future__ import annotations

import ast
import re

from logs.model import KINDS, Log

DRAWN_LINE = re.compile(rf"(\d+|-) +(\d+|-) +(\d+|-) +(\d[\d-]+ \d[\d:.]+) +({'|'.join(KINDS)})(?: +('.*'))?")


def drawn(drawing: str) -> Log:
    """The log that is drawn in a docstring: one line an activity, the rest is prose. `-` is a null.

    campaign  email  person  time              activity
    1         10     100     2024-03-01 10:00  send
    1         10     100     2024-03-01 10:05  click      'mailto:sales@example.com'

    The last column, in quotes, is the result of a send or the link of a click; without it, both are null.
    """
    log = Log()
    for line in drawing.splitlines():
        match = DRAWN_LINE.fullmatch(line.strip())
        if match:
            *ids, at, kind, more = match.groups()
            campaign, email, person = (None if id == "-" else int(id) for id in ids)
            named = {"send": "action_result", "click": "link"}
            log.add(kind, campaign, email, person, at, **({named[kind]: ast.literal_eval(more)} if more else {}))
    return log
