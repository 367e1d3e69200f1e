"""Files as Marketo and spreadsheet programs write them: what is written in any of the forms is read back."""

from __future__ import annotations

import re
import zipfile
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from exported import FIELDS, Form, heading, table, write_csv, write_xlsx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oracle import RATIOS

from superset_campaign_plugin.errors import CampaignError, ExportError
from superset_campaign_plugin.reporting.marketo_export import Export, is_share, read_export
from superset_campaign_plugin.reporting.marketo_headings import COUNTS, HEADINGS, column_of, key_of

LANGUAGES = sorted({language for spoken in HEADINGS.values() for language in spoken})


def row(campaign: str = "Spring", email: str = "Invitation", **counts: int) -> dict[str, Any]:
    found: dict[str, Any] = {"campaign_name": campaign, "email_name": email, **dict.fromkeys(COUNTS, 0), **counts}
    for name, (top, low) in RATIOS.items():
        if top in found and low in found:
            found[name] = found[top] / found[low] if found[low] else None
    return found


ROW = row(sent=12345, delivered=12000, hard_bounced=45, soft_bounced=200, pending=60, aborted=40, opened=3000)
OTHER = row(email="Reminder, again", sent=7, delivered=7, opened=1, clicked_link=1, unsubscribed=1)

counts_of_rows = st.lists(
    st.lists(st.integers(0, 10**7), min_size=len(COUNTS), max_size=len(COUNTS)), min_size=1, max_size=4
)
forms = st.builds(
    Form,
    language=st.sampled_from(LANGUAGES),
    delimiter=st.sampled_from(",;\t|"),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"]),
    thousands=st.sampled_from(["", ",", ".", " ", "\u00a0", "\u2009", "\u202f", "'"]),
    decimal=st.sampled_from(".,"),
    percent=st.sampled_from(["%", " %", "\u202f%"]),
    digits=st.integers(0, 3),
    titles=st.integers(0, 3),
    totals=st.booleans(),
)


def assert_read(export: Export, rows: list[dict[str, Any]]) -> None:
    assert [(each.campaign, each.email) for each in export.rows] == [
        (r["campaign_name"], r["email_name"]) for r in rows
    ]
    for found, written in zip(export.rows, rows, strict=True):
        assert {name: found.figures[name] for name in COUNTS} == {name: written[name] for name in COUNTS}
        for name in set(FIELDS) - set(COUNTS):
            assert is_share(found.figures[name], written[name]), name


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    counts=counts_of_rows,
    form=forms,
    names=st.lists(
        st.sampled_from(["A", "Ünï'ted <1>", "זהב 50%", 'a "b", c;d', "第1"]), min_size=4, max_size=4, unique=True
    ),
)
def test_a_text_is_read_as_it_was_written(
    tmp_path: Path, counts: list[list[int]], form: Form, names: list[str]
) -> None:
    rows = [row(email=name, **dict(zip(COUNTS, each, strict=True))) for name, each in zip(names, counts, strict=False)]
    export = read_export(str(write_csv(tmp_path / "export.csv", table(rows, form), form)))
    assert export.by_campaign
    assert set(export.fields) == set(FIELDS)
    assert_read(export, rows)
    if form.totals:
        assert export.totals is not None
        assert export.totals["sent"] == sum(each["sent"] for each in rows)
    else:
        assert export.totals is None


def test_a_workbook_is_read_with_numbers_and_with_texts(tmp_path: Path) -> None:
    texts = table([ROW, OTHER], Form(titles=2, totals=True))
    assert_read(read_export(str(write_xlsx(tmp_path / "texts.xlsx", texts))), [ROW, OTHER])
    head, rows = table([], Form())[0], [ROW, OTHER]
    numbers = [[each["campaign_name"], each["email_name"], *(each[name] or 0 for name in FIELDS)] for each in rows]

    def percentages(value: Any) -> str | None:
        return "0.0%" if isinstance(value, float) else None

    for name, form in (("shown", percentages), ("bare", lambda _: None)):
        assert_read(read_export(str(write_xlsx(tmp_path / f"{name}.xlsx", [head, *numbers], form))), rows)


def test_a_workbook_has_no_more_digits_than_were_meant(tmp_path: Path) -> None:
    """95.7 / 100 is 0.9570000000000001 to a computer."""
    write_xlsx(tmp_path / "digits.xlsx", [["Email", "Sent", "Delivered", "% Delivered"], ["A", 23, 22, 95.7 / 100]])
    [found] = read_export(str(tmp_path / "digits.xlsx")).rows
    assert str(found.figures["pct_delivered"]) == "95.7"
    assert is_share(Decimal("95.7"), 22 / 23)


