"""What guests, and people who are held to some rows, are told in place of an error's own text.

A database puts values of the rows that it read into its errors, and reads rows before the row rules leave them out. So
no text but these leaves for them. Each is a constant, so that a finished answer can be compared with them.
"""

# Superset's classes come without types.
# mypy: allow-subclassing-any

from __future__ import annotations

from superset.exceptions import QueryObjectValidationError
from werkzeug.exceptions import BadRequest

FAILED = "The database could not answer this query; whoever runs this Superset finds the reason in its log"
NO_SQL = "SQL of your own does not run on this data; use its columns and metrics as they are"
OTHER_ANNOTATIONS = "These annotations are not of this dashboard"
NOT_A_TIME = "A time range or time grain needs a column that holds times; choose another column"
NOT_A_FLAG = "Only a column that is true or false can be asked for true or false; choose another column or operator"
NOT_A_VALUE = "A filter takes texts, numbers, true and false, or a list of these; write its value as one of them"
BAD_PATTERN = "A backslash in a pattern must stand before %, _ or another backslash; change the pattern"
BAD_AGGREGATE = "Sum and average need a column of numbers, and other aggregates are counts, least and greatest"
BAD_REQUEST = "The request is not one of this dashboard's; reload the page"
FORBIDDEN = "Forbidden"
NOT_FOUND = "Not found"
BROKEN = "Superset could not answer; whoever runs it finds the reason in its log"

SENTENCES = frozenset(
    {FAILED, NO_SQL, OTHER_ANNOTATIONS, NOT_A_TIME, NOT_A_FLAG, NOT_A_VALUE, BAD_PATTERN, BAD_AGGREGATE, BAD_REQUEST}
)


class RefusedError(QueryObjectValidationError, ValueError):
    """A mistake in what was asked: of these two Superset's APIs know one or the other, and answer 400."""


class UnansweredError(BadRequest):
    """The same where an API knows neither."""


def told(text: object, status: int) -> str:
    """What may be said in the place of an answer's text: the text itself if it is ours, else one for its status."""
    # Superset puts a word before the text that a query left.
    for sentence in SENTENCES if isinstance(text, str) else ():
        if str(text).removesuffix(".").endswith(sentence):
            return sentence
    if status >= 500:
        return BROKEN
    return {403: FORBIDDEN, 404: NOT_FOUND, 405: NOT_FOUND}.get(status, BAD_REQUEST)
