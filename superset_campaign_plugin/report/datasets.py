"""The queries behind the virtual datasets of `datasets/`: the numbers with the names people know them by."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import String, case, cast, func, literal, literal_column, null, select, union_all
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.selectable import CTE, Select, TableClause

from superset_campaign_plugin.attributes import Attribute
from superset_campaign_plugin.engines import Engine
from superset_campaign_plugin.report.deliverability import COUNTS as DELIVERED_COUNTS
from superset_campaign_plugin.report.deliverability import light_columns, told_in_words
from superset_campaign_plugin.report.email_people import PERSON_COLUMNS, PERSON_COUNTS, PERSON_TIMES, email_people
from superset_campaign_plugin.report.facts import ComputedFacts, Facts
from superset_campaign_plugin.report.links import LINK_COUNTS
from superset_campaign_plugin.report.quality import quality_findings
from superset_campaign_plugin.report.records import PENDING_DAYS
from superset_campaign_plugin.report.relations import UNKNOWN_CAMPAIGN, Names, Relations
from superset_campaign_plugin.report.rules import Rules
from superset_campaign_plugin.report.rules_in_words import left_out_in_words
from superset_campaign_plugin.report.steps import comment
from superset_campaign_plugin.report.time_texts import day_text, minute_text
from superset_campaign_plugin.report.timing import COUNTS, moments
from superset_campaign_plugin.report.variants import COUNTS as VARIANT_COUNTS
from superset_campaign_plugin.report.variants import TIMES as VARIANT_TIMES
from superset_campaign_plugin.report.variants import told_variant
from superset_campaign_plugin.semantics import load_semantics, report_columns

PREVIEW_PATH = "/campaign-email/"
REPORT_DATASET = "campaign_email_performance"
QUALITY_DATASET = "campaign_email_quality"
TIMING_DATASET = "campaign_email_timing"
PEOPLE_DATASET = "campaign_email_people"
DETAILS_DATASET = "campaign_email_people_details"
DELIVERABILITY_DATASET = "campaign_email_deliverability"
VARIANTS_DATASET = "campaign_email_variants"
EMAIL_LINK = "email_link"
PERSON_LINK = "person_link"
REASON_LINK = "reason_link"
# Where Marketo shows a person, below the address of an instance.
_MARKETO_PERSON_PATH = "/leadDatabase/loadLeadDetail?leadId="
# The parameters of a preview's address that limit its figures; the dates are days, both inclusive.
CAMPAIGN, SENT_FROM, SENT_TO = "campaign_id", "sent_from", "sent_to"
# Below the preview's address, the page of one person.
PERSON_PAGE = "person"
NO_PREVIEW = ""
UNKNOWN_CAMPAIGN_NAME = "Unknown campaign"

_ROLLUP_KEY = ("campaign_id", "email_id", "sent_date")


@dataclass(frozen=True)
class Options:
    """What shapes the datasets beside the tables. `as_of` (UTC, without a zone) fixes the clock; None lets it run.

    `preview_path` is the path, with the deployment's application root, under which the preview is served; with
    `NO_PREVIEW` there are names in the place of links, and None leaves the column of the links out.
    `source_name` is the Marketo instance that the rows are of, where the report covers several, and `missing` says in
    words what its log lacks. `marketo_url` is where
    the one instance is opened in a browser, so that people's ids lead there; None for plain ids. `attributes` are those
    of people that `DETAILS_DATASET` shows.
    """

    as_of: datetime | None = None
    preview_path: str | None = PREVIEW_PATH
    rules: Rules = field(default_factory=Rules)
    source_name: str | None = None
    missing: str = ""
    marketo_url: str | None = None
    attributes: tuple[Attribute, ...] = ()


def build_dataset(name: str, facts: Facts, engine: Engine, options: Options) -> Select:
    """The query of the dataset `name` of `datasets/`; its columns are the dataset's and those its metrics add up.

    All datasets but two: `QUALITY_DATASET` reads the log itself, since stored tables hold only what counts, and
    `DETAILS_DATASET` is made of `PEOPLE_DATASET` by `people_details.py`.
    """
    view = facts.view(name)
    return compose_dataset(name, facts, engine, options) if view is None else _of_view(name, view, engine, options)


def compose_dataset(name: str, facts: Facts, engine: Engine, options: Options) -> Select:
    """The same of the figures and names themselves, with no view in between."""
    return _BUILDERS[name](facts, engine, options)


def computed_dataset(name: str, relations: Relations, engine: Engine, options: Options) -> Select:
    """The query of any dataset as computed from the log, but of `DETAILS_DATASET`."""
    if name == QUALITY_DATASET:
        return quality_findings(relations, engine, options.rules, options.as_of, options.source_name)
    return build_dataset(name, ComputedFacts(relations, engine, options.rules, options.as_of), engine, options)


def _of_view(name: str, view: TableClause, engine: Engine, options: Options) -> Select:
    """The dataset of a view. It is short: Superset parses the SQL of a dataset several times for each chart."""
    rows = view.alias("report")
    columns: list[ColumnElement[Any]] = [literal_column("report.*")]
    names = [dimension.name for dimension in load_semantics().datasets[name].dimensions]
    if EMAIL_LINK in names or name == DELIVERABILITY_DATASET:
        made_of = (*_SHOWN_FROM, *(["person_id", "reason"] if PERSON_LINK in names else []))
        own = {each: literal_column(f"report.{each}") for each in made_of}
        columns += _shown_in(name, own, engine, options)
    if name == DELIVERABILITY_DATASET:
        columns += light_columns(options.rules)
    return comment(select(*columns).select_from(rows), "The report as the last refresh stored it")


def _performance(facts: Facts, engine: Engine, options: Options) -> Select:
    rollup = facts.daily()
    sums = [column for column in rollup.c if column.name not in _ROLLUP_KEY]
    named, names = with_names(rollup, facts.names(), engine, options)
    expressions = {column.name: getattr(column, "element", column) for column in names}
    times = {name: rollup.c[name] for name in ("sent_date", "last_activity_at")}
    return comment(
        named.add_columns(
            *names,
            rollup.c.sent_date,
            *_shown({**expressions, **times}, engine, options),
            *_labels(expressions, engine, "program", "campaign"),
            engine.text(literal(options.missing)).label("missing_in_log"),
            *sums,
        ),
        "The report with names. A name that is missing shows the id",
    )


def _columns(facts: Facts, engine: Engine, options: Options) -> Select:
    report = comment(_performance(facts, engine, options), "The report").cte("report")
    titles = _report_columns()
    position = titles.c.column_position
    metrics = load_semantics().metrics
    sums = {metric.name: metric.sum for metric in metrics}
    numerators, denominators = [], []
    for place, metric in enumerate(report_columns(metrics), start=1):
        top, bottom = metric.ratio or (metric.name, None)
        numerators.append((position == literal(place), report.c[sums[top]]))
        if bottom is not None:
            denominators.append((position == literal(place), report.c[sums[bottom]]))
    names = [dimension.name for dimension in load_semantics().dimensions]
    dimensions = [report.c[name] for name in names if name in report.c]
    return comment(
        select(
            *dimensions,
            titles.c.column_title,
            position,
            case(*numerators).label("numerator"),
            case(*denominators).label("denominator"),
        ).select_from(report.join(titles, literal(1) == literal(1))),
        "One row for each column of the report; a count has no denominator",
    )


def _report_columns() -> CTE:
    rows = [
        select(literal(place).label("column_position"), literal(metric.title).label("column_title"))
        for place, metric in enumerate(report_columns(load_semantics().metrics), start=1)
    ]
    rows[0] = comment(rows[0], "The columns in Marketo's order")
    return union_all(*rows).cte("report_columns")


def _links(facts: Facts, engine: Engine, options: Options) -> Select:
    clicks = facts.links()
    named, names = with_names(clicks, facts.names(), engine, options)
    expressions = {column.name: getattr(column, "element", column) for column in names}
    labels = _labels(expressions, engine, "email", "program", "campaign")
    return comment(
        named.add_columns(*names, *labels, *(clicks.c[name] for name in ("sent_date", "link", *LINK_COUNTS))),
        "The clicks with names. A name that is missing shows the id",
    )


def _timing(facts: Facts, engine: Engine, options: Options) -> Select:
    rollup = facts.timing()
    counts = [rollup.c[name] for name in COUNTS]
    named, names = with_names(rollup, facts.names(), engine, options)
    expressions = {column.name: getattr(column, "element", column) for column in names}
    shown = _shown_in(TIMING_DATASET, {**expressions, "sent_date": rollup.c.sent_date}, engine, options)
    return comment(
        named.add_columns(
            *names,
            rollup.c.sent_date,
            *shown,
            *_labels(expressions, engine, "program", "campaign"),
            *moments(rollup),
            *counts,
        ),
        "The timing with names. A name that is missing shows the id",
    )


def _people(facts: Facts, engine: Engine, options: Options) -> Select:
    people = email_people(facts.records(), engine, options.rules, options.as_of)
    named, names = with_names(people, facts.names(), engine, options)
    expressions = {column.name: getattr(column, "element", column) for column in names}
    made_of = {**expressions, **{name: people.c[name] for name in _PERSON_SHOWN_FROM}}
    return comment(
        named.add_columns(
            *names,
            people.c.sent_date,
            *_shown_in(PEOPLE_DATASET, made_of, engine, options),
            *_labels(expressions, engine, "program", "campaign"),
            *(people.c[name] for name in (*PERSON_COLUMNS, *PERSON_COUNTS, *PERSON_TIMES)),
        ),
        "The people with names. A name that is missing shows the id",
    )


def _deliverability(facts: Facts, engine: Engine, options: Options) -> Select:
    rollup = facts.deliverability(options.rules)
    named, names = with_names(rollup, facts.names(), engine, options)
    expressions = {column.name: getattr(column, "element", column) for column in names}
    shown = _shown_in(DELIVERABILITY_DATASET, {**expressions, "sent_date": rollup.c.sent_date}, engine, options)
    # Beside a view, as links to previews are: other thresholds need no other stored tables.
    light = [] if options.preview_path is None else light_columns(options.rules)
    return comment(
        named.add_columns(
            *names,
            rollup.c.sent_date,
            *shown,
            *_labels(expressions, engine, "program", "campaign"),
            *told_in_words(rollup),
            *light,
            *(rollup.c[name] for name in DELIVERED_COUNTS),
        ),
        "Domains and bounces with names. A name that is missing shows the id",
    )


def _variants(facts: Facts, engine: Engine, options: Options) -> Select:
    rollup = facts.variants(options.rules)
    named, names = with_names(rollup, facts.names(), engine, options)
    expressions = {column.name: getattr(column, "element", column) for column in names}
    shown = _shown_in(VARIANTS_DATASET, {**expressions, "sent_date": rollup.c.sent_date}, engine, options)
    return comment(
        named.add_columns(
            *names,
            rollup.c.sent_date,
            *shown,
            *_labels(expressions, engine, "program", "campaign"),
            *told_variant(rollup),
            rollup.c.last_test_day,
            *(rollup.c[name] for name in (*VARIANT_COUNTS, *VARIANT_TIMES)),
        ),
        "The variants with names. A name that is missing shows the id",
    )


def with_names(facts: CTE, known: Names, engine: Engine, options: Options) -> tuple[Select, list[ColumnElement[Any]]]:
    """The facts beside what their ids stand for, and the columns that say it: those of the report's dimensions."""
    campaigns = known.campaigns.cte("newest_campaigns")
    programs = known.programs.cte("newest_programs")
    emails = known.emails.cte("newest_emails")
    joined = (
        facts.join(campaigns, facts.c.campaign_id == campaigns.c.campaign_id, isouter=True)
        .join(programs, campaigns.c.program_id == programs.c.program_id, isouter=True)
        .join(emails, facts.c.email_id == emails.c.email_id, isouter=True)
    )

    rows = select().select_from(joined)
    if options.rules.leave_out_operational:
        rows = rows.where(_is_not(emails.c.operational))
    if options.rules.leave_out_archived:
        rows = rows.where(_is_not(campaigns.c.archived), _is_not(emails.c.archived))

    def name_or_id(name: ColumnElement[Any], identifier: ColumnElement[Any]) -> ColumnElement[Any]:
        return func.coalesce(name, cast(identifier, String))

    # As the other texts, or an engine that passes over upper and lower case would take one name for another.
    instance = cast(null(), String) if options.source_name is None else engine.text(literal(options.source_name))
    return rows, [
        instance.label("source_name"),
        func.coalesce(campaigns.c.workspace, programs.c.workspace, emails.c.workspace).label("workspace"),
        campaigns.c.program_id.label("program_id"),
        name_or_id(func.coalesce(programs.c.name, campaigns.c.program_name), campaigns.c.program_id).label(
            "program_name"
        ),
        func.nullif(facts.c.campaign_id, literal(UNKNOWN_CAMPAIGN)).label("campaign_id"),
        case(
            (facts.c.campaign_id == literal(UNKNOWN_CAMPAIGN), literal(UNKNOWN_CAMPAIGN_NAME)),
            else_=name_or_id(campaigns.c.name, facts.c.campaign_id),
        ).label("campaign_name"),
        campaigns.c.active.label("campaign_active"),
        facts.c.email_id,
        name_or_id(emails.c.name, facts.c.email_id).label("email_name"),
        emails.c.subject.label("email_subject"),
        emails.c.operational.label("operational"),
    ]


