"""The state of the stored tables: what they were made of, and up to where each log table was read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import literal, select, union_all
from sqlalchemy.engine import Connection, make_url
from sqlalchemy.sql.selectable import Select

from superset_campaign_plugin.engines import Engine
from superset_campaign_plugin.errors import RefreshError, UsageError
from superset_campaign_plugin.refresh.change_detection import Mark
from superset_campaign_plugin.refresh.place import stored_uri
from superset_campaign_plugin.refresh.statements import rows_of
from superset_campaign_plugin.refresh.tables import STATE, StoredFacts, stored
from superset_campaign_plugin.report.datasets import Options
from superset_campaign_plugin.report.rules import People, Rules
from superset_campaign_plugin.report.rules_in_words import advice, difference, read_rules
from superset_campaign_plugin.semantics import load_semantics
from superset_campaign_plugin.sources import get_layout
from superset_campaign_plugin.sources.catalog import LiveCatalog
from superset_campaign_plugin.sources.custom import is_mapping
from superset_campaign_plugin.sources.instances import Instance
from superset_campaign_plugin.warehouse import connect

# Goes up when stored tables of before cannot be read or continued any more.
FORMAT = "6"
_RULES = "rules"
_MARK = "read: "
_MADE_OF = "made of: "
_AT = "refreshed at"
_SENDS = "all sends"
_RUN = "run"


@dataclass(frozen=True)
class State:
    """`made_of` holds format, shape, source and rules; `marks` how far each log table was read; times are UTC.

    `all_sends` says whether every send is kept, or only the earliest of each record. `run` is that of the tables, where
    their names carry it.
    """

    made_of: dict[str, str]
    marks: dict[str, Mark]
    refreshed_at: datetime
    all_sends: bool = False
    run: str | None = None

    @property
    def rules(self) -> Rules | None:
        """The rules that the tables were made by; None for those of a release whose rules are not known any more."""
        return read_rules(self.made_of.get(_RULES, ""))


def describe(instance: Instance, rules: Rules) -> dict[str, str]:
    """What stored tables are made of: when any of it changes, they have to be made anew."""
    source = Path(instance.source).name if is_mapping(instance.source) else instance.source
    return {
        "format": FORMAT,
        "shape": _shape(),
        "source": f"{source} {instance.schema or ''}".strip(),
        # By what it says, not by its name: a mapping may be edited in place.
        "layout": digest([repr(get_layout(instance.source))]),
        _RULES: repr(rules),
    }


def digest(parts: Iterable[str]) -> str:
    """A short digest of texts."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]


def _shape() -> str:
    """A digest of the datasets' columns, which the views have: another release may have others."""
    semantics = load_semantics()
    datasets = [semantics.datasets[name] for name in semantics.names(people=True)]
    columns = [
        [own.name, [each.name for each in own.dimensions], [each.sum for each in own.metrics]] for own in datasets
    ]
    return digest([json.dumps(columns)])


@dataclass(frozen=True)
class Difference:
    """What differs of that which stored tables are made of: `words` follow "the stored tables", `advice` what to do."""

    words: str
    advice: str


def differing(state: State, instance: Instance, rules: Rules) -> Difference | None:
    """The first difference between what the stored tables are made of and what is wanted; None if they can be read."""
    wanted = describe(instance, rules)
    name = next((name for name, value in wanted.items() if state.made_of.get(name) != value), None)
    if name is None:
        return None
    kept = state.made_of.get(name, "")
    again = "run `superset-campaign refresh` with the same options"
    if name == "source":
        return Difference(
            f"are of {kept}, and are asked for {wanted[name]}",
            f"{again}, or ask with the --source and --schema of before",
        )
    if name == "layout" and is_mapping(instance.source):
        return Difference(f"were made when {Path(instance.source).name} said something else", again)
    if name == _RULES and state.rules is not None:
        return Difference(difference(state.rules, rules), advice(state.rules, rules))
    return Difference("were made by another release of the plugin", again)


def schema_of(instance: Instance, engine: Engine, prefix: str) -> str | None:
    """The schema of an instance's stored tables; None, the database's own, on an engine without schemas.

    Raises `UsageError` where stored tables of several instances would lie in one place.
    """
    if engine.schemas:
        return instance.stored_schema(prefix)
    if instance.name is not None:
        raise UsageError(
            f"{engine.name} has no schemas to keep the stored tables of several Marketo instances apart; "
            "read their logs directly, or refresh and install each in a database of its own"
        )
    return None


