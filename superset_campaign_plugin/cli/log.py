"""The command that stores the activities of Marketo's extracts: load."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator

import click

from superset_campaign_plugin.cli.group import campaign
from superset_campaign_plugin.cli.options import uri_options


def _delimiter(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    from superset_campaign_plugin.load.extract import DELIMITERS

    if value is None:
        return None
    delimiter = DELIMITERS.get(value.lower(), value)
    if len(delimiter) != 1 or delimiter.isalnum() or delimiter in '"\r\n\0':
        raise click.BadParameter(
            f"{value!r} is none of {', '.join(DELIMITERS)}, and no single character between fields"
        )
    return delimiter


def _headings(context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    from superset_campaign_plugin.load.extract import ALL_COLUMNS

    fields = {name.lower(): name for name in ALL_COLUMNS}
    headings = {}
    for value in values:
        name, _, heading = value.partition("=")
        field = fields.get(name.strip().lower())
        if field is None or not heading.strip():
            raise click.BadParameter(f"{value!r} is not FIELD=HEADING with one of {', '.join(ALL_COLUMNS)}")
        headings[field] = heading
    return headings


def _activity_type(context: click.Context, parameter: click.Parameter, value: int | None) -> int | None:
    from superset_campaign_plugin.load.extract import STORED_TYPES

    if value is not None and value not in STORED_TYPES:
        raise click.BadParameter(
            f"{value} is none of the types that are stored: {', '.join(map(str, sorted(STORED_TYPES)))}"
        )
    return value


@campaign.command()
@click.argument("files", nargs=-1, required=True, type=click.Path())
@uri_options()
@click.option("--schema", metavar="NAME", help="Schema of the table of activities.  [default: the database's own]")
@click.option("--rejected", type=click.Path(), metavar="DIR", help="Where bad rows are set aside.  [beside each file]")
@click.option(
    "--max-rejected",
    type=click.IntRange(min=0),
    metavar="N",
    help="Stop at a file with more bad rows.  [more than 100, and a tenth of the file so far]",
)
@click.option(
    "--delimiter",
    metavar="NAME",
    callback=_delimiter,
    help="What separates the fields: comma, tab, semicolon, space, or one character.  [default: by the header]",
)
@click.option(
    "--heading",
    "headings",
    multiple=True,
    metavar="FIELD=HEADING",
    callback=_headings,
    help="The heading of a column where it is not Marketo's, as in leadId=Person. Can be repeated.",
)
@click.option(
    "--activity-type",
    type=click.IntRange(min=1),
    metavar="ID",
    callback=_activity_type,
    help="The type of all rows of files without a column activityTypeId.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def load(
    files: tuple[str, ...],
    uri: str,
    schema: str | None,
    rejected: str | None,
    max_rejected: int | None,
    delimiter: str | None,
    headings: dict[str, str],
    activity_type: int | None,
    as_json: bool,
) -> None:
    """Store Marketo's bulk activity extracts (CSV, TSV or SSV, plain or gzip) in the table marketo_activity.

    The same command again continues where it was interrupted; what is stored already stays as it is.
    """
    import json
    from pathlib import Path

    from superset_campaign_plugin.load.extract import Form
    from superset_campaign_plugin.load.load_files import load_files

    with _progress_bar() as advance:
        summary = load_files(
            uri,
            [Path(file) for file in files],
            schema=schema,
            rejected=None if rejected is None else Path(rejected),
            max_rejected=max_rejected,
            form=Form(delimiter, headings, activity_type),
            on_progress=advance,
        )
    for line in summary.notes():
        click.echo(line, err=True)
    click.echo(json.dumps(summary.as_dict(), indent=2) if as_json else summary.text())
    if not summary.complete:
        click.get_current_context().exit(1)


@contextlib.contextmanager
def _progress_bar() -> Iterator[Callable[[int, int], None]]:
    """Shows how much is done of how much; nothing where stderr is no terminal."""
    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    with click.progressbar(length=0, file=sys.stderr) as bar:

        def advance(done: int, total: int) -> None:
            bar.length = total
            bar.update(done - bar.pos)

        yield advance
