"""The three-way merge of one asset: what a former installation wrote, what this one ships, and what is there now.

An asset is compared as a document: nested dicts of JSON values, in which objects are named by UUIDs and never by a
deployment's own ids. Its fields are the values that are no dict; a list is one field. Of what people and Superset have
added to an asset no field is looked at, so it stays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

Document = dict[str, Any]
Path = tuple[str, ...]

# What happened to a field.
UPDATED = "updated"  # nobody changed it, and this release ships another value
RESTORED = "restored"  # charts do not work without it, so it is as shipped again
REPLACED = "replaced"  # people changed it, but the figures must be of one rule: the shipped value is there now
OVERWRITTEN = "overwritten"  # people changed it, and the admin asked for the shipped value
KEPT = "kept"  # people changed it, and it stays
CONFLICT = "conflict"  # people changed it, this release did, too; the people's value stays

WRITTEN = frozenset((UPDATED, RESTORED, REPLACED, OVERWRITTEN))

# What Superset's pages add to parts of a chart's parameters when they save them, without a meaning for the figures.
_NOISE = frozenset(("filterOptionName", "isExtra", "isNew", "datasourceWarning", "operatorId"))


@dataclass(frozen=True)
class FieldDifference:
    """One field that is not as shipped, or was not; a value that is absent is None.

    `label` names the field for people where its path holds an id. `known` is False where it is not known what was
    shipped before, so that nobody can say whether people changed the field.
    """

    path: Path
    outcome: str
    before: Any
    now: Any
    there: Any
    label: str | None = None
    known: bool = True

    @property
    def written(self) -> bool:
        """Whether the installation writes the shipped value."""
        return self.outcome in WRITTEN

    @property
    def field(self) -> str:
        """The name of the field."""
        return self.label or ".".join(self.path)

    def as_dict(self) -> dict[str, Any]:
        """The form of `--json`."""
        return {
            "field": self.field,
            "outcome": self.outcome,
            "shipped_before_known": self.known,
            "shipped_before": self.before,
            "shipped_now": self.now,
            "there": self.there,
        }


@dataclass(frozen=True)
class Policy:
    """How the fields of one kind of asset are merged.

    `records` are the keys whose values are dicts of records, each added and removed as a whole. `restored` names the
    fields and records that are always as shipped, and `follows` those that take a new value although people have
    changed the old one; `fragile` are fields that are put back where they are empty, since Superset itself loses them.
    `same` compares two values of a field.
    """

    records: frozenset[str] = frozenset()
    restored: Callable[[Path], bool] = lambda _: False
    follows: Callable[[Path], bool] = lambda _: False
    fragile: Callable[[Path], bool] = lambda _: False
    same: Callable[[Path, Any, Any], bool] = lambda _, one, other: same(one, other)


def merge(
    before: Document | None, now: Document | None, there: Document, policy: Policy, *, overwrite: bool = False
) -> list[FieldDifference]:
    """What differs between the document `there` and the shipped one, and what is done about each field.

    `before` is None where it is not known what was shipped: then what differs is kept, as if people had changed it.
    `now` is None where the asset is shipped no more.
    """
    known = before is not None
    old, new = before or {}, now or {}
    differences: list[FieldDifference] = []
    settled: set[Path] = set()
    for path in _records(policy, old, new):
        found = _merge_record(path, _get(old, path), _get(new, path), _get(there, path), policy, known, overwrite)
        if found is not None:
            settled.add(path)
            differences.extend(found)
    old_fields, new_fields, there_fields = dict(_fields(old)), dict(_fields(new)), dict(_fields(there))
    for path in dict.fromkeys([*new_fields, *old_fields]):
        if path[:2] in settled:
            continue
        values = old_fields.get(path), new_fields.get(path), there_fields.get(path)
        outcome = _outcome(path, *values, policy, known, overwrite)
        if outcome is not None:
            differences.append(FieldDifference(path, outcome, *values))
    return differences


def same(one: Any, other: Any) -> bool:
    """Whether two values mean the same: Superset's pages write out what is empty, and mark what they have saved."""
    found: bool = _meaning(one) == _meaning(other)
    return found


def put(document: Document, path: Path, value: Any) -> None:
    """Write a field of a nested dict, in place; a value of None takes it out."""
    *way, last = path
    for key in way:
        inner = document.get(key)
        if not isinstance(inner, dict):
            if value is None:
                return
            inner = document[key] = {}
        document = inner
    if value is None:
        document.pop(last, None)
    else:
        document[last] = value


def _outcome(path: Path, before: Any, now: Any, there: Any, policy: Policy, known: bool, overwrite: bool) -> str | None:
    if known and now is False and before is None and there is None:
        # Superset takes some options that are absent for on, such as that a column of a table is shown.
        return UPDATED
    if policy.same(path, there, now):
        return None
    if known and policy.same(path, there, before):
        return UPDATED
    if policy.restored(path) or (there is None and policy.fragile(path)):
        return RESTORED
    if overwrite:
        return OVERWRITTEN
    if not known:
        return REPLACED if policy.follows(path) else KEPT
    if policy.same(path, before, now):
        return KEPT
    return REPLACED if policy.follows(path) else CONFLICT


def _merge_record(
    path: Path, before: Any, now: Any, there: Any, policy: Policy, known: bool, overwrite: bool
) -> list[FieldDifference] | None:
    """The differences of a record that is added or removed as a whole; None where its fields are to be merged."""
    if there is None:
        if now is None:
            return []
        if before is None and known:
            return [FieldDifference(path, UPDATED, before, now, there)]
        if policy.restored(path):
            return [FieldDifference(path, RESTORED, before, now, there)]
        # People removed it. Where nothing is known of before, it may be new: it is added.
        outcome = OVERWRITTEN if overwrite else KEPT if known else UPDATED
        return [FieldDifference(path, outcome, before, now, there)]
    if now is not None or before is None:
        return None
    untouched = all(policy.same(path + inner, dict(_fields(there)).get(inner), old) for inner, old in _fields(before))
    outcome = UPDATED if untouched else OVERWRITTEN if overwrite else CONFLICT
    return [FieldDifference(path, outcome, before, now, there)]


def _records(policy: Policy, *documents: Document) -> list[Path]:
    found = [(key, name) for key in sorted(policy.records) for each in documents for name in each.get(key, {})]
    return list(dict.fromkeys(found))


def _get(document: Document, path: Path) -> Any:
    value: Any = document
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _fields(document: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    for key, value in document.items():
        if isinstance(value, dict):
            yield from _fields(value, (*path, key))
        else:
            yield (*path, key), value


def _meaning(value: Any) -> Any:
    if isinstance(value, dict):
        inner = {key: _meaning(each) for key, each in value.items() if key not in _NOISE}
        return {key: each for key, each in inner.items() if each is not None} or None
    if isinstance(value, list):
        return [_meaning(each) for each in value] or None
    if isinstance(value, str):
        return value.replace("\r\n", "\n").strip() or None
    return None if value is False else value
