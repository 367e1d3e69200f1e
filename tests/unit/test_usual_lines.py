"""Lines that are read many at a time and lines that are read one by one give the same rows and the same faults."""

from __future__ import annotations

import csv
import io
import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from logs import BULK_HEADER

from superset_campaign_plugin.load import file_records, vectors
from superset_campaign_plugin.load import load_files as loading
from superset_campaign_plugin.load.extract import ALL_COLUMNS, FileLayout, Form
from superset_campaign_plugin.load.load_files import load_files
from superset_campaign_plugin.load.store import activity_table

USUAL = {
    "marketoGUID": ["7", "78", "783957693", "0aF-x_y.z", "A" * 200],
    "leadId": ["1", "5414087", "007", "999999999999999999"],
    "activityDate": ["2024-03-01T10:00:00Z", "2024-02-29T23:59:59Z", "1999-12-31T00:00:00Z"],
    "activityTypeId": ["6", "7", "10", "11", "29", "1", "12", "46", "006"],
    "campaignId": ["", "null", "0", "8497", "999999999999999999"],
    "primaryAttributeValueId": ["", "null", "1670"],
    "primaryAttributeValue": ["", "null", "Program.Email", "Ärger 😀", " x ", "a,b", "a;b", "a\tb", "a|b", 'a "b" c'],
    "attributes": [
        "",
        "null",
        "{}",
        "{ }",
        '{"Link": "https://example.com/?a=b&c"}',
        '{"Link":"x","Is Bot Activity":"true","User Agent":"Mozilla/5.0 (X11)"}',
        '{"Link": "first", "link": "last"}',
        '{"IS_BOT_ACTIVITY": true, "Step ID": 12, "Campaign Run ID": -0.5}',
        '{"Is Bot Activity": 1, "Merge IDs": "[1,2]", "Other": null, "x": false}',
        '{"Link": null, "User Agent": ""}',
        r'{"Link": "a\u003d\u0026\/\"\\\n\ud83d\ude00", "Device": "ü"}',
        '{"Action Result": "Skipped"}',
        '{"User Agent": "😀 ü"}',
    ],
    "actionResult": ["", "null", "skipped", "x,y"],
}
ODD = {
    "marketoGUID": ["", "null", "nullx", " 7 ", "a b", "A" * 256, 'x"y', "ü", "7\0", "7\r"],
    "leadId": ["", "null", "-5", "+5", "x", "1.0", "9223372036854775808", " 1", "１", "1\0", "\n1"],
    "activityDate": [
        "",
        "2024-03-01T10:00:00.5Z",
        "2023-02-29T10:00:00Z",
        "2024-04-31T10:00:00Z",
        "2024-03-01T24:00:00Z",
        "2024-03-01 10:00:00+02:00",
        "0000-01-01T00:00:00Z",
        "2024-03-01T10:00:60Z",
        "2024-03-01T10:00:00",
    ],
    "activityTypeId": ["", "null", "-6", "6.0", "99999999999", " 6"],
    "campaignId": [" ", "x", "-1", "1e3", "9" * 19],
    "primaryAttributeValueId": ["NULL", "1,2"],
    "primaryAttributeValue": [
        "a\nb",
        "a\r\nb",
        "a\rb",
        "a\0b",
        '"',
        '""',
        "NaN",
        "\n7,1\n",
        "\ufeff",
        "\ufffd",
        "x" * 5000,
    ],
    "attributes": [
        "{",
        "[]",
        "{} x",
        '{"Link": [1, {"a": "b"}]}',
        '{"Link": {"a": 1}}',
        r'{"Link": "\u0000"}',
        r'{"Link": "\ud83d"}',
        r'{"Link": "\ude00\ud83d"}',
        r'{"Li\u006ek": "x"}',
        '{"LIN\u212a": "kelvin"}',
        '{"Link": "a\tb"}',
        '{"Link": "a\nb"}',
        '{"Link": 1e400, "Merge IDs": 123456789012345678901234567890}',
        '{"Link": NaN, "Is Bot Activity": -0}',
        '{"Link": 01}',
        '{"Link":: 1}',
        '{"Link": "x",}',
        '{"Link" "x"}',
        r'{"Link": "\x"}',
        "{'Link': 'x'}",
    ],
    "actionResult": ["a\rb", "\n"],
}
LINES = [
    b"",
    b" ",
    b",,,,,,,",
    b'"',
    b'""',
    b'x"',
    b'7,100,2024-03-01T10:00:00Z,6,1,10,"Pro,{}',
    b'7,100,2024-03-01T10:00:00Z,6,1,10,"Pro"gram,{}',
    b'7,100,2024-03-01T10:00:00Z,6,1,10,Pro"gram,{}',
    b'7,100,2024-03-01T10:00:00Z,6,1,10,Pro""gram,{}',
    b"7,100,2024-03-01T10:00:00Z,6,1,10,Pro\xffgram,{}",
    b"7,100,2024-03-01T10:00:00Z,6,1,10,Pro\x00gram,{}",
    b"7,100,2024-03-01T10:00:00Z,6,1,10,Program,{},more",
    b"7,100,2024-03-01T10:00:00Z,6,1,10",
    b'7,100,2024-03-01T10:00:00Z,6,1,10,Email,{"Link":"not in quotes"}',
    b'7,100,2024-03-01T10:00:00Z,6,1,10,Email,"{""Link"":""x""}',
    b'"7","100","2024-03-01T10:00:00Z","6","","null","null","null"',
    b"7;100;2024-03-01T10:00:00Z;6;1;10;Email;{}",
]