@pytest.mark.parametrize("scale", [1, 100])
def test_bare_shares_are_read_by_the_counts_beside_them(tmp_path: Path, scale: int) -> None:
    """0.5 may be a half or 0.5 %: of 1 in 200 it is the latter."""
    text = f"Email Name,Delivered,Unsubscribed,% Unsubscribed\nA,200,1,{scale * 0.005}\nB,400,4,{scale * 0.01}\n"
    (tmp_path / "bare.csv").write_text(text)
    found = read_export(str(tmp_path / "bare.csv"))
    assert [each.figures["pct_unsubscribed"] for each in found.rows] == [Decimal("0.5"), Decimal(1)]


def test_bare_shares_without_counts_are_hundredths_if_one_is_above_one(tmp_path: Path) -> None:
    for shares, expected in (("0.5,12", ["0.5", "12"]), ("0.5,0.12", ["50", "12"])):
        one, other = shares.split(",")
        (tmp_path / "bare.csv").write_text(f"Email,Sent,% Opened\nA,200,{one}\nB,400,{other}\n")
        found = read_export(str(tmp_path / "bare.csv"))
        assert [each.figures["pct_opened"] for each in found.rows] == [Decimal(text) for text in expected]


def test_no_heading_is_that_of_two_columns() -> None:
    seen: dict[str, str] = {}
    for column, spoken in HEADINGS.items():
        for language, words in spoken.items():
            for word in words:
                assert seen.setdefault(key_of(word), column) == column, (language, word)
                assert column_of(word) == column


@pytest.mark.parametrize("language", LANGUAGES)
def test_shares_are_known_in_every_language(language: str) -> None:
    for column in FIELDS:
        assert column_of(heading(column, language)) == column
    assert column_of("Delivered (%)") == column_of("Pct Delivered") == column_of("％ Delivered") == "pct_delivered"
    assert column_of("% Pending") is None


@pytest.mark.parametrize(("encoding", "language"), [("cp1252", "de"), ("cp1252", "fr"), ("cp932", "ja")])
def test_encodings_of_old_programs_are_known_by_their_headings(tmp_path: Path, encoding: str, language: str) -> None:
    form = Form(language=language, delimiter=";", encoding=encoding)
    assert_read(read_export(str(write_csv(tmp_path / "old.csv", table([ROW], form), form))), [ROW])


def test_a_campaign_may_stand_once_above_its_emails(tmp_path: Path) -> None:
    (tmp_path / "grouped.csv").write_text("Campaign,Email,Sent\nSpring,,3\n,A,1\n,B,2\nAutumn,A,4\n,B,5\n,,12\n")
    found = read_export(str(tmp_path / "grouped.csv"))
    assert [(each.campaign, each.email, each.figures["sent"], each.place) for each in found.rows] == [
        *(("Spring", "A", 1, 3), ("Spring", "B", 2, 4), ("Autumn", "A", 4, 5), ("Autumn", "B", 5, 6))
    ]
    assert found.totals == {"sent": 12}
    assert any("belong to the campaign above" in note for note in found.notes)


def test_an_email_that_is_called_total_is_an_email(tmp_path: Path) -> None:
    (tmp_path / "total.csv").write_text("Email ID,Email,Sent\n1,A,1\n2,Total,2\n")
    assert [each.email for each in read_export(str(tmp_path / "total.csv")).rows] == ["A", "Total"]


def test_totals_that_do_not_add_up_are_said(tmp_path: Path) -> None:
    (tmp_path / "cut.csv").write_text("Email,Sent\nA,1\nTotal,3\n")
    [note] = read_export(str(tmp_path / "cut.csv")).notes
    assert "totals has 3 for sent, and its rows add up to 1" in note


def test_columns_that_are_not_compared_are_said(tmp_path: Path) -> None:
    (tmp_path / "more.csv").write_text("Email,Sent,First Activity\nA,1,2024-01-01\n")
    [note] = read_export(str(tmp_path / "more.csv")).notes
    assert "First Activity" in note


def test_own_headings(tmp_path: Path) -> None:
    (tmp_path / "own.csv").write_text("Asset,Dispatched,% Reached\nA,8,25%\n")
    headings = {"email": "asset", "sent": "Dispatched", "pct_delivered": "% Reached"}
    [found] = read_export(str(tmp_path / "own.csv"), headings).rows
    assert (found.email, found.figures) == ("A", {"sent": 8, "pct_delivered": Decimal(25)})
    with pytest.raises(CampaignError, match="did you mean 'delivered'"):
        read_export(str(tmp_path / "own.csv"), {"deliverd": "x"})


