"""The part of the Marketo of the tests that answers for the Bulk Activity Extract, deleted people and asset lists.

It keeps to what Adobe's documentation says (pages *Bulk Extract*, *Bulk Activity Extract*, *Error Codes*, *Activities*,
*Paging Tokens*, *Smart Campaigns*, *Programs*, *Folders*): a job is made, then queued; two run at once, at most ten are
in the queue; 31 days at most; 500 MB a day, after which neither making nor queuing is admitted; files by HTTP ranges,
404 in plain text before a job is completed and after seven days; states as Created, Queued, Processing, Completed,
Failed, Canceled. Times are those of the clock that it is given.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from logs import ACTIVITY_TYPES, BULK_HEADER, Log

if TYPE_CHECKING:
    from marketo_server import Answer, Call

DAY = 86_400.0
ACTIVITIES = "/bulk/v1/activities/export"
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)")
_BYTES = re.compile(r"bytes=(\d+)-(\d*)")


@dataclass
class ExportJob:
    """A job, and what was asked of it."""

    export_id: str
    start: datetime
    end: datetime
    types: frozenset[int]
    fields: list[str]
    status: str = "Created"
    fate: str = "Completed"
    began: float = 0.0
    finished: float = 0.0
    file: bytes = b""
    records: int = 0
    polls: list[float] = field(default_factory=list)
    sent: int = 0  # bytes of the file that were sent

    def shown(self) -> dict[str, Any]:
        """As the endpoints show it."""
        shown: dict[str, Any] = {"exportId": self.export_id, "format": "CSV", "status": self.status}
        if self.status == "Completed":
            shown |= {
                "numberOfRecords": self.records,
                "fileSize": len(self.file),
                "fileChecksum": f"sha256:{hashlib.sha256(self.file).hexdigest()}",
            }
        return shown


class Exports:
    """The activities, the assets, and the jobs of the bulk extract."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock
        self.rows: list[tuple[datetime, int, dict[str, object]]] = []
        self.deleted: list[dict[str, Any]] = []
        self.jobs: dict[str, ExportJob] = {}
        self.assets: dict[str, list[dict[str, Any]]] = {"programs": [], "smartCampaigns": [], "folders": []}
        self.seconds = 90.0  # that a job runs
        self.quota = 500 * 2**20  # bytes a day
        self.used: dict[int, int] = {}  # bytes by day
        self.others = 0  # jobs of other programs in the queue
        self.fates: deque[str] = deque()  # of the jobs that are queued next: Completed, Failed, Canceled
        self.transfers: deque[str] = deque()  # of the next answers with a file: cut, damaged, whole, gone
        self.page = 300

    # What a test arranges ----------------------------------------------------------------------------------------

    def take(self, log: Log, stretch: float = 1.0, move: timedelta = timedelta()) -> Log:
        """Hold the activities and assets of a log, and return it with the times at which they are held here."""
        first = min(activity.time for activity in log.activities)

        def at(time: datetime) -> datetime:
            return (first + (time - first) * stretch).replace(microsecond=0) + move

        log.activities = [activity._replace(time=at(activity.time)) for activity in log.activities]
        log.merges = [merge._replace(time=at(merge.time)) for merge in log.merges]
        for activity in log.activities:
            if activity.person is None:
                continue
            attributes = {"Campaign Run ID": str(activity.id % 97)}
            known = {"Link": activity.link, "User Agent": activity.agent}
            attributes |= {name: value for name, value in known.items() if value is not None}
            if activity.bot is not None:
                attributes["Is Bot Activity"] = str(activity.bot).lower()
            self._row(
                activity.time,
                ACTIVITY_TYPES[activity.kind],
                marketoGUID=f"guid-{activity.id}",
                leadId=activity.person,
                campaignId=activity.campaign,
                primaryAttributeValueId=activity.email,
                primaryAttributeValue=activity.named or "",
                attributes=json.dumps(attributes),
                actionResult=activity.action_result,
            )
        for number, merge in enumerate(log.merges):
            merged = json.dumps({"Merge IDs": f"[{','.join(map(str, merge.merged))}]"})
            self._row(merge.time, 32, marketoGUID=f"merge-{number}", leadId=merge.survivor, attributes=merged)
        when = max(row[0] for row in self.rows)
        self.deleted += [
            {
                "id": number,
                "marketoGUID": f"delete-{number}",
                "leadId": person,
                "activityDate": f"{when:%Y-%m-%dT%H:%M:%S}+0000",
                "activityTypeId": 37,
                "primaryAttributeValueId": person,
                "primaryAttributeValue": "First Last",
                "attributes": [],
            }
            for number, person in enumerate(log.deletions)
        ]
        self._take_assets(log)
        return log

    def _row(self, time: datetime, kind: int, **fields: object) -> None:
        self.rows.append((time, kind, {"activityDate": f"{time.isoformat()}Z", "activityTypeId": kind, **fields}))

    def _take_assets(self, log: Log) -> None:
        def newest(versions: list[Any]) -> dict[int, Any]:
            return {each.id: each for each in sorted(versions, key=lambda version: version.updated_at)}

        root = {"id": 14, "type": "Folder"}
        self.assets["folders"] = [_folder(root, None, "/Marketing Activities")]
        for program in newest(log.programs).values():
            place = {"id": program.id, "type": "Program"}
            path = f"/Marketing Activities/{program.name}"
            self.assets["folders"] += [
                _folder(place, root, path),
                _folder({"id": 9000 + program.id, "type": "FOLDER"}, place, f"{path}/Campaigns"),
            ]
            where = {"type": "Folder", "value": 14, "folderName": "Marketing Activities"}
            self.assets["programs"].append(_asset(program, program.workspace, folder=where))
        for campaign in newest(log.campaigns).values():
            # Half of them lie in a folder of their program. Marketo does not show a folder of a program that is gone.
            program, known = campaign.program, {each["id"] for each in self.assets["programs"]}
            inside = {"id": 9000 + (program or 0), "type": "Folder"}
            direct = {"id": program, "type": "Program"}
            folder = inside if campaign.id % 4 < 2 and program in known else direct
            self.assets["smartCampaigns"].append(
                _asset(campaign, campaign.workspace, isActive=False, type="batch", folder=folder if program else root)
            )

    # How it answers ----------------------------------------------------------------------------------------------

    def answer(self, call: Call) -> Answer | None:
        """The answer to a call of these parts of the API; None for another one."""
        self._run_jobs()
        if call.path.startswith(ACTIVITIES):
            return self._bulk(call)
        if call.path == "/rest/v1/activities/pagingtoken.json":
            return _whole({"success": True, "nextPageToken": f"{_moment(call.query['sinceDatetime']).isoformat()} 0"})
        if call.path == "/rest/v1/activities/deletedleads.json":
            return self._deletions(call.query["nextPageToken"])
        if call.path == "/rest/asset/v1/folder/byName.json":
            named = [each for each in self.assets["folders"] if each["name"] == call.query["name"]]
            return _list(named)
        name = call.path.removeprefix("/rest/asset/v1/").removesuffix(".json")
        if name in self.assets:
            size, offset = min(200, int(call.query.get("maxReturn", 20))), int(call.query.get("offset", 0))
            return _list(self.assets[name][offset : offset + size])
        return None

    def _bulk(self, call: Call) -> Answer:
        from marketo_server import Answer, error

        parts = call.path.removeprefix(ACTIVITIES).strip("/").split("/")
        if call.method == "POST" and parts == ["create.json"]:
            return self._create(call)
        job = self.jobs.get(parts[0])
        action = parts[-1].removesuffix(".json")
        if action == "file":
            return self._file(call, job)
        if job is None:
            return error("1003", "Invalid export id")
        if call.method == "POST" and action == "enqueue":
            return self._enqueue(job)
        if call.method == "GET" and action == "status":
            job.polls.append(self.clock())
            return _list([job.shown()])
        if call.method == "POST" and action == "cancel":
            job.status = "Cancelled"
            return _list([job.shown()])
        return Answer(b"", 404)

    def _create(self, call: Call) -> Answer:
        from marketo_server import error

        if call.headers.get("content-type") != "application/json":
            return error("612", "Invalid Content Type")
        try:
            asked = json.loads(call.body)
        except ValueError:
            return error("609", "Invalid JSON")
        created = asked.get("filter", {}).get("createdAt", {})
        if not all(_TIME.fullmatch(str(created.get(end))) for end in ("startAt", "endAt")):
            return error("1003", "Invalid value for createdAt")
        start, end = _moment(created["startAt"]), _moment(created["endAt"])
        if not start <= end <= start + timedelta(days=31):
            return error("1003", "Date range must be 31 days or fewer")
        types = frozenset(asked["filter"].get("activityTypeIds", ()))
        if 37 in types:
            return error("1003", "Invalid value for activityTypeIds")
        if set(asked.get("fields", ())) - {*BULK_HEADER, "actionResult"}:
            return error("1006", "Field not found")
        if set(asked["filter"]) - {"createdAt", "activityTypeIds"}:
            return error("1035", "Unsupported filter type for target subscription")
        if self._is_used_up():
            return error("1029", "Export daily quota 500MB exceeded.")
        job = ExportJob(f"ce45a7a1-f19d-4ce2-{len(self.jobs):012d}", start, end, types, asked.get("fields", []))
        self.jobs[job.export_id] = job
        return _list([job.shown()])

    def _enqueue(self, job: ExportJob) -> Answer:
        from marketo_server import error

        if job.status != "Created":
            return error("1029", "Job already queued")
        if self._is_used_up():
            return error("1029", "Export daily quota exceeded")
        if self.others + sum(each.status in ("Queued", "Processing") for each in self.jobs.values()) >= 10:
            return error("1029", "Too many jobs in queue")
        job.status = "Queued"
        job.fate = self.fates.popleft() if self.fates else "Completed"
        self._run_jobs()
        return _list([job.shown() | {"status": "Queued"}])

    def _is_used_up(self) -> bool:
        return self.used.get(int(self.clock() // DAY), 0) >= self.quota

    def _run_jobs(self) -> None:
        """Let the jobs come as far as the clock says: two at once, in the order in which they were queued."""
        now = self.clock()
        for job in self.jobs.values():
            if job.status == "Processing" and now >= job.began + self.seconds:
                job.status, job.finished = job.fate, job.began + self.seconds
                if job.status == "Completed":
                    self._write_file(job)
                    day = int(job.finished // DAY)
                    self.used[day] = self.used.get(day, 0) + len(job.file)
        free = 2 - sum(job.status == "Processing" for job in self.jobs.values())
        for job in [job for job in self.jobs.values() if job.status == "Queued"][:free]:
            job.status, job.began = "Processing", now

    def _write_file(self, job: ExportJob) -> None:
        text = io.StringIO(newline="")
        writer = csv.writer(text, lineterminator="\n")
        fields = job.fields or BULK_HEADER
        writer.writerow(fields)
        for time, kind, row in self.rows:
            if job.start <= time <= job.end and kind in job.types:
                job.records += 1
                writer.writerow(["null" if row.get(name) is None else row[name] for name in fields])
        job.file = text.getvalue().encode()

    def _file(self, call: Call, job: ExportJob | None) -> Answer:
        from marketo_server import Answer

        transfer = self.transfers.popleft() if self.transfers else ""
        plain = {"Content-Type": "text/plain"}
        late = job is not None and self.clock() > job.finished + 7 * DAY
        if job is None or job.status != "Completed" or late or transfer == "gone":
            return Answer(b"Export file not found", 404, plain)
        asked = _BYTES.fullmatch(call.headers.get("range", ""))
        first, last = (int(asked[1]), int(asked[2] or len(job.file) - 1)) if asked else (0, len(job.file) - 1)
        if first >= len(job.file):
            return Answer(b"", 416, plain)
        if transfer == "whole" or not asked:
            job.sent += len(job.file)
            return Answer(job.file, 200, {"Content-Type": "text/csv"})
        part = job.file[first : last + 1]
        span = f"bytes {first}-{first + len(part) - 1}/{len(job.file)}"
        headers = {"Content-Type": "text/csv", "Accept-Ranges": "bytes", "Content-Range": span}
        if transfer == "damaged":
            part = part[:-1] + bytes([part[-1] ^ 1])
        whole = len(part)
        if transfer == "cut":
            part = part[: whole // 2]
        job.sent += len(part)
        return Answer(part, 206, headers, whole if len(part) < whole else None)

    def _deletions(self, token: str) -> Answer:
        since, _, place = token.partition(" ")
        found = [each for each in self.deleted if _moment(each["activityDate"]) >= _moment(f"{since}Z")]
        first, last = int(place), int(place) + self.page
        return _whole(
            {
                "success": True,
                "nextPageToken": f"{since} {last}",
                "moreResult": last < len(found),
                **({"result": found[first:last]} if found[first:last] else {}),
            }
        )


def _asset(asset: Any, workspace: str | None, **more: Any) -> dict[str, Any]:
    updated = f"{asset.updated_at:%Y-%m-%dT%H:%M:%S}Z+0000"
    return {"id": asset.id, "name": asset.name, "workspace": workspace, "updatedAt": updated, **more}


def _folder(place: dict[str, Any], parent: dict[str, Any] | None, path: str) -> dict[str, Any]:
    name = path.rsplit("/", 1)[1]
    return {"name": name, "folderId": place, "parent": parent, "path": path, "isArchive": False, "id": place["id"]}


def _moment(text: str) -> datetime:
    if text.endswith("+0000"):
        text = f"{text[:-5]}Z"
    moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return moment.replace(tzinfo=None) - (moment.utcoffset() or timedelta())


def _list(result: list[Any]) -> Answer:
    return _whole({"success": True, "errors": [], "warnings": [], **({"result": result} if result else {})})


def _whole(answer: dict[str, Any]) -> Answer:
    from marketo_server import Answer

    return Answer(json.dumps({"requestId": "e42b#14272d07d78", **answer}).encode())
