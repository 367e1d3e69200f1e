"""Commands that read a warehouse: report, timing, deliverability, variants, doctor, sql."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from superset_campaign_plugin.cli.group import campaign
from superset_campaign_plugin.cli.options import (
    check_stored_options,
    conditions,
    day,
    form_option,
    names,
    rules_options,
    stored_options,
    time,
    warehouse_options,
)

if TYPE_CHECKING:
    from datetime import date, datetime

    from superset_campaign_plugin.refresh.state import StoredSource
    from superset_campaign_plugin.report.rules import Rules
    from superset_campaign_plugin.reporting.query import Report

_as_of = click.option(
    "--as-of",
    callback=time,
    metavar="TIME",
    help="The time used to decide whether a send is Pending or Aborted.  [default: now]",
)
_date_from = click.option(
    "--from", "date_from", callback=day, metavar="DAY", help="First day of the first send, inclusive."
)
_date_to = click.option("--to", "date_to", callback=day, metavar="DAY", help="Last day of the first send, exclusive.")
_where = click.option(
    "--where",
    multiple=True,
    callback=conditions,
    metavar="FIELD=VALUE",
    help="Keep a dimension's value; the same field again allows another value, an empty value means none.",
)


@campaign.command()
@warehouse_options
@rules_options
@stored_options
@_as_of
@_date_from
@_date_to
@click.option(
    "--by",
    default="campaign,email",
    show_default=True,
    callback=names,
    metavar="LIST",
    help="Groupings: source, workspace, program, campaign, email, day, week, month; empty for one total.",
)
@_where
@form_option
def report(
    uri: str,
    schema: str | None,
    source: str,
    as_of: datetime | None,
    date_from: date | None,
    date_to: date | None,
    by: tuple[str, ...],
    where: dict[str, list[str]],
    form: str,
    rules: Rules,
    stored: bool,
    stored_schema: str,
    stored_file: str | None,
) -> None:
    """Print the report of a warehouse."""
    from superset_campaign_plugin.reporting.run_report import run_report

    found = run_report(
        uri,
        source=source,
        schema=schema,
        as_of=as_of,
        date_from=date_from,
        date_to=date_to,
        by=by,
        where=where,
        rules=rules,
        facts=_facts(stored, stored_schema, stored_file),
    )
    _print(found, form)


@campaign.command()
@warehouse_options
@rules_options
@stored_options
@_date_from
@_date_to
@click.option(
    "--by",
    default="campaign,email",
    show_default=True,
    callback=names,
    metavar="LIST",
    help="Groupings: those of report, weekday and hour of the send, and hours, which is the time since the send.",
)
@_where
@form_option
def timing(
    uri: str,
    schema: str | None,
    source: str,
    date_from: date | None,
    date_to: date | None,
    by: tuple[str, ...],
    where: dict[str, list[str]],
    form: str,
    rules: Rules,
    stored: bool,
    stored_schema: str,
    stored_file: str | None,
) -> None:
    """Print when people opened and clicked after the send."""
    from superset_campaign_plugin.reporting.run_timing import run_timing

    found = run_timing(
        uri,
        source=source,
        schema=schema,
        date_from=date_from,
        date_to=date_to,
        by=by,
        where=where,
        rules=rules,
        facts=_facts(stored, stored_schema, stored_file),
    )
    _print(found, form)


@campaign.command()
@warehouse_options
@rules_options
@stored_options
@_as_of
@_date_from
@_date_to
@click.option(
    "--by",
    default="domain",
    show_default=True,
    callback=names,
    metavar="LIST",
    help="Groupings: those of report, the domain of the address, and the reason of a bounce.",
)
@_where
@form_option
def deliverability(
    uri: str,
    schema: str | None,
    source: str,
    as_of: datetime | None,
    date_from: date | None,
    date_to: date | None,
    by: tuple[str, ...],
    where: dict[str, list[str]],
    form: str,
    rules: Rules,
    stored: bool,
    stored_schema: str,
    stored_file: str | None,
) -> None:
    """Print which domains refuse emails, and why emails bounced."""
    from superset_campaign_plugin.reporting.run_deliverability import run_deliverability

    found = run_deliverability(
        uri,
        source=source,
        schema=schema,
        as_of=as_of,
        date_from=date_from,
        date_to=date_to,
        by=by,
        where=where,
        rules=rules,
        facts=_facts(stored, stored_schema, stored_file),
    )
    _print(found, form)


@campaign.command()
@warehouse_options
@rules_options
@stored_options
@_as_of
@_date_from
@_date_to
@click.option(
    "--by",
    default="campaign,email,variant",
    show_default=True,
    callback=names,
    metavar="LIST",
    help="Groupings: those of report, and variant; the verdict needs campaign, email and variant.",
)
@_where
@form_option
def variants(
    uri: str,
    schema: str | None,
    source: str,
    as_of: datetime | None,
    date_from: date | None,
    date_to: date | None,
    by: tuple[str, ...],
    where: dict[str, list[str]],
    form: str,
    rules: Rules,
    stored: bool,
    stored_schema: str,
    stored_file: str | None,
) -> None:
    """Print which variant of a tested email does better, and whether that may be chance."""
    from superset_campaign_plugin.reporting.run_variants import run_variants

    found = run_variants(
        uri,
        source=source,
        schema=schema,
        as_of=as_of,
        date_from=date_from,
        date_to=date_to,
        by=by,
        where=where,
        rules=rules,
        facts=_facts(stored, stored_schema, stored_file),
    )
    _print(found, form)


def _facts(stored: bool, stored_schema: str, stored_file: str | None) -> StoredSource | None:
    """Where the figures are read from: the stored tables, or None for the log.

    Raises `UsageError` for options of stored tables without `--stored`.
    """
    from superset_campaign_plugin.refresh.state import StoredSource

    check_stored_options(stored)
    return StoredSource(stored_schema, stored_file) if stored else None


def _print(found: Report, form: str) -> None:
    """Print the notes as errors, and the rows."""
    from superset_campaign_plugin.reporting.output import FORMATS

    for note in found.notes:
        click.echo(note, err=True)
    # Names are data: click must not take anything out of them. The table has blanked what acts on a terminal.
    click.echo(FORMATS[form](found), nl=False, color=True)


@campaign.command()
@warehouse_options
@rules_options
@click.option("--as-of", callback=time, metavar="TIME", help="The time from which lateness and age are counted.  [now]")
@form_option
@click.option("--strict", is_flag=True, help="Exit with 1 if there is a problem.")
def doctor(
    uri: str, schema: str | None, source: str, rules: Rules, as_of: datetime | None, form: str, strict: bool
) -> None:
    """Say what a warehouse's log lacks, and what that does to the figures."""
    from superset_campaign_plugin.reporting.doctor import FORMS, run_doctor

    findings = run_doctor(uri, source=source, schema=schema, as_of=as_of, rules=rules)
    click.echo(FORMS[form](findings), nl=False, color=True)
    if strict and any(finding.severity == "problem" for finding in findings):
        click.get_current_context().exit(1)


@campaign.command()
@warehouse_options
@rules_options
@click.option(
    "--dataset", default="campaign_email_performance", show_default=True, help="The dataset whose SQL is printed."
)
def sql(uri: str, schema: str | None, source: str, dataset: str, rules: Rules) -> None:
    """Print the SQL of a dataset, for the tables that a warehouse has."""
    from superset_campaign_plugin.errors import unknown
    from superset_campaign_plugin.report.datasets import Options
    from superset_campaign_plugin.reporting.dataset_sql import dataset_sql
    from superset_campaign_plugin.semantics import load_semantics
    from superset_campaign_plugin.sources.resolved import resolve
    from superset_campaign_plugin.warehouse import connect

    known = load_semantics().names(people=True)
    if dataset not in known:
        raise unknown("dataset", dataset, known)
    resolved = resolve(source, schema)
    with connect(uri) as (connection, engine):
        found = dataset_sql(connection, engine, resolved, Options(rules=rules), [dataset])
    click.echo(found[dataset])
