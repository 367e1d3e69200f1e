"""The spellings of whole numbers, times and lists of ids that are read, as regular expressions of every engine.

No engine's cast is asked what it takes: they differ, and some read the beginning of a text, or a day that no calendar
has. Only what every engine understands alike stands here: classes, groups and bounds, no look-around.
"""

from __future__ import annotations

# 7, -7 and 7.0; within 64 bits is asked separately.
WHOLE_NUMBER = "^[+-]?[0-9]{1,19}([.]0*)?$"
LARGEST = 2**63 - 1
# The whole numbers that a floating-point number holds and 64 bits, too.
LARGEST_FLOAT = 2**63 - 1024

_LEAP_YEAR = "([12][0-9](0[48]|[2468][048]|[13579][26])|(1[26]|2[048])00)"
_DAY = (
    "([12][0-9]{3}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)"
    f"|02-(0[1-9]|1[0-9]|2[0-8]))|{_LEAP_YEAR}-02-29)"
)
_CLOCK = "([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]{1,9})?)?"
# Z+0000 is how Marketo's own answers write it.
_ZONE = "(Z|UTC|Z?[+-](0[0-9]|1[0-4])(:?[0-5][0-9])?)"
TIME = f"^{_DAY}([T ]{_CLOCK}( *{_ZONE})?)?$"
ENDS_WITH_ZONE = "[0-9][0-9]:[0-9][0-9].*(Z|UTC|[+-][0-9][0-9](:?[0-9][0-9])?)$"

# What stands around the ids of a list: brackets, quotes, and the key of [{"value": 2}].
LIST_MARKS = "value[\"']? *[:=]|null|\\[|\\]|[(){}\"'\t\n]"
# After the marks became spaces. Two numbers with no more than a space between them are no list.
_ID = "[0-9]{1,18}([.]0+)?"
ID_LIST = f"^ *{_ID}( *, *{_ID})* *$"
NOT_IN_A_LIST = "[.]0+| +"