def _is_not(flag: ColumnElement[Any]) -> ColumnElement[Any]:
    return func.coalesce(flag, literal("No")) == literal("No")


def _escape(text: ColumnElement[Any], characters: str) -> ColumnElement[Any]:
    for plain in characters:
        text = func.replace(text, literal(plain), literal(html.escape(plain)))
    return text


def _label(name: ColumnElement[Any], engine: Engine) -> ColumnElement[Any]:
    """The name as tables that render HTML must get it. Only a name with markup in it becomes HTML itself."""
    escaped = literal("<span>").concat(_escape(name, "&<>")).concat(literal("</span>"))
    return case((engine.contains(name, "<"), escaped), else_=name)


# What the columns of `_shown` are made of.
_SHOWN_FROM = ("email_name", "email_id", "campaign_id", "sent_date", "last_activity_at")
_PERSON_SHOWN_FROM = ("sent_date", "last_activity_at", "person_id", "reason")


def _shown(own: Mapping[str, ColumnElement[Any]], engine: Engine, options: Options) -> list[ColumnElement[Any]]:
    """What is made for Superset's charts alone, if there are links or names in their place."""
    if options.preview_path is None:
        return []
    shown = [
        _email_link(own, engine, options).label(EMAIL_LINK),
        _label(own["email_name"], engine).label("email_label"),
        day_text(own["sent_date"]).label("sent_day"),
        day_text(engine.week(own["sent_date"])).label("sent_week"),
    ]
    if "last_activity_at" in own:
        shown.append(minute_text(own["last_activity_at"]).label("activity_minute"))
        clock = engine.now() if options.as_of is None else engine.time_literal(options.as_of)
        shown.append(minute_text(engine.days_before(clock, PENDING_DAYS)).label("quiet_since"))
    if "person_id" in own:
        shown.append(_person_link(own["person_id"], options).label(PERSON_LINK))
        shown.append(_reason_link(own, options).label(REASON_LINK))
    said = {"time_zone": options.rules.time_zone, "left_out": left_out_in_words(options.rules)}
    return [*shown, *(engine.text(literal(words)).label(name) for name, words in said.items())]


