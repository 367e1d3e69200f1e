"""Commands that say who stands behind a figure, and why: people, explain."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from superset_campaign_plugin.cli.group import campaign as campaign_group
from superset_campaign_plugin.cli.options import (
    conditions,
    day,
    form_option,
    rules_options,
    time,
    warehouse_options,
)

if TYPE_CHECKING:
    from datetime import date, datetime

    from superset_campaign_plugin.report.rules import Rules

_as_of = click.option(
    "--as-of",
    callback=time,
    metavar="TIME",
    help="The time used to decide whether a send is Pending or Aborted.  [default: now]",
)


@campaign_group.command(name="people")
@warehouse_options
@rules_options
@_as_of
@click.option("--campaign", type=int, metavar="ID", help="Of this campaign alone.")
@click.option("--email", type=int, metavar="ID", help="Of this email alone.")
@click.option("--person", type=int, metavar="ID", help="This person (lead) alone.")
@click.option("--from", "date_from", callback=day, metavar="DAY", help="First day of the first send, inclusive.")
@click.option("--to", "date_to", callback=day, metavar="DAY", help="Last day of the first send, exclusive.")
@click.option(
    "--where",
    multiple=True,
    callback=conditions,
    metavar="FIELD=VALUE",
    help="Keep a status (status=Pending), a count (clicked_link=yes) or a dimension's value (workspace=EMEA); the same "
    "field again allows another value.",
)
@click.option("--not", "without", multiple=True, metavar="COUNT", help="Leave out who has this count, such as opened.")
@click.option(
    "--columns",
    default="",
    metavar="NAMES",
    help="Columns of the loader's table of people to print, too, as in email,company.",
)
@form_option
def people_command(
    uri: str,
    schema: str | None,
    source: str,
    as_of: datetime | None,
    campaign: int | None,
    email: int | None,
    person: int | None,
    date_from: date | None,
    date_to: date | None,
    where: dict[str, list[str]],
    without: tuple[str, ...],
    columns: str,
    form: str,
    rules: Rules,
) -> None:
    """List the people behind the report's figures, and why each has their status."""
    from superset_campaign_plugin.attributes import read_columns
    from superset_campaign_plugin.reporting.output import FORMATS
    from superset_campaign_plugin.reporting.recipient_list import Selection, list_recipients

    selection = Selection(campaign, email, person, where, without, date_from, date_to)
    found = list_recipients(
        uri,
        source=source,
        schema=schema,
        selection=selection,
        as_of=as_of,
        rules=rules,
        columns=read_columns(columns),
    )
    click.echo(FORMATS[form](found), nl=False, color=True)


@campaign_group.command()
@warehouse_options
@rules_options
@_as_of
@click.option("--person", type=int, required=True, metavar="ID", help="Whose activities: Marketo's lead id.")
@click.option("--email", type=int, required=True, metavar="ID", help="Of which email.")
@click.option("--campaign", type=int, metavar="ID", help="Of this campaign alone.")
@click.option(
    "--format",
    "form",
    default="table",
    show_default=True,
    type=click.Choice(["table", "json"]),
    help="Form of the output.",
)
def explain(
    uri: str,
    schema: str | None,
    source: str,
    as_of: datetime | None,
    person: int,
    email: int,
    campaign: int | None,
    form: str,
    rules: Rules,
) -> None:
    """Explain one person's figures for one email: each line of the log, what it does, and the outcome."""
    from superset_campaign_plugin.reporting.explain import explain as explain_one
    from superset_campaign_plugin.reporting.explanation import FORMS

    found = explain_one(
        uri,
        person=person,
        email=email,
        campaign=campaign,
        source=source,
        schema=schema,
        as_of=as_of,
        rules=rules,
    )
    click.echo(FORMS[form](found), nl=False, color=True)
