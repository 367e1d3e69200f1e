"""SQL as people read it: laid out by sqlglot, which also proves that Superset can parse it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
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


def runnable_sql(query: Select, engine: Engine) -> str:
    """The query to be run at once: not laid out, as `sql_text` is, which takes longer than to run it on a small log."""
    return sql_text(query, engine) if engine.joins_rename else plain_sql(query, engine)


def sql_text(query: Select, engine: Engine) -> str:
    """The query in the engine's SQL, with its values written out. Raises `BundleError` if sqlglot cannot parse it."""
    return _laid_out(plain_sql(query, engine), engine.name, engine.sqlglot, names_columns=engine.joins_rename)


# A process that asks again for the same datasets of the same tables, as tests and `reconcile` do, gets the same text.
@lru_cache(maxsize=256)
def _laid_out(sql: str, engine: str, dialect: str, *, names_columns: bool) -> str:
    try:
        tree = sqlglot.parse_one(sql, read=dialect)
    except SqlglotError as error:
        raise BundleError(f"the SQL for {engine} does not parse, so Superset would refuse it: {error}") from error
    tree = tree.transform(_plainer, copy=False)
    if names_columns:
        _name_columns_of_joins(tree)
    return tree.sql(dialect, pretty=True, copy=False)


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
