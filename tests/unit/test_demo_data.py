"""The demo's data: complete, believable in its kinds of dirt, the same for the same seed, and never in the future."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timezone
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from demo.generate import Summary, _last_moment, generate

END = date(2026, 11, 23)
NOW = datetime(2026, 11, 23, 16, 20, tzinfo=timezone.utc)
SENDS = 2_000
ACTIVITIES = (
    "activity_send_email",
    "activity_email_delivered",
    "activity_email_bounced",
    "activity_email_bounced_soft",
    "activity_open_email",
    "activity_click_email",
    "activity_unsubscribe_email",
    "activity_merge_leads",
    "activity_delete_lead",
)
OTHER_EVENTS = ACTIVITIES[1:7]
KEY = "campaign_id, primary_attribute_value_id, lead_id"
Query = Callable[[str], list[tuple[Any, ...]]]


@dataclass(frozen=True)
class Demo:
    summary: Summary
    query: Query

    def one(self, sql: str) -> Any:
        """The only value of a query."""
        return self.query(sql)[0][0]


def _generate(directory: Path, **options: Any) -> Summary:
    values = {"end": END, "now": NOW, "sends": SENDS, **options}
    return generate(directory / "demo.duckdb", directory / "emails", **values)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    summary = _generate(tmp_path_factory.mktemp("demo"))
    with duckdb.connect(str(summary.warehouse), read_only=True) as connection:
        connection.execute("USE marketo")
        yield Demo(summary, lambda sql: connection.execute(sql).fetchall())


def _fingerprint(summary: Summary) -> dict[str, Any]:
    with duckdb.connect(str(summary.warehouse), read_only=True) as connection:
        return {
            table: connection.execute(f"SELECT count(*), bit_xor(hash(t)) FROM marketo.{table} AS t").fetchone()
            for table in summary.rows
        }


def test_the_same_seed_gives_the_same_data_and_another_seed_gives_other_data(demo: Demo, tmp_path: Path) -> None:
    again = _generate(tmp_path / "again")
    other = _generate(tmp_path / "other", seed=8)

    assert _fingerprint(again) == _fingerprint(demo.summary)
    assert _fingerprint(other) != _fingerprint(demo.summary)
    for file in demo.summary.emails_dir.iterdir():
        assert (again.emails_dir / file.name).read_bytes() == file.read_bytes()


def test_there_are_as_many_assets_as_promised(demo: Demo) -> None:
    assert demo.one("SELECT count(*) FROM activity_send_email") == SENDS
    assert demo.query("SELECT DISTINCT workspace FROM program ORDER BY 1") == [("EMEA",), ("North America",)]
    assert demo.one("SELECT count(DISTINCT id) FROM program") == 10
    assert demo.one("SELECT count(DISTINCT campaign_id) FROM activity_send_email") == 40
    assert demo.one("SELECT count(DISTINCT id) FROM campaign") == 39
    assert demo.one("SELECT count(DISTINCT primary_attribute_value_id) FROM activity_send_email") == 60
    assert demo.one("SELECT count(DISTINCT id) FROM email_template_history") == 59
    assert demo.one("SELECT count(DISTINCT id) FROM email_template_history WHERE operational") >= 5


def test_nothing_happens_outside_of_the_year(demo: Demo) -> None:
    now = NOW.replace(tzinfo=None)
    for table in ACTIVITIES:
        newest, synced = demo.query(f"SELECT max(activity_date), max(_fivetran_synced) FROM {table}")[0]
        assert newest <= now, table
        assert synced <= now, table
    assert demo.one("SELECT min(activity_date) FROM activity_send_email") >= datetime(2025, 11, 24)  # noqa: DTZ001
    assert demo.one("SELECT max(activity_date) FROM activity_send_email") > datetime(2026, 11, 23)  # noqa: DTZ001


def test_a_day_that_is_over_does_not_depend_on_now() -> None:
    moments = {_last_moment(END, datetime(2026, 11, day, 8, tzinfo=timezone.utc)) for day in (24, 30)}

    assert moments == {datetime(2026, 11, 23, 23, 59, 59)}  # noqa: DTZ001
    assert _last_moment(END, NOW) == NOW.replace(tzinfo=None)


@pytest.mark.parametrize(
    ("kind", "sql"),
    [
        ("replayed send", "SELECT id FROM activity_send_email GROUP BY id HAVING count(*) = 2"),
        ("replayed open", "SELECT id FROM activity_open_email GROUP BY id HAVING count(*) = 2"),
        ("skipped send", "SELECT 1 FROM activity_send_email WHERE action_result = 'skipped'"),
        ("failed send", "SELECT 1 FROM activity_send_email WHERE action_result = 'failed'"),
        ("send without a result", "SELECT 1 FROM activity_send_email WHERE action_result IS NULL"),
        (
            "several sends to one person",
            f"SELECT 1 FROM activity_send_email GROUP BY {KEY} HAVING count(DISTINCT id) > 1",
        ),
        (
            "delivery a second before its send",
            f"SELECT 1 FROM activity_send_email s JOIN activity_email_delivered d USING ({KEY})"
            " WHERE d.activity_date = s.activity_date - INTERVAL 1 SECOND",
        ),
        (
            "bounce a second before its send",
            f"SELECT 1 FROM activity_send_email s JOIN (FROM activity_email_bounced UNION ALL"
            f" FROM activity_email_bounced_soft) b USING ({KEY})"
            " WHERE b.activity_date = s.activity_date - INTERVAL 1 SECOND",
        ),
        (
            "soft bounce and delivery",
            f"SELECT 1 FROM activity_email_bounced_soft b JOIN activity_email_delivered d USING ({KEY})"
            " WHERE d.activity_date > b.activity_date",
        ),
        ("click without an open", f"SELECT 1 FROM activity_click_email ANTI JOIN activity_open_email USING ({KEY})"),
        ("unsubscribe click", "SELECT 1 FROM activity_click_email WHERE link LIKE '%mkt_unsubscribe=1%'"),
        ("mailto click", "SELECT 1 FROM activity_click_email WHERE link LIKE 'mailto:%'"),
        ("empty link", "SELECT 1 FROM activity_click_email WHERE link IS NULL"),
        ("bot click", "SELECT 1 FROM activity_click_email WHERE is_bot_activity"),
        ("bot open", "SELECT 1 FROM activity_open_email WHERE is_bot_activity"),
        ("unknown whether a bot", "SELECT 1 FROM activity_open_email WHERE is_bot_activity IS NULL"),
        ("no answer yet", f"SELECT 1 FROM activity_send_email ANTI JOIN activity_email_delivered USING ({KEY})"),
        ("merged person", "SELECT 1 FROM activity_merge_leads WHERE merge_ids LIKE '[%]'"),
        ("deleted person", "SELECT 1 FROM activity_delete_lead ANTI JOIN lead ON lead.id = lead_id"),
        (
            "renamed e-mail",
            "SELECT id FROM email_template_history GROUP BY id HAVING count(DISTINCT name) > 1 AND max(version) > 2",
        ),
        (
            "e-mail in two campaigns",
            "SELECT email_template_id FROM activity_send_email GROUP BY 1 HAVING count(DISTINCT campaign_id) > 1",
        ),
        ("tested e-mail", "SELECT 1 FROM activity_send_email WHERE test_variant = 2 AND action_result = 'succeeded'"),
        ("name with quotes", """SELECT 1 FROM email_template_history WHERE name = 'R&D "Insights" <beta>'"""),
        ("name in another script", "SELECT 1 FROM campaign WHERE name LIKE '%الصيف%'"),
    ],
)
def test_dirt_of_real_logs_is_there(demo: Demo, kind: str, sql: str) -> None:
    assert demo.query(sql), kind


@pytest.mark.parametrize("table", OTHER_EVENTS)
def test_every_event_has_orphans(demo: Demo, table: str) -> None:
    assert demo.query(f"SELECT 1 FROM {table} ANTI JOIN activity_send_email USING (lead_id)")


def test_only_sends_always_know_their_campaign(demo: Demo) -> None:
    assert demo.one("SELECT count(*) FROM activity_send_email WHERE campaign_id IS NULL") == 0
    for table in ("activity_email_delivered", "activity_open_email", "activity_click_email"):
        assert demo.one(f"SELECT count(*) FROM {table} WHERE campaign_id IS NULL") > 0


def test_old_sends_have_an_outcome_but_for_a_few(demo: Demo) -> None:
    without = demo.one(
        f"SELECT count(*) FROM (SELECT DISTINCT {KEY} FROM activity_send_email"
        " WHERE activity_date < TIMESTAMP '2026-11-20' AND coalesce(action_result, '') NOT IN ('skipped', 'failed'))"
        f" ANTI JOIN (SELECT {KEY} FROM activity_email_delivered UNION ALL SELECT {KEY} FROM activity_email_bounced"
        f" UNION ALL SELECT {KEY} FROM activity_email_bounced_soft) USING ({KEY})"
    )
    assert 0 < without < SENDS * 0.03


class _Hrefs(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found |= {value for name, value in attrs if tag == "a" and name == "href" and value}


def _hrefs(file: Path) -> set[str]:
    parser = _Hrefs()
    parser.feed(file.read_text(encoding="utf-8"))
    return parser.found


def test_every_clicked_link_stands_in_its_email(demo: Demo) -> None:
    stored = {int(file.stem): _hrefs(file) for file in demo.summary.emails_dir.glob("*.html")}
    clicked = demo.query("SELECT DISTINCT primary_attribute_value_id, link FROM activity_click_email WHERE link <> ''")

    assert len({link for _, link in clicked}) > 100
    assert [(email, link) for email, link in clicked if link not in stored.get(email, {link})] == []


def test_two_emails_have_no_content_and_the_others_are_complete(demo: Demo) -> None:
    folder = demo.summary.emails_dir
    index = yaml.safe_load((folder / "emails.yaml").read_text(encoding="utf-8"))

    assert demo.summary.html_files == len(index) == 58
    assert {file.name for file in folder.glob("*.html")} == {f"{email}.html" for email in index}
    for email, header in index.items():
        html = (folder / f"{email}.html").read_text(encoding="utf-8")
        assert set(header) == {"subject", "from_name", "from_email", "preheader"}
        assert "@media" in html
        assert 'width="1" height="1"' in html
        assert "mkt_unsubscribe=1" in html
        assert "{" not in header["subject"] + header["preheader"]
    subjects = demo.query("SELECT id, arg_max(subject, version) FROM email_template_history GROUP BY id")
    assert {email: subject for email, subject in subjects if email in index} == {
        email: header["subject"] for email, header in index.items()
    }


def test_addresses_are_reserved_ones(demo: Demo) -> None:
    assert (
        demo.query(r"SELECT email FROM lead WHERE NOT regexp_matches(email, '^[a-z0-9.\-ø]+@[a-z0-9-]+\.example$')")
        == []
    )


def test_a_failed_run_leaves_the_older_demo_alone(demo: Demo, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    older = tmp_path / "demo.duckdb", tmp_path / "emails" / "1.html"
    older[1].parent.mkdir()
    for file in older:
        file.write_text("older")

    def fail(*_: Any) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("demo.generate._write_emails", fail)
    with pytest.raises(OSError, match="disk full"):
        _generate(tmp_path, sends=1_000)
    assert [file.read_text() for file in older] == ["older", "older"]

    monkeypatch.undo()
    _generate(tmp_path, sends=1_000)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["demo.duckdb", "emails"]
    assert not older[1].exists()


def test_a_folder_with_other_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "emails").mkdir()
    (tmp_path / "emails" / "thesis.docx").touch()

    with pytest.raises(ValueError, match=r"thesis\.docx"):
        _generate(tmp_path)
    assert (tmp_path / "emails" / "thesis.docx").exists()


@pytest.mark.parametrize(("options", "fault"), [({"end": date(2026, 11, 24)}, "after today"), ({"sends": 10}, "1000")])
def test_impossible_wishes_are_refused(tmp_path: Path, options: dict[str, Any], fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        _generate(tmp_path, **options)
    assert not (tmp_path / "demo.duckdb").exists()
