"""Generates the demo: a warehouse file with a year of activities, and the e-mails that they are about.

`python -m demo.generate --warehouse marketo.duckdb --emails emails --end 2026-11-23` does it from a shell.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timezone
from pathlib import Path

import numpy as np
import yaml

from demo.activities import simulate
from demo.catalog import Catalog, Email, Year, load_catalog
from demo.emails import Rendered, render
from demo.files import put_in_place
from demo.people import draw_people
from demo.warehouse import write_warehouse

INDEX = "emails.yaml"
PEOPLE_PER_SEND = 0.15
FEWEST_SENDS = 1_000
Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class Summary:
    """What was written: the two paths, the rows of each table, and the number of HTML files."""

    warehouse: Path
    emails_dir: Path
    rows: dict[str, int]
    html_files: int


def generate(
    warehouse: Path,
    emails_dir: Path,
    *,
    end: date,
    seed: int = 7,
    sends: int = 200_000,
    progress: Progress | None = None,
    now: datetime | None = None,
) -> Summary:
    """Write the demo's DuckDB file `warehouse` and its e-mails into `emails_dir`; either replaces an older one.

    The year's last day is `end`; nothing happens after `now` (with a time zone; by default the present), nor after
    that day. The same `seed`, `end`, `sends` (rows of the send table, at least 1,000) and, while `end` is not over,
    `now` give the same rows. `progress` is called with what is being done and the part that is done, from 0 to 1.

    Both are built beside their places and put there at the very end. Raises ValueError for an `end` after `now`, too
    few `sends`, or an `emails_dir` that holds anything but e-mails; OSError and duckdb.Error when writing fails.
    """
    year = Year(end, _last_moment(end, now))
    if sends < FEWEST_SENDS:
        raise ValueError(f"sends must be at least {FEWEST_SENDS}, not {sends}")
    _refuse_strangers(emails_dir)
    report = progress or (lambda what, done: None)

    report("Rendering e-mails", 0.0)
    catalog = load_catalog(year)
    rendered = [render(email) for email in catalog.emails]
    report("Simulating activities", 0.1)
    rng = np.random.default_rng(seed)
    people = draw_people(max(400, round(sends * PEOPLE_PER_SEND)), year, rng)
    simulation = simulate(catalog, rendered, people, year, sends, rng)
    report("Writing the warehouse", 0.4)
    new_warehouse, new_emails = _beside(warehouse), _beside(emails_dir)
    rows = write_warehouse(new_warehouse, catalog, people, simulation, year)
    report("Writing e-mails", 0.9)
    html_files = _write_emails(new_emails, catalog, rendered)
    if emails_dir.exists():
        shutil.rmtree(emails_dir)
    os.replace(new_emails, emails_dir)
    put_in_place(new_warehouse, warehouse)
    report("Done", 1.0)
    return Summary(warehouse, emails_dir, rows, html_files)


def _last_moment(end: date, now: datetime | None) -> datetime:
    """The last moment of the log, naive UTC: the end of that day, or now while it lasts."""
    present = (now or datetime.now(timezone.utc)).astimezone(timezone.utc).replace(tzinfo=None, microsecond=0)
    if end > present.date():
        raise ValueError(f"the last day, {end}, is after today, {present.date()} (UTC)")
    return min(present, datetime.combine(end, time(23, 59, 59)))


def _refuse_strangers(directory: Path) -> None:
    """Keep a folder that is replaced as a whole from being one with something else in it."""
    for entry in directory.iterdir() if directory.exists() else ():
        if entry.name != INDEX and entry.suffix != ".html":
            raise ValueError(f"{directory} holds something else than e-mails: {entry.name}")


def _beside(path: Path) -> Path:
    """A hidden place in the same folder to build in, cleared of what a killed run left."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    if partial.is_dir():
        shutil.rmtree(partial)
    for leftover in (partial, partial.with_name(partial.name + ".wal")):
        leftover.unlink(missing_ok=True)
    return partial


def _write_emails(directory: Path, catalog: Catalog, rendered: Sequence[Rendered]) -> int:
    """Write an HTML file for each e-mail whose content is stored, and the index of those."""
    stored = [(email, one.html) for email, one in zip(catalog.emails, rendered, strict=True) if email.stored]
    directory.mkdir()
    for email, html in stored:
        (directory / f"{email.id}.html").write_text(html, encoding="utf-8")
    index = {email.id: _header(email) for email, _ in stored}
    text = yaml.safe_dump(index, allow_unicode=True, sort_keys=False, width=120)
    (directory / INDEX).write_text(text, encoding="utf-8")
    return len(stored)


def _header(email: Email) -> dict[str, str]:
    name, address = email.sender
    return {"subject": email.subject, "from_name": name, "from_email": address, "preheader": email.preheader}


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m demo.generate", description="Generate the demo's data.")
    parser.add_argument("--warehouse", type=Path, required=True, help="the DuckDB file to write")
    parser.add_argument("--emails", type=Path, required=True, help="the folder of e-mails to write")
    parser.add_argument("--end", type=date.fromisoformat, help="the last day of the year; today (UTC) by default")
    parser.add_argument("--seed", type=int, default=7, help="another seed gives another year")
    parser.add_argument("--sends", type=int, default=200_000, help="rows of the send table")
    options = parser.parse_args(arguments)
    try:
        summary = generate(
            options.warehouse,
            options.emails,
            end=options.end or datetime.now(timezone.utc).date(),
            seed=options.seed,
            sends=options.sends,
            progress=lambda what, done: print(f"{done:4.0%}  {what}", file=sys.stderr),
        )
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    for table, rows in summary.rows.items():
        print(f"{table:32}{rows:>10,}")
    print(f"{'e-mails (HTML files)':32}{summary.html_files:>10,}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
