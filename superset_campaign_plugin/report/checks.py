"""What `doctor` looks for, how much of it is too much, and what each finding means for the figures."""

from __future__ import annotations

from dataclasses import dataclass

from superset_campaign_plugin.report.activity_kinds import KINDS, LOG_COLUMNS, EventKind
from superset_campaign_plugin.report.records import PENDING_DAYS
from superset_campaign_plugin.report.rules import People, Rules

SEVERITIES = ("problem", "notice", "fine")

# Marketo keeps sends and deliveries this long in the log that loaders read, opens and clicks for 25 months.
# Source: Marketo's data retention policy for activities.
KEPT_DAYS = 90
YOUNG = "up to 3 days old"
# A log in use has opens every day; where there are none for longer, rows are more likely missing than people silent.
GAP_DAYS = 3
# In a hundred. A few orphans are in every log; more are worth a look, and with many of them sends are missing.
SOME_ORPHANS, MANY_ORPHANS = 1, 10
# In a hundred. Some sends end nowhere in every log; above this share of an age, outcomes are missing.
MANY_WITHOUT_OUTCOME = 5


NOTHING = "None was found."


@dataclass(frozen=True)
class Check:
    """What is looked for. `severity` is what it means if something is found."""

    finding: str
    severity: str
    advice: str


ROWS = Check("Rows in the log", "fine", "What the loader brought.")
UNREADABLE = Check("Values that cannot be read", "problem", "")
SPELLINGS = Check(
    "One column in several spellings",
    "notice",
    "They are one column to the report: the first of them counts, and the others where it is null.",
)
STALE = Check(
    f"No activity for the last {PENDING_DAYS} days",
    "problem",
    "Emails sent since then are missing, and what is pending turns into aborted. See whether the loader still runs.",
)
SYNCED = Check("Last sync of the loader", "fine", "When the loader last wrote a row, by its own sync column.")
ABSENT_TABLE = Check("Missing table", "notice", "")
ABSENT_COLUMN = Check("Missing column", "notice", "")
UNNAMED = Check("Not in the layout", "notice", "")
GAPS = Check(
    f"Nothing in the log for more than {GAP_DAYS} days",
    "notice",
    "A log in use has rows every day. Load the time between anew, or the figures of these days stay too low.",
)
ORPHANS = Check(
    "Activities without a send",
    "notice",
    "They are in no figure: their send is not in the log. Many of them mean that sends are missing.",
)
BEFORE_FIRST_SEND = Check(
    "Activities older than the first send",
    "notice",
    f"Marketo gives a loader sends and deliveries of the last {KEPT_DAYS} days, opens and clicks of 25 months. What "
    "is older than the first send can be in no figure; choose time ranges that begin after it.",
)
BEFORE_FIRST_DELIVERY = Check(
    "Sends older than the first delivery",
    "notice",
    "Their deliveries are not in the log, so all that nobody opened are Aborted. Choose time ranges that begin later.",
)
LONG_BEFORE = Check(
    "Activities more than a day before their send",
    "notice",
    "They count, since the order of activities does not matter, but a clock or a campaign id is probably wrong.",
)
BEFORE = Check(
    "Activities shortly before their send",
    "fine",
    "They count: Marketo's own log stamps deliveries a second before their sends.",
)
NO_OUTCOME = Check(
    "Sends without any outcome",
    "notice",
    "After three days they are Aborted. Many of one age mean that deliveries of that time are missing.",
)
INCOMPLETE = Check(
    "Rows without an email or a person", "notice", "They are in no figure: nobody can tell whom they are about."
)
NAMELESS_CAMPAIGNS = Check(
    "Campaigns without a name", "notice", "The report shows their ids. Let the loader bring the table of campaigns."
)
NAMELESS_EMAILS = Check(
    "Emails without a name", "notice", "The report shows their ids. Let the loader bring the table of emails."
)
WITHOUT_CAMPAIGN = Check(
    "Rows without a campaign", "fine", "They belong to the person's latest send of the email at or before them."
)
REPEATED = Check("Repeated rows", "fine", "They change nothing: each activity counts once.")
UNSENT = Check("Skipped or failed sends", "fine", "Marketo logged them, but nothing was sent; they are in no figure.")
MERGES = Check("Merges of people", "fine", "")
DELETIONS = Check("Deleted people", "fine", "")

