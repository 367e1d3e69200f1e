"""A SQLAlchemy dialect that writes plain SQL for engines whose own dialect comes with a driver.

It is told the little that differs, so that the SQL of an engine can be written where its driver is not installed.
Whatever the dialect, `with_safe_literals` makes it write texts as `literals.py` says.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import types
from sqlalchemy.engine import Dialect, default
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql import compiler
from sqlalchemy.sql.elements import Cast, ColumnElement

from superset_campaign_plugin.literals import written_literal


class Named(types.UserDefinedType):  # type: ignore[misc]
    """A type by the name that it has in the engine, such as `TIMESTAMP_NTZ`."""

    cache_ok = True

    def __init__(self, name: str) -> None:
        self.name = name

    def get_col_spec(self, **_: Any) -> str:
        return self.name


class GuardedCast(Cast):  # type: ignore[misc]
    """A cast that gives null for a text that it cannot read, under the word that the engine has for it."""

    inherit_cache = False

    def __init__(self, text: ColumnElement[Any], type_: types.TypeEngine, word: str) -> None:
        super().__init__(text, type_)
        self.word = word


@compiles(GuardedCast)  # type: ignore[untyped-decorator]
def _guarded_cast(element: GuardedCast, compiler: compiler.SQLCompiler, **options: Any) -> str:
    written = str(compiler.visit_cast(element, **options))
    return written.replace("CAST", element.word, 1)


class _Types(compiler.GenericTypeCompiler):  # type: ignore[misc]
    dialect: PlainDialect

    def visit_VARCHAR(self, type_: types.TypeEngine, **_: Any) -> str:
        return self.dialect.text_type

    visit_TEXT = visit_CHAR = visit_VARCHAR

    def visit_TIMESTAMP(self, type_: types.TypeEngine, **_: Any) -> str:
        return "TIMESTAMP WITH TIME ZONE" if type_.timezone else "TIMESTAMP"

    def visit_BIGINT(self, type_: types.TypeEngine, **_: Any) -> str:
        return self.dialect.number_type


class _Statements(compiler.SQLCompiler):  # type: ignore[misc]
    dialect: PlainDialect

    def render_literal_value(self, value: Any, type_: types.TypeEngine) -> str:
        if isinstance(value, str) and self.dialect.backslash_escapes:
            return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
        return str(super().render_literal_value(value, type_))


class PlainDialect(default.DefaultDialect):  # type: ignore[misc]
    """Standard SQL, but for the quote around names, the names of two types, and backslashes that escape in texts."""

    statement_compiler = _Statements
    type_compiler = _Types

    def __init__(self, *, quote: str, text_type: str, number_type: str, backslash_escapes: bool) -> None:
        super().__init__(paramstyle="named")
        self.text_type = text_type
        self.number_type = number_type
        self.backslash_escapes = backslash_escapes
        self.identifier_preparer = self.preparer(self, initial_quote=quote)


def plain_dialect(
    *, quote: str = '"', text_type: str = "VARCHAR", number_type: str = "BIGINT", backslash_escapes: bool = False
) -> Dialect:
    """The dialect with these differences from the standard."""
    return PlainDialect(quote=quote, text_type=text_type, number_type=number_type, backslash_escapes=backslash_escapes)


def with_safe_literals(dialect: Dialect, character: str) -> Dialect:
    """The dialect, but no text that it writes holds what templates, formats or parameters are made of.

    `character` is the engine's expression for a character by its code.
    """

    class Safe(dialect.statement_compiler):  # type: ignore[misc]
        def render_literal_value(self, value: Any, type_: types.TypeEngine) -> str:
            plain = super().render_literal_value
            if not isinstance(value, str):
                return str(plain(value, type_))
            return written_literal(value, lambda text: str(plain(text, type_)), character)

    dialect.statement_compiler = Safe
    return dialect