def state_rows(
    made_of: dict[str, str], marks: dict[str, Mark], now: datetime, all_sends: bool, run: str | None
) -> Select:
    """The rows of `campaign_report_state`."""
    values = {
        _AT: now.isoformat(),
        _SENDS: str(all_sends),
        **({} if run is None else {_RUN: run}),
        **{f"{_MADE_OF}{name}": value for name, value in made_of.items()},
        **{
            f"{_MARK}{name}": json.dumps(
                [mark.rows, mark.loaded_at.isoformat() if mark.loaded_at else None, mark.read_again]
            )
            for name, mark in marks.items()
        },
    }
    rows = [select(literal(name).label("name"), literal(value).label("value")) for name, value in values.items()]
    together = union_all(*rows).subquery("state")
    return select(*together.c)


def read_state(connection: Connection, engine: Engine, schema: str | None) -> State | None:
    """The state of the stored tables of `schema`; None where there are none."""
    if LiveCatalog(connection, engine, schema).columns(STATE) is None:
        return None
    table = stored(STATE, schema)
    values: dict[str, str] = dict(tuple(row) for row in rows_of(connection, engine, select(*table.c)))
    made_of = {name.removeprefix(_MADE_OF): value for name, value in values.items() if name.startswith(_MADE_OF)}
    if (rules := read_rules(made_of.get(_RULES, ""))) is not None:
        # By what they mean: another release may have written the same rules in another form.
        made_of[_RULES] = repr(rules)
    marks = {}
    for name, value in values.items():
        if name.startswith(_MARK):
            # Earlier releases kept two values.
            rows, loaded_at, *read_again = json.loads(value)
            newest = datetime.fromisoformat(loaded_at) if loaded_at else None
            marks[name.removeprefix(_MARK)] = Mark(rows, newest, any(read_again))
    return State(
        made_of=made_of,
        marks=marks,
        refreshed_at=datetime.fromisoformat(values[_AT]),
        all_sends=values.get(_SENDS) == str(True),
        run=values.get(_RUN),
    )


def kept_people(
    connection: Connection, engine: Engine, instances: Iterable[Instance], prefix: str
) -> set[People | None]:
    """What the stored tables of the instances count merged people as; None where that is not known any more."""
    found = set()
    for instance in instances:
        state = read_state(connection, engine, schema_of(instance, engine, prefix))
        if state is not None:
            found.add(None if state.rules is None else state.rules.people)
    return found


class StoredSource:
    """The datasets' figures from stored tables: `prefix` names their schema, and `file` the file that they lie in if it
    is not the usual one."""

    def __init__(self, prefix: str, file: str | None = None) -> None:
        self._prefix = prefix
        self._file = file

    def uri(self, uri: str) -> str:
        """The URI of the database that holds them. Raises `RefreshError` where there is no such file yet."""
        found = stored_uri(uri, self._file)
        file = make_url(found).database
        if found != uri and not Path(str(file)).exists():
            raise RefreshError(
                f"there are no stored tables yet, no file {file}; make them with `superset-campaign refresh`"
            )
        return found

    def facts(self, connection: Connection, engine: Engine, instance: Instance, options: Options) -> StoredFacts:
        """Raises `RefreshError` where there are no stored tables, or only such of another source or other rules."""
        schema = schema_of(instance, engine, self._prefix)
        state = read_state(connection, engine, schema)
        if state is None:
            raise RefreshError("there are no stored tables yet; make them with `superset-campaign refresh`")
        if other := differing(state, instance, options.rules):
            raise RefreshError(f"the stored tables {other.words}; {other.advice}")
        return StoredFacts(schema, engine, options.as_of)


def stored_source(uri: str, prefix: str, file: str | None, schema: str | None) -> str | None:
    """The layout of which the stored tables of one Marketo instance were made; None where that is not known.

    A mapping is known by its name alone, so it is not found again. Raises the errors of `StoredSource.uri`.
    """
    with connect(StoredSource(prefix, file).uri(uri)) as (connection, engine):
        state = read_state(connection, engine, schema_of(Instance(None, "", schema), engine, prefix))
    made_of = state.made_of.get("source", "") if state else ""
    source = made_of.removesuffix(f" {schema}") if schema else made_of.partition(" ")[0]
    return source if source and not is_mapping(source) else None
