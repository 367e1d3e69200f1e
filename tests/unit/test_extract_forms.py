"""Extracts in the forms that Marketo's API can be asked for: other delimiters, other headings, fewer fields."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result
from logs import BULK_HEADER

from superset_campaign_plugin.cli import campaign
from superset_campaign_plugin.errors import LoadError
from superset_campaign_plugin.load.extract import Form
from superset_campaign_plugin.load.load_files import FileResult, load_files
from superset_campaign_plugin.load.store import activity_table

ROW = {
    "marketoGUID": "783957693",
    "leadId": "5414087",
    "activityDate": "2022-02-13T14:06:20Z",
    "activityTypeId": "11",
    "campaignId": "8497",
    "primaryAttributeValueId": "1670",
    "primaryAttributeValue": "Spring sale; 20 % off, today\tonly",
    "attributes": '{"Link": "https://example.com/;a=b c", "Is Bot Activity": "true"}',
}
ROWS = [ROW, {**ROW, "marketoGUID": "783957694", "leadId": "5414088"}]
# The columns in the order of the table: what a row holds of each.
HOLDS = {
    "marketoGUID": "activity_id",
    "campaignId": "campaign_id",
    "primaryAttributeValueId": "email_id",
    "primaryAttributeValue": "email_name",
}


def spell(rows: Sequence[dict[str, str]], names: Sequence[str], delimiter: str = ",", header: Any = None) -> str:
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\n")
    writer.writerow(header or names)
    writer.writerows([[row[name] for name in names] for row in rows])
    return text.getvalue()


def write(folder: Path, text: str, name: str = "a.csv") -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


def load(file: Path, **form: Any) -> FileResult:
    [result] = load_files(f"sqlite:///{file.parent}/a.db", [file], form=Form(**form)).files
    return result


def command(file: Path, *options: object) -> Result:
    return CliRunner().invoke(
        campaign, ["load", str(file), "--uri", f"sqlite:///{file.parent}/a.db", *map(str, options)]
    )


def stored(folder: Path) -> list[dict[str, Any]]:
    table = activity_table()
    engine = sa.create_engine(f"sqlite:///{folder}/a.db", poolclass=sa.pool.NullPool)
    with engine.connect() as connection:
        rows = connection.execute(sa.select(*list(table.columns)[:-1]).order_by(table.c.lead_id)).mappings()
        return [dict(row) for row in rows]


@pytest.fixture
def expected(tmp_path: Path) -> list[dict[str, Any]]:
    """What the same rows give in Marketo's usual form."""
    (tmp_path / "usual").mkdir()
    assert load(write(tmp_path / "usual", spell(ROWS, BULK_HEADER))).counts.stored == 2
    rows = stored(tmp_path / "usual")
    assert (rows[0]["link"], rows[0]["email_name"]) == ("https://example.com/;a=b c", ROW["primaryAttributeValue"])
    return rows


@pytest.mark.parametrize("delimiter", [",", "\t", ";", " "], ids=["CSV", "TSV", "SSV", "SSV with spaces"])
@pytest.mark.parametrize("given", [False, True], ids=["recognised", "given"])
@pytest.mark.parametrize("order", [1, -1])
def test_the_delimiter(tmp_path: Path, expected, delimiter: str, given: bool, order: int) -> None:
    file = write(tmp_path, spell(ROWS, BULK_HEADER[::order], delimiter))
    result = load(file, **({"delimiter": delimiter} if given else {}))
    assert (result.error, result.counts.rejected) == (None, 0)
    assert stored(tmp_path) == expected


@pytest.mark.parametrize("name", ["|", "tab", "semicolon", "space", "Comma"])
def test_a_delimiter_is_given_by_name_or_as_it_is(tmp_path: Path, expected, name: str) -> None:
    delimiter = {"tab": "\t", "semicolon": ";", "space": " ", "Comma": ","}.get(name, name)
    result = command(write(tmp_path, spell(ROWS, BULK_HEADER, delimiter)), "--delimiter", name)
    assert (result.exit_code, result.stderr) == (0, "")
    assert stored(tmp_path) == expected


@pytest.mark.parametrize("bad", ["", "ab", "x", '"', "\n", "7"])
def test_what_is_no_delimiter_is_refused(tmp_path: Path, bad: str) -> None:
    result = command(write(tmp_path, ""), "--delimiter", bad)
    assert result.exit_code == 2
    assert "no single character between fields" in result.stderr


NAMES = ("Activity GUID", "Person", "When", "Type", "Smart Campaign", "Asset Id", "Asset", "Details")


def test_headings_are_mapped(tmp_path: Path, expected) -> None:
    """As `columnHeaderNames` of an export job has them."""
    file = write(tmp_path, spell(ROWS, BULK_HEADER, ";", NAMES))
    options = [f"--heading={field}={heading}" for field, heading in zip(BULK_HEADER, NAMES, strict=True)]
    result = command(file, *options)
    assert (result.exit_code, result.stderr) == (0, "")
    assert stored(tmp_path) == expected


def test_headings_that_differ_in_case_and_spaces_need_no_mapping(tmp_path: Path, expected) -> None:
    names = (
        "Marketo GUID",
        "Lead ID",
        "Activity Date",
        "ACTIVITY_TYPE_ID",
        "Campaign Id",
        "Primary Attribute Value ID",
    )
    header = (*names, "primary attribute value", "Attributes")
    assert load(write(tmp_path, spell(ROWS, BULK_HEADER, header=header))).error is None
    assert stored(tmp_path) == expected


