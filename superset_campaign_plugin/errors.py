"""The errors that a person can cause and a person can mend.

Every one carries one line that says what is wrong, where, and what to do. The command line prints that line and
exits with `exit_code`; it never shows a traceback for them. This module imports nothing of the package, so that
any part may raise its errors.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class CampaignError(Exception):
    """The root of the tree. `exit_code` is 1 for a state of the world, 2 for a mistake in what was asked."""

    exit_code = 1


class UsageError(CampaignError):
    """What was asked cannot be meant: an unknown name, a value of the wrong form."""

    exit_code = 2


class SettingsError(UsageError):
    """The settings block in `superset_config.py` holds a wrong key or value."""


class DatabaseError(CampaignError):
    """The warehouse cannot be reached, or it refused a query."""


class BusyError(DatabaseError):
    """Another program holds the database file, or does the same work; nothing was done, and it can be tried again."""


class SourceError(CampaignError):
    """The loader's tables are not as the layout says: a table or column is missing or of a wrong type."""


class LoadError(CampaignError):
    """A file of activities is not what Marketo writes, is cut or damaged, or its bad rows cannot be set aside."""


class ExportError(UsageError):
    """A file is no report that Marketo exports, or a row of it cannot be read."""


class RefreshError(CampaignError):
    """The stored tables cannot be made or read: another refresh is running, or they are of other rules."""


class MarketoError(CampaignError):
    """Marketo cannot be reached, or refuses to answer."""


class MarketoBusyError(MarketoError):
    """Marketo was asked several times, with pauses, and could not answer for the time being."""


class MarketoLaterError(MarketoError):
    """Marketo's quota of the day is used up, or its jobs take longer than one waits; a later run goes on from here."""

    exit_code = 75  # what sysexits.h calls a temporary failure: try again later


class MarketoRefusalError(MarketoError):
    """Marketo refuses this one call for good; another may well succeed. `code` and `words` are Marketo's own."""

    def __init__(self, message: str, code: str = "", words: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.words = words


class BundleError(CampaignError):
    """A dataset, chart or dashboard file is not what the importer accepts."""


class HookError(CampaignError):
    """This release of Superset lacks a method that the plugin must wrap to keep people to their rows."""


class InstallError(CampaignError):
    """The deployment refuses the installation: no such database, no permission, a name already taken."""


class PortalError(CampaignError):
    """Superset does not answer a portal's back end, or refuses it a guest token."""


class ProofError(CampaignError):
    """The signed token of a preview link is not valid."""


class ProofAltered(ProofError):
    """The proof was changed or cut, is for another email, or is none of this deployment."""


class ProofExpired(ProofError):
    """The proof held, and its time is over."""


class SharingEnded(ProofError):
    """The proof would hold, but what it is for is not shared any more."""


# So many known names are listed in one sentence.
_LISTED = 30


def unknown(kind: str, name: str, known: Iterable[str]) -> UsageError:
    """A `UsageError` for a name that is none of `known`, with the nearest one as a suggestion."""
    return UsageError(f"unknown {kind} {name!r}: {nearest(name, known)}")


def nearest(name: str, known: Iterable[str]) -> str:
    """What to say beside a name that is none of `known`: the nearest one, in whatever case, else which there are."""
    names = sorted(known)
    if not names:
        return "there are none"
    if near := nearest_name(name, names):
        return f"did you mean {near!r}?"
    more = f" and {len(names) - _LISTED:,} more" if len(names) > _LISTED else ""
    return f"known are: {', '.join(names[:_LISTED])}{more}"


def nearest_name(name: str, known: Iterable[str]) -> str | None:
    """The name of `known` that is most like this one, in whatever case; None where none is."""
    by_letters: dict[str, str] = {}
    for each in sorted(known):
        by_letters.setdefault(each.casefold(), each)
    near = difflib.get_close_matches(name.casefold(), by_letters, n=1)
    return by_letters[near[0]] if near else None
