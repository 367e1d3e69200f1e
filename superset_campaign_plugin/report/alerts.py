"""The SQL of the alerts: a question about the report that one number answers.

It asks the SQL of the report's dataset, so it holds for every loader's layout, for stored tables and for several
Marketo instances, and needs nothing of Superset's templates.
"""

from __future__ import annotations

from sqlalchemy import case, column, func, literal, literal_column
from sqlalchemy.sql.elements import ColumnElement

from superset_campaign_plugin.engines import Engine
from superset_campaign_plugin.report.sqltext import plain_sql

# A share of fewer people than these says little.
MIN_SENT = 100


def bounces_sql(report: str, engine: Engine, days: int) -> str:
    """The people whose email bounced, hard or soft, in percent of Sent, of the sends of the last days and of today.

    `report` is the SQL of the report's dataset. Null where fewer than `MIN_SENT` people were sent an email.
    """
    sent, hard, soft = (func.sum(column(name)) for name in ("sent_count", "hard_bounced_count", "soft_bounced_count"))
    share = case((sent >= literal(MIN_SENT), literal_column("1e2") * (hard + soft) / sent))
    first = engine.day(engine.days_before(engine.now(), days))
    return _asked(report, engine, share, "bounced_percent", column("sent_date") >= first)


def activity_sql(report: str, engine: Engine, days: int) -> str:
    """How many of the report's rows have an activity of the last days: 0 where the log has nothing that is new."""
    since = engine.days_before(engine.now(), days)
    return _asked(report, engine, func.count(), "rows_with_new_activities", column("last_activity_at") >= since)


def _asked(report: str, engine: Engine, value: ColumnElement, name: str, condition: ColumnElement[bool]) -> str:
    return (
        f"SELECT {plain_sql(value, engine)} AS {name}\n"
        f"FROM (\n{report}\n) AS report\n"
        f"WHERE {plain_sql(condition, engine)}"
    )