def spaced_object(chance: random.Random) -> str:
    """Attributes with spaces wherever JSON may have them, under names in any spelling."""

    def spelled(name: str) -> str:
        marks = "".join(letter + chance.choice(["", "", "", " ", "_"]) for letter in name)
        return chance.choice([marks, marks.upper(), name])

    names = chance.sample(["link", "isbotactivity", "useragent", "actionresult", "device"], chance.randrange(3))
    members = [[f'"{spelled(name)}"', ":", chance.choice(['"x"', "true", '"true"', "null", "7"])] for name in names]
    pieces = ["{", *(piece for place, member in enumerate(members) for piece in [","] * (place > 0) + member), "}"]
    return "".join(piece + " " * chance.choice([0, 0, 1, 2]) for piece in pieces).rstrip()


def row(chance: random.Random, names: tuple[str, ...], delimiter: str, odd: float) -> bytes:
    """A line of values as loaders and people write them; about a share `odd` of the lines has an odd one."""
    if chance.random() < odd / 2:
        return chance.choice(LINES).replace(b",", delimiter.encode())
    values = {name: chance.choice(USUAL[name]) for name in ALL_COLUMNS}
    values["marketoGUID"] = chance.choice(
        [*USUAL["marketoGUID"], str(chance.randrange(1000)), str(chance.random())[2:]]
    )
    if chance.random() < 0.3:
        values["attributes"] = spaced_object(chance)
    if chance.random() < odd:
        name = chance.choice(ALL_COLUMNS)
        values[name] = chance.choice(ODD[name])
    text = io.StringIO(newline="")
    quoting = csv.QUOTE_ALL if chance.random() < 0.2 else csv.QUOTE_MINIMAL
    csv.writer(text, delimiter=delimiter, lineterminator="", quoting=quoting).writerow(values[name] for name in names)
    raw = text.getvalue().encode("utf-8", "surrogatepass")
    if chance.random() < odd / 4:
        place = chance.randrange(len(raw) + 1)
        raw = raw[:place] + chance.choice([b"\0", b"\r", b'"', b"\xff", b"\n", b",", b"\\"]) + raw[place:]
    return raw


def outcome(folder: Path, file: Path, form: Form | None) -> dict[str, Any]:
    """All that a load tells and stores."""
    aside = folder / f"{file.name}.rejected.csv"
    folder.mkdir()
    database = folder / "a.db"
    [result] = load_files(
        f"sqlite:///{database}", [file], rejected=folder, max_rejected=10**6, form=form or Form()
    ).files
    engine = sa.create_engine(f"sqlite:///{database}", poolclass=sa.pool.NullPool)
    table = activity_table()
    with engine.connect() as connection:
        rows = connection.execute(sa.select(*list(table.columns)[:-1])).all()
    return {
        "rows": sorted(map(tuple, rows), key=repr),
        "aside": aside.read_bytes() if aside.exists() else b"",
        "result": replace(result, rejected_file=None),
    }


