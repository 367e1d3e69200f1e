"""Options that several commands have, and the forms of what people write in one."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from datetime import date, datetime


def combined(*options: Callable[..., Any]) -> Callable[..., Any]:
    return lambda command: functools.reduce(lambda wrapped, option: option(wrapped), reversed(options), command)


class _SourceOption(click.Option):
    """`--source`, whose help names the layouts that there are. They are looked up when somebody reads it."""

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        from superset_campaign_plugin.sources import layouts

        self.help = (
            f"Layout of the loader: {', '.join(sorted(layouts()))}, a mapping file of your own (.yaml), "
            "or a file that names several Marketo instances (.yaml).  [default: the one whose tables are there]"
        )
        return super().get_help_record(ctx)


source_options = combined(
    click.option("--schema", metavar="NAME", help="Schema of the loader's tables.  [default: the database's own]"),
    click.option("--source", cls=_SourceOption, metavar="NAME"),
    click.option(
        "--table-prefix",
        metavar="TEXT",
        help="What the names of the loader's tables begin with, before the layout's own, as marketo__.",
    ),
)


def found_source(command: Callable[..., Any]) -> Callable[..., Any]:
    """Hands the command `source` alone, as `chosen_source` gives it. For below `uri_options` and `source_options`."""

    @functools.wraps(command)
    def with_source(**options: Any) -> Any:
        source = chosen_source(**options)
        del options["table_prefix"]
        return command(**{**options, "source": source})

    return with_source


def chosen_source(
    source: str | None, table_prefix: str | None, uri: str | None, schema: str | None, **options: Any
) -> str:
    """The source that is given, with its prefix, or that of the warehouse's tables, which is said.

    Stored tables keep the source that they were made of.
    """
    from superset_campaign_plugin.sources.prefix import with_prefix
    from superset_campaign_plugin.sources.recognise import DEFAULT

    if source is None and uri is not None:
        source = _recognised(table_prefix, uri, schema, **options)
    return with_prefix(source or DEFAULT, table_prefix)


def _recognised(
    prefix: str | None,
    uri: str,
    schema: str | None,
    *,
    stored: bool = False,
    stored_schema: str = "",
    stored_file: str | None = None,
    **_: Any,
) -> str | None:
    from superset_campaign_plugin.refresh.state import stored_source
    from superset_campaign_plugin.sources.catalog import LiveCatalog
    from superset_campaign_plugin.sources.recognise import DEFAULT, recognise
    from superset_campaign_plugin.warehouse import connect

    if stored:
        return stored_source(uri, stored_schema, stored_file, schema)
    with connect(uri) as (connection, engine):
        found = recognise(LiveCatalog(connection, engine, schema), prefix)
    if found != DEFAULT:
        click.echo(f"the tables are those of {found}; --source {found} says so without a look at them", err=True)
    return found


# A command line stands in everybody's list of processes, and a URI may hold a password.
URI_VARIABLE = "SUPERSET_CAMPAIGN_URI"


def uri_options(
    help_text: str = "SQLAlchemy URI of the warehouse.", *, required: bool = True, unless: str | None = None
) -> Callable[..., Any]:
    """Adds `--uri` and `--uri-file`, of which the command gets `uri`. The option `unless` stands in their place.

    The variable SUPERSET_CAMPAIGN_URI holds where one is required. Without `required`, None means the warehouse of this
    Superset's report, and a variable that happens to be set must not change which one that is.
    """

    def add(command: Callable[..., Any]) -> Callable[..., Any]:
        @click.option("--uri", metavar="URI", help=help_text)
        @click.option(
            "--uri-file",
            metavar="FILE",
            help="File that holds the URI, - for the standard input."
            + (f"  [default: the variable {URI_VARIABLE}]" if required else ""),
        )
        @functools.wraps(command)
        def with_uri(uri: str | None, uri_file: str | None, **options: Any) -> Any:
            needed = required and (unless is None or options[unless] is None)
            return command(uri=_uri(uri, uri_file, needed, unless), **options)

        return with_uri

    return add


def _uri(uri: str | None, file: str | None, required: bool, unless: str | None) -> str | None:
    """The URI as it is, or from the file, or from the environment. No error repeats any of it."""
    import os

    if uri is not None and file is not None:
        raise click.UsageError("--uri and --uri-file both name the warehouse; give one of them")
    if uri is not None:
        return uri
    if file is not None:
        return _read_uri(file)
    found = os.environ.get(URI_VARIABLE, "").strip()
    if required and not found:
        other = f", or give --{unless}" if unless else ""
        raise click.UsageError(
            f"no warehouse; give --uri URI, or --uri-file FILE, or set the variable {URI_VARIABLE}{other}"
        )
    return found if required else None


def _read_uri(file: str) -> str:
    name = "the standard input" if file == "-" else file
    try:
        with click.open_file(file, encoding="utf-8") as stream:
            lines: list[str] = stream.read().split()
    except OSError as error:
        raise click.UsageError(f"cannot read {name} for --uri-file: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise click.UsageError(f"{name} for --uri-file is not text in UTF-8") from error
    if len(lines) != 1:
        raise click.UsageError(f"{name} for --uri-file holds {len(lines)} words; it must hold the URI alone")
    return lines[0]


warehouse_options = combined(uri_options(), source_options, found_source)

stored_schema_option = click.option(
    "--stored-schema",
    default="campaign_report",
    show_default=True,
    metavar="NAME",
    help="Schema of the stored tables, where the database has schemas.",
)

stored_file_option = click.option(
    "--stored-file",
    metavar="FILE",
    help="File of the stored tables, on DuckDB.  [default: beside the warehouse's file]",
)

stored_options = combined(
    click.option("--stored", is_flag=True, help="Read the tables that refresh keeps, in place of the log."),
    stored_schema_option,
    stored_file_option,
)

form_option = click.option(
    "--format",
    "form",
    default="table",
    show_default=True,
    type=click.Choice(["table", "csv", "json"]),
    help="Form of the output.",
)

LEAVE_OUT = ("deleted", "bots", "operational", "archived")


def _left_out(_: click.Context, option: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    found = tuple(dict.fromkeys(name for value in values for name in names(_, option, value)))
    for name in found:
        if name not in LEAVE_OUT:
            raise click.BadParameter(f"{name!r} is none of {', '.join(LEAVE_OUT)}")
    return found


def rules_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options that say what counts, and hands them to the command as `rules`."""

    @click.option("--time-zone", default="UTC", show_default=True, metavar="ZONE", help="Whose days Sent Date is of.")
    @click.option(
        "--leave-out",
        multiple=True,
        callback=_left_out,
        metavar="LIST",
        help="Leave out deleted people, opens and clicks marked as bots', operational emails, archived assets: "
        f"{', '.join(LEAVE_OUT)}; several with commas.",
    )
    @click.option("--merged-apart", is_flag=True, help="Count merged people under the ids they had.")
    @functools.wraps(command)
    def with_rules(time_zone: str, leave_out: tuple[str, ...], merged_apart: bool, **options: Any) -> Any:
        from superset_campaign_plugin.report.rules import Rules, check_time_zone

        check_time_zone(time_zone)
        left_out: dict[str, Any] = {f"leave_out_{what}": True for what in leave_out}
        return command(rules=Rules(merge_people=not merged_apart, time_zone=time_zone, **left_out), **options)

    return with_rules


def day(_: click.Context, option: click.Parameter, value: str | None) -> date | None:
    from datetime import date

    try:
        return None if value is None else date.fromisoformat(value)
    except ValueError as error:
        raise click.BadParameter(f"{value!r} is no day; write it as 2026-01-31") from error


def time(_: click.Context, option: click.Parameter, value: str | None) -> datetime | None:
    from datetime import datetime

    try:
        # Python 3.10 does not read the Z that most systems write.
        return None if value is None else datetime.fromisoformat(value.replace("Z", "+00:00"))
    except ValueError as error:
        raise click.BadParameter(f"{value!r} is no time; write it as 2026-01-31 or 2026-01-31T09:30:00Z") from error


def names(_: click.Context, option: click.Parameter, value: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in value.split(",") if name.strip())


def conditions(_: click.Context, option: click.Parameter, values: tuple[str, ...]) -> dict[str, list[str]]:
    conditions: dict[str, list[str]] = {}
    for value in values:
        field, separator, wanted = value.partition("=")
        if not separator or not field:
            raise click.BadParameter(f"{value!r} is no condition; write it as FIELD=VALUE")
        conditions.setdefault(field.strip(), []).append(wanted)
    return conditions
