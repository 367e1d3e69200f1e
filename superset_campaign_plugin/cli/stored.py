"""The command that keeps the stored tables: refresh."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from superset_campaign_plugin.cli.application import in_superset
from superset_campaign_plugin.cli.group import campaign
from superset_campaign_plugin.cli.options import rules_options, source_options, stored_file_option, stored_schema_option

if TYPE_CHECKING:
    from superset_campaign_plugin.report.rules import Rules


@campaign.command()
@click.option("--uri", metavar="URI", help="SQLAlchemy URI of the warehouse.  [default: the installed report's]")
@source_options
@rules_options
@stored_schema_option
@stored_file_option
@click.option(
    "--lock-wait",
    type=click.FloatRange(min=0),
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait for tables that others use.",
)
@click.option("--full", is_flag=True, help="Compute everything anew.")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and write nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def refresh(
    uri: str | None,
    schema: str | None,
    source: str,
    stored_schema: str,
    stored_file: str | None,
    lock_wait: float,
    rules: Rules,
    full: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Store records and rollups in the warehouse, or bring them up to date with what the loader has added.

    Without --uri it is the warehouse of the report that is installed in this Superset, with its settings.
    """
    import json

    if uri is None:
        with in_superset():
            from superset_campaign_plugin.bundle.refreshing import refresh_installed

            summary = refresh_installed(full=full, dry_run=dry_run, lock_wait=lock_wait, progress=_print_step)
    else:
        from superset_campaign_plugin.refresh.run import refresh as run

        summary = run(
            uri,
            source=source,
            schema=schema,
            stored_schema=stored_schema,
            stored_file=stored_file,
            rules=rules,
            full=full,
            dry_run=dry_run,
            lock_wait=lock_wait,
            progress=_print_step,
        )
    if as_json:
        click.echo(json.dumps(summary.as_dict(), indent=2))
        return
    would = "would be " if dry_run else ""
    click.echo(f"{would}{summary.mode}: {summary.reason}; {sum(summary.new_rows.values()):,} rows read as new")
    if not dry_run:
        click.echo(f"{summary.records:,} records, {summary.daily_rows:,} daily rows, {summary.seconds:g} s")
    for note in summary.notes:
        click.echo(note)


def _print_step(title: str) -> None:
    """Progress for a person who watches; a log gets the summary alone."""
    import sys

    if sys.stderr.isatty():
        click.echo(f"{title} ...", err=True)
