"""Commands that read a warehouse: report, timing, deliverability, variants, doctor, sql."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

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
    from datetime import datetime

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


def _figures(
    by: str, groupings: str, *, of_the_clock: bool = True
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Adds the options of a command that prints figures: its groupings, by default `by`, the days, a filter, the form.

    Figures `of_the_clock` depend on the time of the question, as Pending does.
    """
    grouping = click.option(
        "--by", default=by, show_default=True, callback=names, metavar="LIST", help=f"Groupings: {groupings}."
    )
    clock = [_as_of] if of_the_clock else []
    wanted = [warehouse_options, rules_options, stored_options, *clock, _date_from, _date_to, grouping, _where]

    def with_options(command: Callable[..., None]) -> Callable[..., None]:
        # As decorators, of which the last is applied first.
        for option in reversed([*wanted, form_option]):
            command = option(command)
        return command

    return with_options


@campaign.command()
@_figures("campaign,email", "source, workspace, program, campaign, email, day, week, month; empty for one total")
def report(**asked: Any) -> None:
    """Print the report of a warehouse."""
    from superset_campaign_plugin.reporting.run_report import run_report

    _print(run_report, **asked)


@campaign.command()
@_figures(
    "campaign,email",
    "those of report, weekday and hour of the send, and hours, which is the time since the send",
    of_the_clock=False,
)
def timing(**asked: Any) -> None:
    """Print when people opened and clicked after the send."""
    from superset_campaign_plugin.reporting.run_timing import run_timing

    _print(run_timing, **asked)


@campaign.command()
@_figures("domain", "those of report, the domain of the address, and the reason of a bounce")
def deliverability(**asked: Any) -> None:
    """Print which domains refuse emails, and why emails bounced."""
    from superset_campaign_plugin.reporting.run_deliverability import run_deliverability

    _print(run_deliverability, **asked)


@campaign.command()
@_figures("campaign,email,variant", "those of report, and variant; the verdict needs campaign, email and variant")
def variants(**asked: Any) -> None:
    """Print which variant of a tested email does better, and whether that may be chance."""
    from superset_campaign_plugin.reporting.run_variants import run_variants

    _print(run_variants, **asked)


def _facts(stored: bool, stored_schema: str, stored_file: str | None) -> StoredSource | None:
    """Where the figures are read from: the stored tables, or None for the log.

    Raises `UsageError` for options of stored tables without `--stored`.
    """
    from superset_campaign_plugin.refresh.state import StoredSource

    check_stored_options(stored)
    return StoredSource(stored_schema, stored_file) if stored else None


def _print(
    run: Callable[..., Report], form: str, stored: bool, stored_schema: str, stored_file: str | None, **asked: Any
) -> None:
    """Print the rows of what `run` finds, and its notes as errors."""
    from superset_campaign_plugin.reporting.output import FORMATS

    found = run(facts=_facts(stored, stored_schema, stored_file), **asked)
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
