"""The command that keeps the stored tables: refresh."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from superset_campaign_plugin.cli.application import in_superset
from superset_campaign_plugin.cli.group import campaign
from superset_campaign_plugin.cli.options import (
    found_source,
    people_were_chosen,
    rules_options,
    source_options,
    stored_file_option,
    stored_schema_option,
    uri_options,
)

if TYPE_CHECKING:
    from superset_campaign_plugin.report.figures_change import FiguresChange
    from superset_campaign_plugin.report.rules import Rules


# Of what a verification found; --json has all of it.
_SHOWN = 20
# Set by `superset campaign install`, for a refresh of the installed report.
_INSTALLED = ("schema", "source", "table_prefix")
# Set by the block in superset_config.py, by which keys.
_SETTINGS = {
    "stored_schema": "stored_schema",
    "stored_file": "stored_file",
    "time_zone": "time_zone",
    "leave_out": "leave_out_{}",
    "leave_out_addresses": "leave_out_addresses",
    "people": "people",
    "merged_apart": "people",
}


@campaign.command()
@uri_options("SQLAlchemy URI of the warehouse.  [default: the installed report's]", required=False)
@source_options
@found_source
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
@click.option("--full", is_flag=True, help="Compute everything again from the whole log.")
@click.option(
    "--verify", is_flag=True, help="Compare the whole log with what was read of it, say what differs, and mend it."
)
@click.option("--dry-run", is_flag=True, help="Say what would be done, and write nothing.")
@click.option("--sql", is_flag=True, help="Print every statement of the refresh, and write nothing.")
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
    verify: bool,
    dry_run: bool,
    sql: bool,
    as_json: bool,
) -> None:
    """Store records and rollups in the warehouse, or bring them up to date with what the loader has added.

    Without --uri and --uri-file it is the warehouse of the report that is installed in this Superset, with this
    Superset's settings.
    """
    import json

    from superset_campaign_plugin.wording import counted

    if uri is None:
        _refuse_what_is_installed()
        with in_superset():
            from superset_campaign_plugin.bundle.refreshing import refresh_installed

            summary = refresh_installed(
                full=full,
                verify=verify,
                dry_run=dry_run,
                sql=sql,
                lock_wait=lock_wait,
                progress=_print_step,
                announce=(lambda _: None) if as_json else _print_change,
            )
    else:
        from superset_campaign_plugin.refresh.kept_people import change_of_figures
        from superset_campaign_plugin.refresh.run import refresh as run
        from superset_campaign_plugin.report.figures_change import KEEP_BY_OPTION

        place: dict[str, Any] = {
            "source": source,
            "schema": schema,
            "stored_schema": stored_schema,
            "stored_file": stored_file,
            "rules": rules,
        }
        change = None
        if not people_were_chosen():
            change = change_of_figures(uri, keep=KEEP_BY_OPTION, **place)
            if change is not None and not as_json:
                _print_change(change)
        summary = run(
            uri,
            **place,
            full=full,
            verify=verify,
            dry_run=dry_run,
            sql=sql,
            lock_wait=lock_wait,
            progress=_print_step,
        )
        summary.figures_change = change
    if as_json:
        click.echo(json.dumps(summary.as_dict(), indent=2))
        return
    if sql:
        click.echo(f"-- {summary.mode}: {summary.reason}")
        for statement in summary.statements:
            click.echo(f"{statement.strip()};")
        return
    would = "would be " if dry_run else ""
    click.echo(f"{would}{summary.mode}: {summary.reason}; {counted(sum(summary.new_rows.values()), 'row')} read as new")
    if not dry_run:
        stored = f"{counted(summary.records or 0, 'record')}, {counted(summary.daily_rows or 0, 'daily row')}"
        click.echo(f"{stored}, {summary.seconds:g} s")
    for sentence in summary.found[:_SHOWN]:
        click.echo(sentence)
    if len(summary.found) > _SHOWN:
        click.echo(f"and {len(summary.found) - _SHOWN:,} more")
    for note in summary.notes:
        click.echo(note)


def _refuse_what_is_installed() -> None:
    """Raise `UsageError` for an option that would have no effect on a refresh of the installed report."""
    from click.core import ParameterSource

    from superset_campaign_plugin.errors import UsageError
    from superset_campaign_plugin.wording import listed

    context = click.get_current_context()
    given = [
        name
        for name in (*_INSTALLED, *_SETTINGS)
        if context.get_parameter_source(name) not in (ParameterSource.DEFAULT, ParameterSource.DEFAULT_MAP, None)
    ]
    if not given:
        return
    places = []
    if installed := [name for name in given if name in _INSTALLED]:
        places.append(f"`superset campaign install` sets {_flags(installed)}")
    if settings := [name for name in given if name in _SETTINGS]:
        left_out = context.params["leave_out"] or ("deleted",)
        keys = list(dict.fromkeys(_SETTINGS[name].format(value) for name in settings for value in left_out))
        places.append(f"the block SUPERSET_CAMPAIGN of superset_config.py sets {_flags(settings)}, as {listed(keys)}")
    raise UsageError(
        f"without --uri the installed report is refreshed, for which {', and '.join(places)}; leave "
        f"{_flags(given)} out, or give --uri"
    )


def _flags(names: list[str]) -> str:
    from superset_campaign_plugin.wording import listed

    return listed([f"--{name.replace('_', '-')}" for name in names])


def _print_change(change: FiguresChange) -> None:
    click.echo(change.sentence, err=True)


def _print_step(title: str) -> None:
    """Progress for a person who watches; a log gets the summary alone."""
    import sys

    if sys.stderr.isatty():
        click.echo(f"{title} ...", err=True)