def _shown_in(
    name: str, own: Mapping[str, ColumnElement[Any]], engine: Engine, options: Options
) -> list[ColumnElement[Any]]:
    """Those of `_shown` that the dataset `name` has."""
    dimensions = {dimension.name for dimension in load_semantics().datasets[name].dimensions}
    return [column for column in _shown(own, engine, options) if column.name in dimensions]


def _labels(own: Mapping[str, ColumnElement[Any]], engine: Engine, *kinds: str) -> list[ColumnElement[Any]]:
    """The names of these kinds of assets as tables show them."""
    return [_label(own[f"{kind}_name"], engine).label(f"{kind}_label") for kind in kinds]


def marketo_person(base: str) -> str:
    """What the id of a person is added to, for the person's address in the Marketo that opens at `base`."""
    return base.rstrip("/") + _MARKETO_PERSON_PATH


def _person_link(person_id: ColumnElement[Any], options: Options) -> ColumnElement[Any]:
    """The person's id as a link to Marketo; the id alone where the instance's address is not known.

    Of several instances the setting knows one at most, so there it is the id.
    """
    text = cast(person_id, String)
    if options.marketo_url is None or options.source_name is not None:
        return text
    address = html.escape(marketo_person(options.marketo_url), quote=True)
    link = literal(f'<a title="[id]" href="{address}[id]" target="_blank">[id]</a>')
    return func.replace(link, literal("[id]"), text)


