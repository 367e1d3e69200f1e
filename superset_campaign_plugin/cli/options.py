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


def check_stored_options(stored: bool) -> None:
    """Raise `UsageError` where an option says which stored tables, and --stored, which reads them, was not given."""
    from click.core import ParameterSource

    context = click.get_current_context()
    for name in ("stored_schema", "stored_file"):
        if not stored and context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            raise click.UsageError(f"--{name.replace('_', '-')} is of no use without --stored; give both, or none")


form_option = click.option(
    "--format",
    "form",
    default="table",
    show_default=True,
    type=click.Choice(["table", "csv", "json"]),
    help="Form of the output.",
)

LEAVE_OUT = ("deleted", "bots", "operational", "archived", "domains")
PEOPLE = ("as-sent", "merged", "hidden")


def _left_out(_: click.Context, option: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    found = tuple(dict.fromkeys(name for value in values for name in names(_, option, value)))
    for name in found:
        if name not in LEAVE_OUT:
            raise click.BadParameter(f"{name!r} is none of {', '.join(LEAVE_OUT)}")
    return found


def _address_patterns(_: click.Context, option: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    """The patterns in the lower case that rules hold, each once."""
    from superset_campaign_plugin.errors import UsageError
    from superset_campaign_plugin.report.rules import check_address_pattern

    found = tuple(dict.fromkeys(name.lower() for value in values for name in names(_, option, value)))
    for pattern in found:
        try:
            check_address_pattern(pattern)
        except UsageError as error:
            raise click.BadParameter(str(error)) from error
    return found


def _of_people(_: click.Context, option: click.Parameter, value: str | None) -> str | None:
    """One of `PEOPLE`, also where it is written as the setting is, with an underscore."""
    found = None if value is None else value.replace("_", "-")
    if found not in (None, *PEOPLE):
        raise click.BadParameter(f"{value!r} is none of {', '.join(PEOPLE)}")
    return found


def _people(people: str | None, merged_apart: bool) -> str:
    """What was chosen. Raises `UsageError` where two options contradict each other."""
    from superset_campaign_plugin.errors import UsageError

    if merged_apart and people not in (None, PEOPLE[0]):
        raise UsageError(
            f"--merged-apart means --people {PEOPLE[0]}, which --people {people} contradicts; leave one of them out"
        )
    return people or PEOPLE[0]


def people_were_chosen() -> bool:
    """Whether the running command was told whom merged and deleted people count as."""
    from click.core import ParameterSource

    context = click.get_current_context()
    defaults = (ParameterSource.DEFAULT, ParameterSource.DEFAULT_MAP, None)
    return any(context.get_parameter_source(name) not in defaults for name in ("people", "merged_apart"))


def _say_what_takes_their_place(people: str | None, merged_apart: bool, leave_out: tuple[str, ...]) -> None:
    if merged_apart:
        click.echo(f"--merged-apart still works; --people {PEOPLE[0]}, the default, takes its place", err=True)
    if "deleted" in leave_out and people is None:
        click.echo(
            "--leave-out deleted still works, and leaves out deleted people alone; --people hidden takes its place, "
            "and leaves out merged people too, as the option of Marketo's report does",
            err=True,
        )


def rules_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options that say what counts, and hands them to the command as `rules`."""

    @click.option("--time-zone", default="UTC", show_default=True, metavar="ZONE", help="Time zone of Sent Date.")
    @click.option(
        "--leave-out",
        multiple=True,
        callback=_left_out,
        metavar="LIST",
        help="Leave out deleted people, opens and clicks marked as bots', operational emails, archived assets, the "
        "domains of people's addresses: "
        f"{', '.join(LEAVE_OUT)}; several with commas.",
    )
    @click.option(
        "--leave-out-addresses",
        multiple=True,
        callback=_address_patterns,
        metavar="LIST",
        help="Leave out people with these addresses: qa@example.com, or all of '*@example.com'; several with commas.",
    )
    @click.option(
        "--people",
        callback=_of_people,
        metavar=f"[{'|'.join(PEOPLE)}]",
        help="Merged and deleted people: as-sent counts each activity for the id that it was logged for, merged counts "
        f"them once under the surviving id, hidden leaves them out.  [default: {PEOPLE[0]}]",
    )
    @click.option("--merged-apart", is_flag=True, help=f"The former name of --people {PEOPLE[0]}.")
    @functools.wraps(command)
    def with_rules(
        time_zone: str,
        leave_out: tuple[str, ...],
        leave_out_addresses: tuple[str, ...],
        people: str | None,
        merged_apart: bool,
        **options: Any,
    ) -> Any:
        from superset_campaign_plugin.report.rules import People, Rules, check_time_zone

        check_time_zone(time_zone)
        left_out: dict[str, Any] = {f"leave_out_{what}": True for what in leave_out}
        chosen = People(_people(people, merged_apart).replace("-", "_"))
        rules = Rules(people=chosen, time_zone=time_zone, leave_out_addresses=leave_out_addresses, **left_out)
        result = command(rules=rules, **options)
        # Where the command fails, its error stands alone.
        _say_what_takes_their_place(people, merged_apart, leave_out)
        return result

    return with_rules


def day(_: click.Context, option: click.Parameter, value: str | None) -> date | None:
    from datetime import date

    try:
        return None if value is None else date.fromisoformat(value)
    except ValueError as error:
        raise click.BadParameter(f"{value!r} is not a valid day; write it as 2026-01-31") from error


def time(_: click.Context, option: click.Parameter, value: str | None) -> datetime | None:
    from datetime import datetime

    try:
        # Python 3.10 does not read the Z that most systems write.
        return None if value is None else datetime.fromisoformat(value.replace("Z", "+00:00"))
    except ValueError as error:
        raise click.BadParameter(
            f"{value!r} is not a valid time; write it as 2026-01-31 or 2026-01-31T09:30:00Z"
        ) from error


def names(_: click.Context, option: click.Parameter, value: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in value.split(",") if name.strip())


def conditions(_: click.Context, option: click.Parameter, values: tuple[str, ...]) -> dict[str, list[str]]:
    conditions: dict[str, list[str]] = {}
    for value in values:
        field, separator, wanted = value.partition("=")
        if not separator or not field:
            raise click.BadParameter(f"{value!r} is not a valid condition; write it as FIELD=VALUE")
        conditions.setdefault(field.strip(), []).append(wanted)
    return conditions
