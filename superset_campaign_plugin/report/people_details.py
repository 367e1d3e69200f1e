"""The rows of people with attributes of these people beside them, which change neither the rows nor their sums.

A value is text that anybody may have written, into a form for example. Superset's tables, also those of drill to
detail, show text with HTML tags in it as HTML. So after each `<` a space follows, which makes it a plain character; and
a value ends after `LONGEST` letters, as long as Marketo's texts of one line are.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import func, literal, literal_column, select
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.selectable import Select

from superset_campaign_plugin.attributes import Attribute
from superset_campaign_plugin.report.steps import comment, step

LONGEST = 255


def with_attributes(
    people: Select, known: Select, attributes: Iterable[Attribute], key: str = "person_id", *, shown: bool = True
) -> Select:
    """The rows of `people` with each attribute's value; people whom `known` does not have keep an empty text.

    `known` has one row for each person (`sources/people_columns.py`), and `key` is the id of the person in `people`.
    Without `shown` the values are as they are, for other programs.
    """
    rows = comment(people, "The people without their attributes").cte("people_rows")
    # Under another name, so that no column of the join is there twice: some engines rename such columns.
    person = known.selected_columns["person_id"].label("attributes_of")
    own = [column for column in known.selected_columns if column.name != "person_id"]
    columns = step("people_attributes", "The newest attributes of each person", known.with_only_columns(person, *own))

    def value(attribute: Attribute) -> ColumnElement[Any]:
        text = func.coalesce(columns.c[attribute.name], literal(""))
        if shown:
            text = func.replace(func.substr(text, 1, LONGEST), literal("<"), literal("< "))
        return text.label(attribute.name)

    joined = rows.outerjoin(columns, literal_column(f"people_rows.{key}") == columns.c.attributes_of)
    return comment(
        select(literal_column("people_rows.*"), *map(value, attributes)).select_from(joined),
        "Each person with the attributes that the loader knows of them",
    )
