"""Jobs of Marketo's Bulk Activity Extract: made, put into the queue, asked for their state.

Sources are Adobe's pages *Bulk Extract*, *Bulk Activity Extract* and *Error Codes*: a job is made first and queued by a
second call; two run at once, ten may wait, of all programs of a subscription together; a state is renewed once a minute
at most; error 1029 has three meanings, which its message tells apart.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from superset_campaign_plugin.errors import MarketoError, MarketoLaterError, MarketoRefusalError
from superset_campaign_plugin.load.extract import ALL_COLUMNS, STORED_TYPES
from superset_campaign_plugin.marketo.client import Client
from superset_campaign_plugin.marketo.values import spell_time
from superset_campaign_plugin.report.activity_kinds import DELETE_TYPES

LONGEST = timedelta(days=31)  # that a job may span
AT_ONCE = 2  # jobs that Marketo runs; more in its queue would only stand in the way of other programs
POLL = (60.0, 60.0, 120.0, 240.0, 300.0)  # seconds between two questions for a state

# Deletions are not in the extract: Marketo has them at an address of their own.
TYPES = sorted(STORED_TYPES.difference(DELETE_TYPES))
FIELDS = ALL_COLUMNS

_PATH = "/bulk/v1/activities/export"
_ID = re.compile(r"[A-Za-z0-9-]{1,64}", re.ASCII)  # it becomes a part of paths and of file names
_CHECKSUM = re.compile(r"sha256:([0-9a-fA-F]{64})", re.ASCII)
_LIMITS = "1029"
_FILTER = "1035"


class JobState(Enum):
    """What Marketo says of a job; it spells the one that was cancelled in two ways."""

    CREATED = "created"
    QUEUED = "queued"
    PROCESSING = "processing"
    CANCELED = "canceled"
    COMPLETED = "completed"
    FAILED = "failed"


class QueueFull(Exception):
    """As many jobs wait as Marketo admits."""


class ExportQuotaUsed(MarketoLaterError):
    """No more jobs are taken today; those in the queue come to their end."""


@dataclass(frozen=True)
class Job:
    """A job; of a completed one also the file: its bytes, its records if they are told, its SHA-256 in hexadecimal."""

    export_id: str
    state: JobState
    size: int = 0
    records: int | None = None
    checksum: str = ""


def create_job(client: Client, start: datetime, end: datetime) -> Job:
    """Make a job for the activities created from `start` to `end` (UTC, both included), which waits to be queued.

    Raises `ExportQuotaUsed`, and the errors of `Client`.
    """
    body = {
        "format": "CSV",
        "fields": list(FIELDS),
        "filter": {
            "createdAt": {"startAt": spell_time(start), "endAt": spell_time(end)},
            "activityTypeIds": TYPES,
        },
    }
    try:
        return _read(client.post(f"{_PATH}/create.json", body))
    except MarketoRefusalError as refusal:
        _check_quota(refusal)
        if refusal.code == _FILTER:
            raise MarketoError(f"{refusal}; Marketo's support has to allow this filter for the subscription") from None
        raise


def enqueue_job(client: Client, export_id: str) -> None:
    """Put a job into the queue; one that is there already stays there.

    Raises `QueueFull`, `ExportQuotaUsed`, and the errors of `Client`.
    """
    try:
        client.post(f"{_PATH}/{export_id}/enqueue.json")
    except MarketoRefusalError as refusal:
        _check_quota(refusal)
        if refusal.code == _LIMITS and "already" in refusal.words.lower():
            return
        if refusal.code == _LIMITS:
            raise QueueFull from refusal
        raise


def job_state(client: Client, export_id: str) -> Job | None:
    """A job as it is now; None where Marketo no longer knows it. Raises the errors of `Client`."""
    try:
        return _read(client.get(f"{_PATH}/{export_id}/status.json"))
    except MarketoRefusalError:
        return None


def file_path(export_id: str) -> str:
    """The address of a completed job's file."""
    return f"{_PATH}/{export_id}/file.json"


def _check_quota(refusal: MarketoRefusalError) -> None:
    # "Export daily quota exceeded" in the documentation, "Export daily quota 500MB exceeded" in answers.
    if refusal.code == _LIMITS and "quota" in refusal.words.lower():
        raise ExportQuotaUsed(
            f"{refusal}: today's quota of exports is used up; run this again after midnight, US Central Time"
        ) from refusal


def _read(result: list[Any]) -> Job:
    fields = result[0] if result and isinstance(result[0], dict) else {}
    export_id, state = fields.get("exportId"), str(fields.get("status", "")).lower()
    if not isinstance(export_id, str) or not _ID.fullmatch(export_id):
        raise MarketoError("Marketo gives a job of its bulk extract no id; check MARKETO_URL")
    state = JobState.CANCELED.value if state == "cancelled" else state
    if state not in {each.value for each in JobState}:
        raise MarketoError(f"Marketo gives job {export_id} a state that is in no documentation")
    size, records = fields.get("fileSize"), fields.get("numberOfRecords")
    checksum = _CHECKSUM.fullmatch(str(fields.get("fileChecksum", "")))
    job = Job(
        export_id,
        JobState(state),
        size if type(size) is int and size > 0 else 0,
        records if type(records) is int else None,
        checksum[1].lower() if checksum else "",
    )
    if job.state is JobState.COMPLETED and job.size and not job.checksum:
        raise MarketoError(f"Marketo gives no checksum of the file of job {export_id}, so it cannot be verified")
    return job
