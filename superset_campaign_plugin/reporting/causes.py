"""What may make an export differ from the report: the candidates, each as a change of how the log is read.

A candidate is here only if the package can count with it. What the log does not hold, as a table that the loader never
brought, can explain nothing: no figure can be counted without it, and it is said beside what stays unexplained.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.engine import Connection

from superset_campaign_plugin.engines import Engine
from superset_campaign_plugin.errors import CampaignError
from superset_campaign_plugin.report.datasets import REPORT_DATASET, Options, build_dataset
from superset_campaign_plugin.report.facts import ComputedFacts
from superset_campaign_plugin.report.other_readings import Counted, OtherFacts, Window, logged_until
from superset_campaign_plugin.report.relations import Relations
from superset_campaign_plugin.report.rules import People, Rules
from superset_campaign_plugin.report.sqltext import runnable_sql, side_by_side
from superset_campaign_plugin.reporting.marketo_headings import COUNTS
from superset_campaign_plugin.reporting.matching import Key, Named
from superset_campaign_plugin.reporting.output import shown_time
from superset_campaign_plugin.reporting.query import ReportRequest, fetch, midnight
from superset_campaign_plugin.reporting.where import check_where
from superset_campaign_plugin.semantics import load_semantics
from superset_campaign_plugin.sources.resolved import Log

# Zones in which many companies keep the days of their reports; an option names others.
ZONES = (
    *("UTC", "America/Los_Angeles", "America/Denver", "America/Chicago", "America/New_York", "America/Sao_Paulo"),
    *("Europe/London", "Europe/Berlin", "Asia/Kolkata", "Asia/Singapore", "Asia/Tokyo", "Australia/Sydney"),
)
# With this clock nothing was sent three days ago.
_BEFORE_ALL = datetime(1970, 1, 1)  # noqa: DTZ001 - times inside the report are UTC without a zone

Counts = Mapping[str, int]
Figures = Mapping[Key, Counts]


@dataclass(frozen=True)
class Setting:
    """How the log is read: the rules, the clock (UTC), the last moment of the log, and what becomes a record."""

    rules: Rules
    as_of: datetime
    until: datetime | None = None
    counted: Counted = Counted.SENT


@dataclass(frozen=True)
class Cause:
    """A candidate. Of one `group` at most one holds. `words` say how Marketo counted, and `option` is the option of the
    commands that counts so, if there is one."""

    group: str
    name: str
    value: str
    words: str
    option: str | None
    changes: tuple[tuple[str, Any], ...]

    def apply(self, setting: Setting) -> Setting:
        """The setting with the change."""
        own = {name: value for name, value in self.changes if name in ("as_of", "until", "counted")}
        rules = {name: value for name, value in self.changes if name not in own}
        return replace(setting, rules=replace(setting.rules, **rules), **own)


def applied(setting: Setting, causes: Iterable[Cause]) -> Setting:
    """The setting with the changes of all; no two are of one group."""
    for cause in causes:
        setting = cause.apply(setting)
    return setting


def candidates(
    setting: Setting,
    *,
    zones: Sequence[str],
    has_days: bool,
    made_at: datetime | None,
    has_aborted: bool,
) -> list[Cause]:
    """What may differ from the setting. `has_days` says whether the report is of some days alone, `made_at` (UTC) when
    the export was made, and `has_aborted` whether it tells Aborted from Pending."""
    return [
        *(_of_days(setting, zones) if has_days else ()),
        *_choices(setting.rules),
        *_of_people(setting.rules),
        Cause(
            *("records", "retention", "without_send"),
            "people count whose send the log does not hold, as of emails older than the log",
            None,
            (("counted", Counted.WITHOUT_SEND),),
        ),
        *_of_time(setting, made_at, has_aborted),
    ]


def _of_days(setting: Setting, zones: Sequence[str]) -> Iterator[Cause]:
    for zone in dict.fromkeys(zones):
        if zone != setting.rules.time_zone:
            words = f"the days are those of {zone}, not of {setting.rules.time_zone}"
            yield Cause("time_zone", "time_zone", zone, words, f"--time-zone {zone}", (("time_zone", zone),))
    yield Cause(
        *("records", "activity_date", "by_activity"),
        "the days are those of each activity, not of the first send",
        None,
        (("counted", Counted.BY_ACTIVITY),),
    )


_CHOICES = {
    "bots": ("opens and clicks that are marked as bots' are left out", "opens and clicks of bots count"),
    "operational": ("operational emails are left out", "operational emails count"),
    "archived": ("archived campaigns and emails are left out", "archived campaigns and emails count"),
}
_ANY_ADDRESS = "people with the addresses that are left out count"


def _choices(rules: Rules) -> Iterator[Cause]:
    for name, (out, counted) in _CHOICES.items():
        field = f"leave_out_{name}"
        is_out = getattr(rules, field)
        option = f"without --leave-out {name}" if is_out else f"--leave-out {name}"
        yield Cause(
            name, name, "counted" if is_out else "left_out", counted if is_out else out, option, ((field, not is_out),)
        )
    if rules.leave_out_addresses:
        option = "without --leave-out-addresses"
        yield Cause("addresses", "addresses", "counted", _ANY_ADDRESS, option, (("leave_out_addresses", ()),))


# By the value: the words, the option, and the rules.
_PEOPLE = {
    "as_sent": (
        "merged people count for each id that was sent the email, and deleted people count",
        "--people as-sent",
        (People.AS_SENT, False),
    ),
    "merged": ("merged people count once", "--people merged", (People.MERGED, False)),
    "hidden": ("merged and deleted people are left out", "--people hidden", (People.HIDDEN, True)),
    "deleted": ("deleted people are left out", "--leave-out deleted", (People.AS_SENT, True)),
}


def _of_people(rules: Rules) -> Iterator[Cause]:
    for value, (words, option, (people, deleted)) in _PEOPLE.items():
        if (people, deleted) != (rules.people, rules.leave_out_deleted):
            yield Cause("people", "people", value, words, option, (("people", people), ("leave_out_deleted", deleted)))


def _of_time(setting: Setting, made_at: datetime | None, has_aborted: bool) -> Iterator[Cause]:
    if not has_aborted:
        words = "Pending includes Aborted, which the export does not tell apart"
        yield Cause("clock", "clock", "no_aborted", words, None, (("as_of", _BEFORE_ALL),))
    if made_at is None or made_at >= setting.as_of:
        return
    shown = shown_time(made_at)
    yield Cause(
        *("clock", "clock", "export"),
        f"the clock is that of the export, {shown} UTC: what is Aborted now may have been Pending",
        f"--as-of {made_at.isoformat(timespec='seconds')}Z",
        (("as_of", made_at),),
    )
    yield Cause(
        "added",
        "added",
        "until_export",
        f"what was logged after the export, {shown} UTC, is not in it",
        None,
        (("until", made_at),),
    )


class Counting:
    """Counts the report's figures by any setting, each once.

    `by_campaign` says whether the rows are emails of campaigns, or emails. Raises what `run_report` raises.
    """

    def __init__(
        self,
        connection: Connection,
        engine: Engine,
        logs: Sequence[Log],
        request: ReportRequest,
        *,
        by_campaign: bool,
    ) -> None:
        self._connection = connection
        self._engine = engine
        self._logs = [(log, log.relations()) for log in logs]
        self._request = request
        self._by_campaign = by_campaign
        self._dataset = load_semantics().datasets[REPORT_DATASET]
        self._found: dict[Setting, Figures] = {}
        self.named: dict[Key, Named] = {}
        self.notes: list[str] = []

    @property
    def relations(self) -> list[Relations]:
        """What the log holds, one for each instance of Marketo."""
        return [relations for _, relations in self._logs]

    def can_count(self, cause: Cause) -> CampaignError | None:
        """Why the database cannot count with the cause; None where it can."""
        zone = dict(cause.changes).get("time_zone", "UTC")
        try:
            if zone != "UTC":
                self._engine.check_zone(self._connection, zone)
        except CampaignError as error:
            return error
        return None

    def figures(self, setting: Setting) -> Figures:
        """The counts of each row that the report has by the setting; the names of the rows are kept in `named`."""
        if setting not in self._found:
            self._found[setting] = self._count(setting)
        return self._found[setting]

    def _count(self, setting: Setting) -> Figures:
        sql = self._sql(setting)
        report = fetch(self._connection, self._engine, self._dataset, sql, self._request)
        if not self._found:
            where = self._request.where
            self.notes += check_where(self._connection, self._engine, self._dataset, sql, where, report)
        figures: dict[Key, dict[str, int]] = {}
        for record in report.records():
            key = Key(
                record["source_name"] or "",
                record["campaign_id"] or 0 if self._by_campaign else None,
                record["email_id"],
            )
            named = self.named.setdefault(
                key, Named(record["email_name"], record["campaign_name"] if self._by_campaign else None)
            )
            if record["program_name"]:
                named.programs.add(record["program_name"])
            own = figures.setdefault(key, dict.fromkeys(COUNTS, 0))
            for name in COUNTS:
                own[name] += record[name]
        return figures

    def _sql(self, setting: Setting) -> str:
        engine = self._engine
        parts = {}
        for log, relations in self._logs:
            options = Options(as_of=setting.as_of, rules=setting.rules, source_name=log.instance.name)
            own = relations if setting.until is None else logged_until(relations, engine, setting.until)
            if setting.counted is Counted.SENT:
                facts = ComputedFacts(own, engine, setting.rules, setting.as_of)
            else:
                window = self._window(setting.rules.time_zone)
                facts = OtherFacts(own, engine, setting.rules, setting.as_of, setting.counted, window)
            query = build_dataset(REPORT_DATASET, facts, engine, options)
            parts[log.instance.name or ""] = runnable_sql(query, engine)
        return side_by_side(parts, engine)

    def _window(self, zone: str) -> Window:
        def moment(day: Any) -> datetime | None:
            if day is None:
                return None
            return midnight(day).replace(tzinfo=ZoneInfo(zone)).astimezone(timezone.utc).replace(tzinfo=None)

        return Window(moment(self._request.date_from), moment(self._request.date_to))