def _reason_link(own: Mapping[str, ColumnElement[Any]], options: Options) -> ColumnElement[Any]:
    """The reason as a link to the page that explains it. The words are the plugin's own, and need no escaping."""
    if options.preview_path == NO_PREVIEW:
        return own["reason"]
    instance = "" if options.source_name is None else f"?source={options.source_name}"
    address = f"{options.preview_path}[email]/{PERSON_PAGE}/[person]/{instance}"
    link: ColumnElement[Any] = literal(f'<a title="[reason]" href="{address}" target="_blank">[reason]</a>')
    for place, value in (("email", own["email_id"]), ("person", own["person_id"])):
        link = func.replace(link, literal(f"[{place}]"), cast(value, String))
    return func.replace(link, literal("[reason]"), own["reason"])


def _email_link(own: Mapping[str, ColumnElement[Any]], engine: Engine, options: Options) -> ColumnElement[Any]:
    """The email's name as a link to its preview in this campaign. The title comes first: cells sort by the name."""
    name = own["email_name"]
    if options.preview_path == NO_PREVIEW:
        return _label(name, engine)
    instance = "" if options.source_name is None else f"source={options.source_name}&"
    address = f"{options.preview_path}[id]/?{instance}{CAMPAIGN}=[campaign]"
    template = f'<a title="[name]" href="{address}" target="_blank">[name]</a>'
    with_id = func.replace(literal(template), literal("[id]"), cast(own["email_id"], String))
    campaign = cast(func.coalesce(own["campaign_id"], literal(UNKNOWN_CAMPAIGN)), String)
    with_campaign = func.replace(with_id, literal("[campaign]"), campaign)
    # The name goes in last: whatever it holds, nothing replaces a part of it afterwards.
    return func.replace(with_campaign, literal("[name]"), _escape(name, "&<>\"'"))


_BUILDERS: dict[str, Callable[[Facts, Engine, Options], Select]] = {
    REPORT_DATASET: _performance,
    "campaign_email_columns": _columns,
    "campaign_email_links": _links,
    TIMING_DATASET: _timing,
    PEOPLE_DATASET: _people,
    DELIVERABILITY_DATASET: _deliverability,
    VARIANTS_DATASET: _variants,
}