def both(folder: Path, content: bytes, form: Form | None = None) -> dict[str, Any]:
    """What a load of the content comes to, which is the same both ways."""
    file = folder / "a.csv"
    file.write_bytes(content)
    number = len(list(folder.iterdir()))
    fast = outcome(folder / f"fast{number}", file, form)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vectors, "usual_lines", lambda layout, delimiter: None)
        slow = outcome(folder / f"slow{number}", file, form)
    assert fast == slow
    return fast


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 2**32),
    size=st.integers(0, 60),
    odd=st.sampled_from([0.0, 0.05, 0.3, 1.0]),
    delimiter=st.sampled_from([",", "\t", ";", " ", "|"]),
    names=st.permutations(ALL_COLUMNS),
    absent=st.sets(st.sampled_from([name for name in ALL_COLUMNS if name not in ("leadId", "activityDate")])),
    end=st.sampled_from([b"\n", b"\r\n"]),
    ended=st.booleans(),
    chunk=st.sampled_from([50, 300, 4 << 20]),
    batch=st.sampled_from([3, 20_000]),
)
@example(
    seed=0,
    size=400,
    odd=0.1,
    delimiter=",",
    names=BULK_HEADER,
    absent=set(),
    end=b"\n",
    ended=True,
    chunk=999,
    batch=50,
)
def test_any_extract_comes_to_the_same_both_ways(
    tmp_path: Path,
    seed: int,
    size: int,
    odd: float,
    delimiter: str,
    names,
    absent,
    end,
    ended: bool,
    chunk: int,
    batch: int,
) -> None:
    chance = random.Random(seed)
    header = tuple(name for name in names if name not in absent)
    lines = [delimiter.join(header).encode(), *(row(chance, header, delimiter, odd) for _ in range(size))]
    content = end.join(lines) + (end if ended else b"")
    form = Form(delimiter, activity_type=6 if "activityTypeId" in absent else None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(file_records, "_CHUNK", chunk)
        patch.setattr(loading, "BATCH", batch)
        both(tmp_path, content, form)


@pytest.mark.parametrize("name", list(ALL_COLUMNS))
@pytest.mark.parametrize("quoted", [False, True])
def test_each_odd_value_comes_to_the_same_both_ways(tmp_path: Path, name: str, quoted: bool) -> None:
    rows = []
    for number, value in enumerate([*ODD[name], *USUAL[name]]):
        values = {column: USUAL[column][-1] for column in ALL_COLUMNS} | {"activityTypeId": "11"}
        rows.append({**values, "marketoGUID": str(number), name: value})
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL if quoted else csv.QUOTE_MINIMAL)
    writer.writerow(ALL_COLUMNS)
    writer.writerows([row[name] for name in ALL_COLUMNS] for row in rows)
    found = both(tmp_path, text.getvalue().encode("utf-8", "surrogatepass"))
    assert len(found["rows"]) >= len(USUAL[name]) / 2


def test_of_rows_with_the_same_id_the_first_is_stored_whichever_way_it_is_read(tmp_path: Path) -> None:
    lines = [
        *[f"{id % 7},{id},2024-03-01T10:00:00Z,6,1,10,Usual,{{}}" for id in range(20)],
        *[f"{id % 7 + 5},{id},2024-03-01T10:00:00.5Z,6,1,10,Odd,{{}}" for id in range(20)],
    ]
    random.Random(1).shuffle(lines)
    found = both(tmp_path, "\n".join([",".join(BULK_HEADER), *lines, ""]).encode())
    first: dict[str, int] = {}
    for line in lines:
        first.setdefault(line.split(",")[0], int(line.split(",")[1]))
    assert {stored[0]: stored[3] for stored in found["rows"]} == first


def usual_share(lines: list[str], header: tuple[str, ...] = BULK_HEADER, delimiter: str = ",") -> float:
    usual = vectors.usual_lines(FileLayout(Path("x.csv"), header), delimiter)
    assert usual is not None
    _, others = usual.read([f"{line}\n".encode() for line in lines])
    return 1 - len(others) / len(lines)


@pytest.mark.parametrize("delimiter", [",", "\t", ";", " "])
@pytest.mark.parametrize("quoting", [csv.QUOTE_ALL, csv.QUOTE_MINIMAL], ids=["all quoted", "least quoted"])
def test_the_usual_lines_are_read_together(delimiter: str, quoting: int) -> None:
    """Else nothing would be wrong but the time that a load takes."""
    lines = []
    for place in range(len(USUAL["attributes"])):
        text = io.StringIO(newline="")
        values = [USUAL[name][place % len(USUAL[name])] for name in BULK_HEADER]
        csv.writer(text, delimiter=delimiter, lineterminator="", quoting=quoting).writerow(values)
        lines.append(text.getvalue())
    assert usual_share(lines, delimiter=delimiter) == 1
    assert usual_share([f"{line}\r" for line in lines], delimiter=delimiter) == 1


def test_json_without_the_quotes_of_the_file_is_usual_in_tsv() -> None:
    values = ["7", "100", "2024-03-01T10:00:00Z", "11", "1", "10", "Email"]
    attributes = json.dumps({"Link": "https://example.com/?a=b,c", "Is Bot Activity": "true", "Step ID": 7})
    assert usual_share(["\t".join([*values, attributes])], delimiter="\t") == 1


def test_a_line_that_is_too_long_stops_both_ways(tmp_path: Path) -> None:
    lines = [f"{id},1,2024-03-01T10:00:00Z,6,1,10,{{}},{{}}" for id in (1, 2)]
    long = lines[1].replace("{}", "x" * file_records.MAX_RECORD, 1)
    found = both(tmp_path, "\n".join([",".join(BULK_HEADER), lines[0], long, lines[1], ""]).encode())
    assert len(found["rows"]) == 1
    assert "from line 3: a line of more than" in found["result"].error