@pytest.mark.parametrize("bad", ["leadId", "leadId=", "person=Lead", "=x"])
def test_a_heading_of_no_field_is_refused(tmp_path: Path, bad: str) -> None:
    result = command(write(tmp_path, spell(ROWS, BULK_HEADER)), "--heading", bad)
    assert result.exit_code == 2
    assert "is not FIELD=HEADING" in result.stderr


def test_a_heading_that_is_not_there_is_told(tmp_path: Path) -> None:
    file = write(tmp_path, spell(ROWS, BULK_HEADER))
    result = command(file, "--heading", "campaignId=Smart Campaign")
    assert result.exit_code == 1
    assert result.stderr == (
        f"Error: {file}, line 1: no heading 'Smart Campaign' for campaignId; found '{', '.join(BULK_HEADER)}'\n"
    )


@pytest.mark.parametrize("absent", HOLDS)
def test_what_is_absent_is_absent(tmp_path: Path, expected, absent: str) -> None:
    names = [name for name in BULK_HEADER if name != absent]
    result = command(write(tmp_path, spell(ROWS, names)))
    assert result.exit_code == 0
    assert f"a.csv: no column {absent}" in result.stderr
    rows = stored(tmp_path)
    for row, whole in zip(rows, expected, strict=True):
        assert row[HOLDS[absent]] != whole[HOLDS[absent]]
        assert (row[HOLDS[absent]] is None) == (absent != "marketoGUID")
        assert {**row, HOLDS[absent]: 0} == {**whole, HOLDS[absent]: 0}


def test_a_file_of_the_least_fields(tmp_path: Path) -> None:
    file = write(tmp_path, spell(ROWS, ("leadId", "activityDate")))
    result = command(file, "--activity-type", 6)
    assert (result.exit_code, len(stored(tmp_path))) == (0, 2)
    assert {row["activity_type_id"] for row in stored(tmp_path)} == {6}
    assert result.stderr.splitlines() == [
        f"{file}: no column campaignId, primaryAttributeValueId, primaryAttributeValue, attributes, so these are empty",
        f"{file}: no column marketoGUID, so repeats cannot be found: of rows with the same content one is stored",
    ]


def test_the_column_of_types_goes_before_the_type_that_is_given(tmp_path: Path, expected) -> None:
    assert command(write(tmp_path, spell(ROWS, BULK_HEADER)), "--activity-type", 6).exit_code == 0
    assert stored(tmp_path) == expected


def test_a_type_that_is_not_stored_is_refused(tmp_path: Path) -> None:
    result = command(write(tmp_path, spell(ROWS, BULK_HEADER)), "--activity-type", 12)
    assert (result.exit_code, "12 is none of the types that are stored: 6, 7" in result.stderr) == (2, True)


@pytest.mark.parametrize("delimiter", [",", ";"])
@pytest.mark.parametrize("absent", ["leadId", "activityDate", "activityTypeId"])
def test_what_the_report_cannot_do_without_is_refused(tmp_path: Path, absent: str, delimiter: str) -> None:
    names = [name for name in BULK_HEADER if name != absent]
    file = write(tmp_path, spell(ROWS, names, delimiter))
    result = command(file)
    assert result.exit_code == 1
    [error] = result.stderr.splitlines()
    assert error.startswith(f"Error: {file}, line 1: not the header of a bulk activity extract: it lacks {absent};")
    assert f"found '{', '.join(names)}'" in error
    assert ("--activity-type" in error) == (absent == "activityTypeId")
    assert not (tmp_path / "a.db").exists()


WITHOUT_ID = [name for name in BULK_HEADER if name != "marketoGUID"]


def test_without_an_id_the_same_row_is_stored_once_whatever_file_it_is_in(tmp_path: Path) -> None:
    rows = [ROW, {**ROW, "leadId": "1"}, {**ROW, "attributes": "{}"}, {**ROW, "campaignId": ""}, {**ROW, "leadId": "1"}]
    first = write(tmp_path, spell(rows, WITHOUT_ID), "first.csv")
    again = write(tmp_path, spell(rows[::-1], WITHOUT_ID[::-1], ";"), "again.csv")
    uri = f"sqlite:///{tmp_path}/a.db"
    summary = load_files(uri, [first, again])
    assert (summary.totals()["stored"], summary.totals()["already_there"]) == (4, 6)
    assert sum("repeats cannot be found" in note for note in summary.notes()) == 1
    assert all(row["activity_id"].startswith("content-") for row in stored(tmp_path))
    # Not the fields alone that two rows happen to share: none runs into the next one.
    more = [
        {**ROW, "campaignId": "1", "primaryAttributeValueId": "23"},
        {**ROW, "campaignId": "12", "primaryAttributeValueId": "3"},
    ]
    assert load(write(tmp_path, spell(more, WITHOUT_ID), "more.csv")).counts.stored == 2


def test_a_file_that_is_named_wrongly_is_told_in_python_too(tmp_path: Path) -> None:
    file = write(tmp_path, spell(ROWS, BULK_HEADER))
    with pytest.raises(LoadError, match="no heading 'Person' for leadId"):
        load(file, headings={"leadId": "Person"})
