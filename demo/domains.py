"""The domains of the demo's addresses, all under a name that never belongs to anybody, and one that refuses emails.

Which domain a person has follows from the id alone, so that nothing else of the demo is drawn differently for it.
"""

from __future__ import annotations

# In a hundred people: what is left after these is in domains of two or three people each.
SHARES = {
    "mailbox.example": 23,
    "post-online.example": 17,
    "webmail.example": 12,
    "fastinbox.example": 8,
    "northgate-energy.example": 5,
    "klinikum-seeblick.example": 5,
    "ville-de-montval.example": 4,
    "hartley-facilities.example": 4,
    "brightwater-schools.example": 4,
    "rheintal-hydraulik.example": 2,
    "almansoori-group.example": 3,
    "cedar-ridge-hospital.example": 3,
    "lumen-logistics.example": 3,
}
# Its mail server takes no emails of ours for some weeks.
REFUSING = "rheintal-hydraulik.example"
# Days before the present.
REFUSED_FROM, REFUSED_UNTIL = 45, 10
_PLACES = [name for name, share in SHARES.items() for _ in range(share)]
SCATTER = 2_654_435_761


def domain_of(person: int) -> str:
    """The domain of the address of the person with this id."""
    place = person * SCATTER // 128 % 100
    return _PLACES[place] if place < len(_PLACES) else f"studio-{person // 41}.example"
