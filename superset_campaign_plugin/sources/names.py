"""Emails' names that only the log holds.

Not every loader brings a table of emails, but each row of Marketo's log carries its email's name as its primary
attribute.
"""

from __future__ import annotations

from sqlalchemy import String, case, cast, func, literal, null, select, union_all
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.selectable import Select

from superset_campaign_plugin.report.relations import EMAIL_COLUMNS
from superset_campaign_plugin.report.steps import comment, newest, plain, step


def with_names_of_the_log(emails: Select, sends: Select) -> Select:
    """The relation `emails`, with the name that the newest send gives where the table of emails gives none.

    Emails that the table does not hold are added. Without names in `sends` the relation is as it was.
    """
    if "email_name" not in sends.selected_columns:
        return emails
    assets, logged = emails.cte("email_assets"), _newest_of(sends).cte("logged_email_names")
    absent = cast(null(), String)
    both = union_all(
        select(assets.c.email_id, literal(0).label("logged"), *(assets.c[name] for name in EMAIL_COLUMNS)),
        select(
            logged.c.email_id,
            literal(1).label("logged"),
            *((logged.c.name if name == "name" else absent).label(name) for name in EMAIL_COLUMNS),
        ),
    ).subquery("both")

    def name_of(logged: int) -> ColumnElement[str]:
        return func.max(case((both.c.logged == literal(logged), both.c.name)))

    others = [func.max(both.c[name]).label(name) for name in EMAIL_COLUMNS if name != "name"]
    return comment(
        select(both.c.email_id, func.coalesce(name_of(0), name_of(1)).label("name"), *others).group_by(both.c.email_id),
        "An email's name is that of the table of emails, else that of its newest send",
    )


def _newest_of(sends: Select) -> Select:
    """(email_id, name): what the newest send of each email calls it. Grouped first, so that only names are sorted."""
    email, name = plain(sends, "email_id"), plain(sends, "email_name")
    names = (
        sends.with_only_columns(
            email.label("email_id"), name.label("name"), func.max(plain(sends, "activity_at")).label("named_at")
        )
        .where(email.is_not(None), name.is_not(None))
        .group_by(email, name)
    )
    found = step("sent_email_names", "What sends call their email, each name once", names)
    return newest(select(found.c.email_id, found.c.name), "email_id", [found.c.named_at])
