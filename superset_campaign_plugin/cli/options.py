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
            "or a file that names several Marketo instances (.yaml)."
        )
        return super().get_help_record(ctx)


_source_name = click.option("--source", cls=_SourceOption, default="fivetran", show_default=True, metavar="NAME")

source_options = combined(
    click.option("--schema", metavar="NAME", help="Schema of the loader's tables.  [default: the database's own]"),
    _source_name,
)

warehouse_options = combined(
    click.option("--uri", required=True, metavar="URI", help="SQLAlchemy URI of the warehouse."), source_options
)

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

LEAVE_OUT = ("deleted", "bots", "operational", "archived")


def rules_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options that say what counts, and hands them to the command as `rules`."""

    @click.option("--time-zone", default="UTC", show_default=True, metavar="ZONE", help="Whose days Sent Date is of.")
    @click.option(
        "--leave-out",
        multiple=True,
        type=click.Choice(LEAVE_OUT),
        help="Leave out deleted people, opens and clicks marked as bots', operational emails, archived assets.",
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
