"""A record of Marketo's bulk activity extract: what is read from it, and why it is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from logs import BULK_HEADER, utc

from superset_campaign_plugin.errors import LoadError
from superset_campaign_plugin.load.extract import Activity, Fault, FileLayout

GOOD = {
    "marketoGUID": "783957693",
    "leadId": "5414087",
    "activityDate": "2022-02-13T14:06:20Z",
    "activityTypeId": "11",
    "campaignId": "8497",
    "primaryAttributeValueId": "1670",
    "primaryAttributeValue": "Program.Email",
    "attributes": '{"Link":"https://example.com/","Is Bot Activity":"true","User Agent":"Mozilla/5.0"}',
}


def read(header: tuple[str, ...] = BULK_HEADER, **changed: str) -> Activity | None:
    row = {**GOOD, **changed}
    return FileLayout(Path("x.csv"), header).read([row[name] for name in header])[0]


def test_a_click() -> None:
    assert read() == Activity(
        activity_id="783957693",
        activity_type_id=11,
        activity_date=utc("2022-02-13 14:06:20"),
        lead_id=5414087,
        campaign_id=8497,
        email_id=1670,
        email_name="Program.Email",
        action_result=None,
        link="https://example.com/",
        is_bot_activity="true",
        user_agent="Mozilla/5.0",
        merge_ids=None,
    )


@pytest.mark.parametrize("none", ["", "null"])
def test_what_marketo_leaves_out_is_null(none: str) -> None:
    names = ("campaignId", "primaryAttributeValueId", "primaryAttributeValue", "attributes")
    activity = read(**dict.fromkeys(names, none))
    assert activity is not None
    assert activity[4:] == (None,) * 8


def test_columns_in_any_order_and_others_between() -> None:
    header = ("Campaign", *reversed(BULK_HEADER), "x")
    assert read(header, Campaign="Spring", x="") == read()


def test_the_spelling_of_the_header_does_not_matter() -> None:
    header = tuple(name.upper() for name in BULK_HEADER)
    assert read(header, **{name.upper(): value for name, value in GOOD.items()}) == read()


@pytest.mark.parametrize("name", ["Link", "link", "LINK ", "l_ink"])
def test_the_spelling_of_an_attribute_does_not_matter(name: str) -> None:
    assert read(attributes=json.dumps({name: "a"})).link == "a"


@pytest.mark.parametrize(
    ("attributes", "field", "value"),
    [
        ({"Action Result": "Skipped"}, "action_result", "Skipped"),
        ({"Merge IDs": "[12,13]"}, "merge_ids", "[12,13]"),
        ({"Merge IDs": [12, 13]}, "merge_ids", "[12, 13]"),
        ({"Is Bot Activity": True}, "is_bot_activity", "true"),
        ({"Is Bot Activity": " FALSE "}, "is_bot_activity", "false"),
        ({"Is Bot Activity": 1}, "is_bot_activity", "true"),
        ({"Is Bot Activity": "perhaps"}, "is_bot_activity", None),
        ({"Is Bot Activity": None}, "is_bot_activity", None),
        ({"Link": ""}, "link", ""),
        ({"Link": "null"}, "link", "null"),
        ({"Link": None}, "link", None),
    ],
    ids=str,
)
def test_an_attribute(attributes: dict[str, object], field: str, value: str | None) -> None:
    assert getattr(read(attributes=json.dumps(attributes)), field) == value


@pytest.mark.parametrize(("column", "expected"), [("skipped", "skipped"), ("null", "failed"), ("", "failed")])
def test_a_column_of_its_own_goes_before_the_attribute(column: str, expected: str) -> None:
    activity = read((*BULK_HEADER, "actionResult"), actionResult=column, attributes='{"Action Result": "failed"}')
    assert activity.action_result == expected


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2024-03-01T10:00:00Z", "2024-03-01 10:00"),
        ("2024-03-01T10:00:00.123456789Z", "2024-03-01 10:00:00.123456"),
        ("2024-03-01 10:00:00+00:00", "2024-03-01 10:00"),
        ("2024-03-01T01:30:00+02:00", "2024-02-29 23:30"),
        ("2024-12-31T20:30:00-0430", "2025-01-01 01:00"),
        ("2024-03-01T10:00z", "2024-03-01 10:00"),
    ],
)
def test_a_time_is_brought_to_utc(text: str, moment: str) -> None:
    assert read(activityDate=text).activity_date == utc(moment)


@pytest.mark.parametrize("kind", ["1", "12", "104", "99999"])
def test_another_type_is_left_out_whatever_else_it_holds(kind: str) -> None:
    assert read(activityTypeId=kind, leadId="", attributes="{") is None


@pytest.mark.parametrize("kind", [6, 7, 8, 27, 9, 10, 11, 32, 37, 29])
def test_the_types_that_are_stored(kind: int) -> None:
    assert read(activityTypeId=str(kind)).activity_type_id == kind


@pytest.mark.parametrize("number", [-(2**63) + 1, 0, 2**63 - 1])
def test_ids_up_to_the_bounds(number: int) -> None:
    assert read(campaignId=str(number)).campaign_id == number


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"marketoGUID": ""}, "no marketoGUID"),
        ({"marketoGUID": "null"}, "no marketoGUID"),
        ({"marketoGUID": "x" * 256}, "more than 255"),
        ({"leadId": "null"}, "no leadId"),
        ({"leadId": " "}, "no leadId"),
        ({"leadId": "12a"}, "leadId '12a' is not a whole number"),
        ({"leadId": "1_000"}, "not a whole number"),
        ({"leadId": "\u0661"}, "not a whole number"),
        ({"campaignId": "1.0"}, "campaignId '1.0' is not a whole number"),
        ({"campaignId": str(2**63)}, "out of range"),
        ({"primaryAttributeValueId": "9" * 5000}, "out of range"),
        ({"activityTypeId": ""}, "no activityTypeId"),
        ({"activityTypeId": "Send Email"}, "not a whole number"),
        ({"activityDate": ""}, "not an ISO 8601"),
        ({"activityDate": "null"}, "not an ISO 8601"),
        ({"activityDate": "03/01/2024"}, "not an ISO 8601"),
        ({"activityDate": "2024-03-01"}, "not an ISO 8601"),
        ({"activityDate": "2024-03-01T10:00:00"}, "no time zone"),
        ({"activityDate": "2024-02-30T10:00:00Z"}, "not a valid time"),
        ({"activityDate": "0001-01-01T00:00:00+02:00"}, "not a valid time"),
        ({"attributes": '{"Link": '}, "not valid JSON"),
        ({"attributes": "[" * 100_000}, "not valid JSON"),
        ({"attributes": '["Link"]'}, "no JSON object"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_bad_field_is_refused(changed: dict[str, str], reason: str) -> None:
    with pytest.raises(Fault) as caught:
        read(**changed)
    assert reason in str(caught.value)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a\\u0000b", "ab"),
        ("\\u0000", ""),
        ("\\ud83d x", "\ufffd x"),
        ("\\ude00\\ud83d", "\ufffd\ufffd"),
        ("\\ud83d\\ude00", None),  # a whole character
        ("a\\rb", None),
        ("\\\\u0000", None),
    ],
)
def test_what_json_spells_and_no_database_takes_is_mended(text: str, value: str | None) -> None:
    row = {**GOOD, "attributes": f'{{"Link": "{text}", "Other": "\\u0000"}}'}
    activity, mended = FileLayout(Path("x.csv"), BULK_HEADER).read([row[name] for name in BULK_HEADER])
    assert activity is not None
    assert activity.link == (json.loads(f'"{text}"') if value is None else value)
    assert mended == (value is not None)


@pytest.mark.parametrize(
    ("header", "named"),
    [
        (BULK_HEADER[:1], "it lacks leadId, activityDate, activityTypeId; found 'marketoGUID'"),
        (tuple(name for name in BULK_HEADER if name != "leadId"), "it lacks leadId;"),
        ((*BULK_HEADER, "leadId"), "leadId stands there twice"),
        (("a;b;c",), "found 'a;b;c'"),
    ],
)
def test_a_wrong_header_is_refused(header: tuple[str, ...], named: str) -> None:
    with pytest.raises(LoadError, match=r"x\.csv, line 1") as caught:
        FileLayout(Path("x.csv"), header)
    assert named in str(caught.value)


@pytest.mark.parametrize(
    ("last", "value", "whole"),
    [
        ("attributes", '{"Link": "a"}', True),
        ("attributes", '{"Link": "a', False),
        ("attributes", "null", True),
        ("attributes", "", False),  # they may have been about to begin
        ("activityDate", "2024-03-01T10:00:00Z", True),
        ("activityDate", "2024-03-01T10:00:00", False),
        ("activityDate", "2024-03-01T10:00:00+05", False),  # may have been +0530
        ("leadId", "123", False),  # may have been 1234
        ("leadId", '"123"', True),
        ("primaryAttributeValue", '"Pro"', False),  # may have been "Pro""gram"
        ("attributes", '"{"', False),
        ("x", "12", True),
    ],
)
def test_whether_a_record_at_the_end_of_a_file_is_whole(last: str, value: str, whole: bool) -> None:
    layout = FileLayout(Path("x.csv"), (*(name for name in BULK_HEADER if name != last), last))
    fields = [*["x"] * (layout.width - 1), value.strip('"')]
    text = ",".join([*fields[:-1], value])
    assert layout.is_whole(text, fields) is whole
    assert not layout.is_whole(",".join(fields[:-1]), fields[:-1])