CHECKS = (
    *(UNREADABLE, STALE, SPELLINGS, ABSENT_TABLE, ABSENT_COLUMN, UNNAMED, GAPS, ORPHANS),
    *(BEFORE_FIRST_SEND, BEFORE_FIRST_DELIVERY, LONG_BEFORE, NO_OUTCOME),
    *(INCOMPLETE, NAMELESS_CAMPAIGNS, NAMELESS_EMAILS),
    *(ROWS, SYNCED, WITHOUT_CAMPAIGN, REPEATED, BEFORE, UNSENT, MERGES, DELETIONS),
)

SENDS_WITHOUT_CAMPAIGN = (
    "They count under 'Unknown campaign', with the activities that name none, either. Older versions of some loaders "
    "bring no campaign; load that time anew, if the loader can."
)

# What becomes of merged and deleted people, by the rule `people`.
_OF_MERGED = {
    People.AS_SENT: "Each activity counts for the id that it was logged for, as in Marketo's report, so a person "
    "counts for each id that was sent the email. The setting people: merged counts them once, hidden leaves them out.",
    People.MERGED: "Merged people count once, under the id that survived. The setting people: as_sent, the default, "
    "counts each activity for the id that it was logged for.",
    People.HIDDEN: "People who were merged into another are left out, with all of their activities; the person who "
    "survived keeps what was logged for their own id.",
}
_DELETED_STAY = "They stay in the figures. The setting people: hidden, or leave_out_deleted, leaves them out."
_DELETED_ARE_LEFT_OUT = "They are left out, with all of their activities."
_NO_MERGES = {
    People.AS_SENT: "No figure needs it: each activity counts for the id that it was logged for.",
    People.MERGED: "People who were merged count under each of their ids, so as several.",
    People.HIDDEN: "People who were merged into another cannot be left out, and count.",
}


def advice_of(check: Check, rules: Rules) -> str:
    """What a finding means for the figures, by the rules where it depends on them."""
    if check is MERGES:
        return _OF_MERGED[rules.people]
    if check is DELETIONS:
        return _DELETED_ARE_LEFT_OUT if rules.leave_out_deleted else _DELETED_STAY
    return check.advice


def effect_of(part: EventKind | str, rules: Rules) -> str:
    """What the report lacks without a table or column."""
    return _NO_MERGES[rules.people] if part in ("merges", "merged_ids") else EFFECTS[part]


def effect_of_unreadable(part: str, rules: Rules) -> str:
    """What becomes of the figures where a value that the report can do without cannot be read."""
    if part in ("merges", "merged_at") and rules.people is People.AS_SENT:
        return _NO_MERGES[People.AS_SENT]
    return _UNREADABLE_MERGES_HIDDEN if part == "merges" and rules.people is People.HIDDEN else UNREADABLE_EFFECTS[part]


# What the report lacks without a table or column that a loader may not have made yet, or has none of, but for merges.
EFFECTS: dict[EventKind | str, str] = {
    **{kind: own.without for kind, own in KINDS.items()},
    **{lack.part: lack.effect for column in LOG_COLUMNS for lack in column.without.values()},
    "deletions": "Deleted people cannot be left out.",
    "addresses": "People cannot be left out by their address, and count.",
    "campaigns": "Campaigns show their ids; workspace and program are unknown.",
    "programs": "Programs show their ids, where the campaigns do not name them.",
    "emails": "Emails show their ids, and have no subject.",
    "subjects": "Emails have the names that the log gives them, but no subject.",
}
# Of these the ones that nobody has to do anything about: not every loader brings them, and no figure of the report
# needs them.
HARMLESS = {"subjects", "test_variant", "bounce_category", "bounce_details"}

_UNREADABLE_MERGES_HIDDEN = "These merges are passed over: the people who were merged cannot be left out, and count."
# What becomes of a value that cannot be read: it is null.
UNREADABLE_EFFECTS = {
    "merges": "These merges are passed over: the people of each count under each of their ids, so as several.",
    "merged_at": "These merges count, but as older than those of the same person whose time can be read.",
    "deletions": "These deletions are passed over: the people cannot be left out.",
    "campaigns": "These campaigns are passed over: they show their ids, and their workspace and program are unknown.",
    "programs": "These programs are passed over: they show their ids, where the campaigns do not name them.",
    "emails": "These emails are passed over: they show their ids, and have no subject.",
    "program_id": "These campaigns have no program.",
    "active": "Whether these campaigns are active is unknown.",
    "operational": "Whether these emails are operational is unknown; they count as if they were not.",
    "archived": "Whether these are archived is unknown; they count as if they were not.",
    "bot": "These opens and clicks count as those of people.",
    "test_variant": "These sends count as sends without a variant.",
    "loaded_at": "When these rows were written is unknown, so of new ones only `refresh --verify` knows.",
}
