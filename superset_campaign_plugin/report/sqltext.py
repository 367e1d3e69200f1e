"""SQL as people read it: laid out by sqlglot, which also proves that Superset can parse it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlglot
from sqlalchemy import text
from sqlalchemy.sql.elements import TextClause
from sqlalchemy.sql.selectable import Select
from sqlglot import exp
from sqlglot.errors import SqlglotError

from superset_campaign_plugin.engines import Engine
from superset_campaign_plugin.errors import BundleError


def plain_sql(query: Any, engine: Engine) -> str:
    """The query in the engine's SQL on few lines, with its values written out; for statements that nobody reads."""
    return str(query.compile(dialect=engine.dialect(), compile_kwargs={"literal_binds": True}))


def sql_text(query: Select, engine: Engine) -> str:
    """The query in the engine's SQL, with its values written out. Raises `BundleError` if sqlglot cannot parse it."""
    try:
        tree = sqlglot.parse_one(plain_sql(query, engine), read=engine.sqlglot)
    except SqlglotError as error:
        raise BundleError(f"the SQL for {engine.name} does not parse, so Superset would refuse it: {error}") from error
    tree = tree.transform(_plainer, copy=False)
    if engine.joins_rename:
        _name_columns_of_joins(tree)
    return tree.sql(engine.sqlglot, pretty=True, copy=False)


def side_by_side(sql: Mapping[str, str], engine: Engine) -> str:
    """The query of several Marketo instances, by their names, as one; a single one stays as it is."""
    if len(sql) == 1:
        return next(iter(sql.values()))
    parts = [
        f"/* The Marketo instance {name} */ SELECT * FROM ({text}) AS instance_{number}"  # noqa: S608 the plugin's own SQL
        for number, (name, text) in enumerate(sql.items(), start=1)
    ]
    return sqlglot.parse_one(" UNION ALL ".join(parts), read=engine.sqlglot).sql(engine.sqlglot, pretty=True)


def _name_columns_of_joins(tree: exp.Expression) -> None:
    for select in tree.find_all(exp.Select):
        if select.args.get("joins"):
            columns = [
                exp.alias_(c, c.name) if isinstance(c, exp.Column) and not c.is_star else c for c in select.expressions
            ]
            select.set("expressions", columns)


def executable(sql: str) -> TextClause:
    """A finished SQL text for a connection. SQLAlchemy takes colons for bound parameters, and drivers percent signs."""
    return text(sql.replace(":", r"\:"))


def _plainer(node: exp.Expression) -> exp.Expression:
    """Takes out what SQLAlchemy writes for safety and a reader stumbles over: `x.a AS a` and `WHEN (condition)`."""
    if isinstance(node, exp.Alias) and isinstance(node.this, exp.Column) and node.alias == node.this.name:
        column: exp.Expression = node.this
        column.comments = node.comments
        return column
    if isinstance(node, exp.Paren) and isinstance(node.parent, exp.If) and node.arg_key == "this":
        condition: exp.Expression = node.this
        return condition
    return node
