"""The activities that one transaction stores."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from superset_campaign_plugin.load.extract import Activity

if TYPE_CHECKING:
    import pyarrow as pa

ROW = tuple[Any, ...]


class Batch:
    """Activities in the order of their lines: some one by one, some as Arrow tables of the columns of `Activity`.

    Of several with the same id the first one counts.
    """

    def __init__(self) -> None:
        self._activities: list[tuple[int, Activity]] = []
        self._tables: list[tuple[int, pa.Table]] = []
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def add(self, activity: Activity) -> None:
        """Add one."""
        self._activities.append((self._size, activity))
        self._size += 1

    def add_table(self, table: pa.Table) -> None:
        """Add many."""
        self._tables.append((self._size, table))
        self._size += table.num_rows

    @property
    def has_tables(self) -> bool:
        """Whether pyarrow is there, and took a part in it."""
        return bool(self._tables)

    def rows(self, now: datetime) -> Sequence[ROW]:
        """Each id once, with `now` as the last column."""
        if self._tables:
            table = self.table(now)
            return list(zip(*(column.to_pylist() for column in table.columns), strict=True))
        rows: dict[str, ROW] = {}
        for _, activity in self._activities:
            rows.setdefault(activity.activity_id, (*activity, now))
        return list(rows.values())

    def table(self, now: datetime) -> pa.Table:
        """The same as an Arrow table."""
        import pyarrow as pa
        import pyarrow.compute as pc

        from superset_campaign_plugin.load.vectors import SCHEMA, as_table

        tables = [table for _, table in self._tables]
        if self._activities:
            tables.append(as_table([activity for _, activity in self._activities]))
        table = pa.concat_tables(tables) if tables else SCHEMA.empty_table()
        ids = table["activity_id"]
        if pc.count_distinct(ids).as_py() < len(ids):
            table = table.take(self._firsts(ids))
        return table.append_column("loaded_at", pa.repeat(pa.scalar(now, pa.timestamp("us")), table.num_rows))

    def _firsts(self, ids: pa.ChunkedArray) -> pa.Array:
        """Where the first activity of each id stands among the tables and the activities behind them."""
        import pyarrow as pa
        import pyarrow.compute as pc

        places = [place for start, table in self._tables for place in range(start, start + table.num_rows)]
        places += [place for place, _ in self._activities]
        found = pa.table({"id": ids, "place": places}).group_by("id").aggregate([("place", "min")])
        return pc.index_in(found["place_min"], pa.array(places)).combine_chunks()
