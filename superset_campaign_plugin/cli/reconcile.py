"""The command that lays a report exported from Marketo beside the plugin's: reconcile."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from superset_campaign_plugin.cli.group import campaign
from superset_campaign_plugin.cli.options import conditions, day, names, rules_options, time, warehouse_options

if TYPE_CHECKING:
    from datetime import date, datetime

    from superset_campaign_plugin.report.rules import Rules


def _headings(_: click.Context, option: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    found = conditions(_, option, values)
    return {field: heading for field, headings in found.items() for heading in headings}


@campaign.command()
@click.argument("export", metavar="EXPORT")
@warehouse_options
@rules_options
@click.option(
    "--as-of",
    callback=time,
    metavar="TIME",
    help="The time used to decide whether a send is Pending or Aborted.  [default: now]",
)
@click.option(
    "--exported-at",
    callback=time,
    metavar="TIME",
    help="When the export was made.  [default: what the workbook says, else when the file was written]",
)
@click.option("--from", "date_from", callback=day, metavar="DAY", help="First day of the first send, inclusive.")
@click.option("--to", "date_to", callback=day, metavar="DAY", help="Last day of the first send, exclusive.")
@click.option(
    "--where",
    multiple=True,
    callback=conditions,
    metavar="FIELD=VALUE",
    help="Keep a dimension's value; the same field again allows another value, an empty value means none.",
)
@click.option(
    "--try-zones",
    callback=lambda context, option, value: None if value is None else names(context, option, value),
    metavar="LIST",
    help="Time zones in which Marketo may have taken the days, with commas.  [default: twelve usual ones]",
)
@click.option(
    "--heading",
    multiple=True,
    callback=_headings,
    metavar="COLUMN=HEADING",
    help="What the file calls a column, as email=Asset or sent=Total; the columns are campaign, email and the figures.",
)
@click.option(
    "--format",
    "form",
    default="table",
    show_default=True,
    type=click.Choice(["table", "json", "html"]),
    help="Form of the output.",
)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, writable=True),
    metavar="FILE",
    help="Write to this file, not the screen.",
)
def reconcile(
    export: str,
    uri: str,
    schema: str | None,
    source: str,
    as_of: datetime | None,
    exported_at: datetime | None,
    date_from: date | None,
    date_to: date | None,
    where: dict[str, list[str]],
    try_zones: tuple[str, ...] | None,
    heading: dict[str, str],
    form: str,
    output: str | None,
    rules: Rules,
) -> None:
    """Compare a report exported from Marketo with this one, and name the cause of every figure that differs.

    EXPORT is the CSV or XLSX file of an Email Performance or Campaign Email Performance report. The exit code is 0 when
    every difference is explained, and 1 when something is not.
    """
    from pathlib import Path

    from superset_campaign_plugin.errors import UsageError
    from superset_campaign_plugin.reporting.causes import ZONES
    from superset_campaign_plugin.reporting.reconcile_output import FORMS
    from superset_campaign_plugin.reporting.reconcile_words import summary
    from superset_campaign_plugin.reporting.reconciliation import reconcile as reconcile_with

    found = reconcile_with(
        export,
        uri,
        source=source,
        schema=schema,
        as_of=as_of,
        made_at=exported_at,
        date_from=date_from,
        date_to=date_to,
        where=where,
        rules=rules,
        zones=ZONES if try_zones is None else try_zones,
        headings=heading,
    )
    text = FORMS[form](found)
    if output is None:
        click.echo(text, nl=False, color=True)
    else:
        try:
            Path(output).write_text(text, encoding="utf-8")
        except OSError as error:
            raise UsageError(f"cannot write {output}: {error.strerror}") from error
        click.echo(f"{summary(found)}; {output} written", err=True)
    if found.unexplained:
        click.get_current_context().exit(1)
