"""Whether a parser could read an email's tags quickly. Finds it out without parsing, in time that grows as the size.

Parsers compare each attribute of a tag with those before it, and look through what is open for most tags. So one tag
of 270,000 attributes, which fit into 2 MB, takes a minute, and 400,000 open elements take longer.
"""

from __future__ import annotations

import re

# Real emails have a few thousand tags, of a few dozen attributes. What is at these limits takes a second or two.
MAX_TAGS = 20_000
MAX_ATTRIBUTES = 500

_START = re.compile(r"<(?=/?[a-z])", re.IGNORECASE | re.ASCII)
_NAME = re.compile(r"[^\t\n\f\r />]*[\t\n\f\r /]*")
# As the HTML standard reads them: a quote opens a value only right behind the sign, and may stand in a name. What
# follows belongs to the match, so that no place is looked at without being counted.
_ATTRIBUTE = re.compile(
    r"""[^\t\n\f\r />][^\t\n\f\r />=]*
    (?:[\t\n\f\r ]*=[\t\n\f\r ]*(?:"[^"]*(?:"|\Z)|'[^']*(?:'|\Z)|[^\t\n\f\r >"'][^\t\n\f\r >]*|(?=>)|\Z))?
    [\t\n\f\r /]*""",
    re.VERBOSE,
)


def are_too_many(markup: str, attributes: int = MAX_ATTRIBUTES) -> bool:
    """Whether the markup may have more tags than a parser reads quickly, or a tag with `attributes` or more.

    Every place where a tag can begin is looked at, in comments and within other tags as well, since a parser may see
    them in another way. Tags that stand within one another so often that looking takes long are too many, too.
    """
    if markup.count("<") > MAX_TAGS:
        return True
    read, limit = 0, 2 * len(markup) + 100_000
    for start in _START.finditer(markup):
        name = _NAME.match(markup, start.end() + 1)
        position = name.end() if name else len(markup)
        for _ in range(attributes):
            attribute = _ATTRIBUTE.match(markup, position)
            if attribute is None:
                break
            position = attribute.end()
        else:
            return True
        read += position - start.start()
        if read > limit:
            return True
    return False