# ----------------------------------------------------------------------------------------------------------- bad files


def refused(path: Path) -> str:
    with pytest.raises(ExportError) as caught:
        read_export(str(path))
    assert caught.value.exit_code == 2
    return str(caught.value).replace(f"{path}", "FILE")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "FILE is empty; export the report from Marketo again"),
        ("\ufeff \n\n", "FILE is empty; export the report from Marketo again"),
        ("Email,Sent\n", "FILE has headings and no row below them; export the report with its rows"),
        ("Email,Sent\nA,many\n", "FILE, row 2, column B (sent): 'many' is not a whole number; correct the cell"),
        ("Email,Sent\nA,1.5\n", "FILE, row 2, column B (sent): '1.5' is not a whole number; correct the cell"),
        (
            "Email,Sent,% Opened\n\nA,1,x%\n",
            "FILE, row 3, column C (pct_opened): 'x%' is not a share such as 12.3%; correct the cell",
        ),
        (
            "Email,Sent,Sent\nA,1,1\n",
            "FILE has two columns for sent, row 1, column B and row 1, column C; take one of them out",
        ),
        ("Email,Sent\n,1\nA,1\n", "FILE, row 2, column A: no email is named"),
        ("Campaign,Email,Sent\n,A,1\n", "FILE, row 2, column A: no campaign is named"),
        ("Email ID,Sent\nx1,1\n", "FILE, row 2, column A (email_id): 'x1' is not a whole number; correct the cell"),
    ],
)
def test_a_bad_text_is_one_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    (tmp_path / "bad.csv").write_text(text, encoding="utf-8")
    assert refused(tmp_path / "bad.csv") == sentence


def test_other_files_are_one_sentence(tmp_path: Path) -> None:
    assert refused(tmp_path) == "FILE is a folder; give the file that Marketo exported"
    assert refused(tmp_path / "none.csv") == "cannot read FILE: No such file or directory"
    for name, content, words in (
        ("letter.csv", b"Dear all,\nhere is nothing.\n", "no row of headings"),
        ("picture.png", bytes(range(256)) * 40, "neither text nor XLSX"),
        ("protected.xlsx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "protected by a password"),
        ("cut.xlsx", b"PK\x03\x04" + bytes(100), "damaged or no XLSX"),
    ):
        (tmp_path / name).write_bytes(content)
        assert words in refused(tmp_path / name)
    with zipfile.ZipFile(tmp_path / "other.xlsx", "w") as parts:
        parts.writestr("readme.txt", "no workbook")
    assert "damaged or no XLSX" in refused(tmp_path / "other.xlsx")
    with zipfile.ZipFile(tmp_path / "broken.xlsx", "w") as parts:
        parts.writestr("xl/workbook.xml", "<workbook")
    assert "damaged or no XLSX" in refused(tmp_path / "broken.xlsx")


def test_a_formula_is_not_computed(tmp_path: Path) -> None:
    write_xlsx(tmp_path / "formula.xlsx", [["Email", "Sent"], ["A", "=1+1"]])
    assert refused(tmp_path / "formula.xlsx") == (
        "FILE, row 2, column B (sent): a formula, which is not computed; save the file with its values"
    )
    write_xlsx(tmp_path / "sums.xlsx", [["Email", "Sent"], ["A", 1], ["Total", "=SUM(B2)"]])
    assert [each.figures for each in read_export(str(tmp_path / "sums.xlsx")).rows] == [{"sent": 1}]


def test_a_date_is_no_count(tmp_path: Path) -> None:
    import datetime

    write_xlsx(tmp_path / "date.xlsx", [["Email", "Sent"], ["A", datetime.datetime(2024, 1, 2)]])  # noqa: DTZ001
    assert re.search(
        r"row 2, column B \(sent\): '2024-01-02T00:00:00' is not a whole number", refused(tmp_path / "date.xlsx")
    )


def test_the_time_of_a_workbook_is_when_it_was_made(tmp_path: Path) -> None:
    write_xlsx(tmp_path / "book.xlsx", [["Email", "Sent"], ["A", 1]])
    made_at = openpyxl.load_workbook(tmp_path / "book.xlsx").properties.modified
    assert read_export(str(tmp_path / "book.xlsx")).made_at == made_at
