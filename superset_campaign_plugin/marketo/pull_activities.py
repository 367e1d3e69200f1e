"""Activities from Marketo into the table that `load` fills: window after window, each by a job of the bulk extract.

A run can end at any moment, killed or out of quota. What it has made is in the journal, what it has fetched is in the
folder, and the next run goes on from both: no job is made twice, and no byte fetched twice.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path

from superset_campaign_plugin.database_files import file_of
from superset_campaign_plugin.errors import (
    BusyError,
    LoadError,
    MarketoBusyError,
    MarketoError,
    MarketoLaterError,
    MarketoRefusalError,
    UsageError,
)
from superset_campaign_plugin.load.load_files import FileResult, load_files
from superset_campaign_plugin.load.load_files import LoadSummary as LoadSummary
from superset_campaign_plugin.locking import machine_lock, one_at_a_time
from superset_campaign_plugin.marketo.assets import read_assets, store_assets
from superset_campaign_plugin.marketo.client import Client
from superset_campaign_plugin.marketo.credentials import read_credentials
from superset_campaign_plugin.marketo.deletions import write_deletions
from superset_campaign_plugin.marketo.download import fetch_file
from superset_campaign_plugin.marketo.jobs import (
    AT_ONCE,
    POLL,
    ExportQuotaUsed,
    Job,
    JobState,
    QueueFull,
    create_job,
    enqueue_job,
    job_state,
)
from superset_campaign_plugin.marketo.journal import DELETIONS, Entry, Journal, patiently
from superset_campaign_plugin.marketo.values import spell_time
from superset_campaign_plugin.marketo.windows import OVERLAP, Window, missing_windows, reached_without_gap
from superset_campaign_plugin.warehouse import connect, parse_uri

WAIT = 240  # minutes
TRIES = 3  # jobs for a window, before it is left to the next run

_WORK = "pull of activities"
_FULL_QUEUE_PAUSE = 120.0


@dataclass
class PulledActivities:
    """What a run did. `until` is up to when everything is stored without a gap (UTC).

    `later` says why it ended before all windows were stored, where nothing is wrong but the time; `problems` what went
    wrong with single windows or lists, while the rest was stored.
    """

    windows: int = 0
    stored: int = 0
    until: datetime | None = None
    loads: list[FileResult] = field(default_factory=list)
    deletions: int = 0
    assets: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    later: str | None = None

    @property
    def complete(self) -> bool:
        """Whether all is stored, and no row was set aside."""
        return self.later is None and not self.problems and LoadSummary(self.loads).complete

    def counts(self) -> dict[str, int]:
        """What became of the rows, as `load` counts them."""
        return LoadSummary(self.loads).totals()

    def messages(self) -> Iterator[str]:
        """Lines on what a person should know besides."""
        yield from self.notes
        yield from (line for line in LoadSummary(self.loads).notes() if not line.endswith("it is loaded already"))
        yield from (f"Error: {problem}" for problem in self.problems)

    def text(self) -> str:
        """What was done in one line."""
        counts = self.counts()
        until = f", up to {spell_time(self.until)}" if self.until else ""
        windows = f"{self.stored} of {self.windows} windows stored" if self.windows else "nothing new to fetch"
        assets = "".join(f", {count} {part}" for part, count in self.assets.items())
        return (
            f"{windows}{until}: {counts['stored']} activities new, {counts['already_there']} already there, "
            f"{counts['rejected']} set aside{assets}"
        )

    def as_dict(self) -> dict[str, object]:
        """The same for JSON."""
        return {
            "windows": self.windows,
            "windows_stored": self.stored,
            "stored_until": spell_time(self.until) if self.until else None,
            **self.counts(),
            "deletions": self.deletions,
            **self.assets,
            "later": self.later,
            "problems": [*self.problems, *(file.error for file in self.loads if file.error)],
            "complete": self.complete,
        }


# (windows stored, all windows, what is being done)
OnProgress = Callable[[int, int, str], None]


def pull_activities(
    uri: str,
    environment: Mapping[str, str],
    *,
    since: datetime | None = None,
    schema: str | None = None,
    directory: Path | None = None,
    wait: float = WAIT,
    overlap: timedelta = OVERLAP,
    progress: OnProgress = lambda stored, windows, doing: None,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
    now: Callable[[], datetime] = lambda: datetime.now(timezone.utc),
) -> PulledActivities:
    """Store what Marketo has logged of emails since then, deletions, and the names of campaigns, programs and emails.

    `since` (UTC) is needed the first time only; `directory` takes files until they are loaded; `wait` bounds, in
    minutes, how long the run waits for jobs altogether.

    Raises `UsageError` for missing or wrong credentials or no `since`, `BusyError` while another run is going on,
    `DatabaseError` where the database fails, `LoadError` for a file or table that is not as it should be, and
    `MarketoError` where Marketo refuses every further call; what was stored before stays.
    """
    credentials = read_credentials(environment)
    moment = now().astimezone(timezone.utc).replace(tzinfo=None, microsecond=0)
    folder = _working_folder(uri, schema, directory)
    with _alone(uri, schema):
        journal = Journal(uri, schema, credentials.host, sleep)
        # First of all, so that a database that cannot be written costs no call.
        journal.prepare()
        with _made(folder):
            entries = journal.read()
            windows = missing_windows((entry.window for entry in entries), since, moment, overlap)
            tasks = [_Task(entry.window, entry.export_id) for entry in entries if not entry.stored]
            tasks = sorted([*tasks, *map(_Task, windows)], key=lambda task: task.window)
            beginning = min(window.start for window in [*windows, *(entry.window for entry in entries)])
            with Client(credentials, sleep=sleep, clock=clock) as client:
                run = _ActivityPull(
                    client, journal, _Place(uri, schema, folder, sleep), tasks, progress, wait * 60, sleep, clock
                )
                run.remove_files(entries)
                with run.ending():
                    run.advance()
                    run.pull_names()
                    run.pull_deletions(beginning, moment, overlap)
                    run.finish()
            run.result.until = reached_without_gap(entry.window for entry in journal.read() if entry.stored)
    return run.result


@dataclass
class _Task:
    """A window on its way. `due` is when its job is looked at next; a parked one waits for another day's quota."""

    window: Window
    export_id: str | None = None
    due: float = 0.0
    polls: int = 0
    tries: int = 0
    parked: bool = False
    done: bool = False


@dataclass(frozen=True)
class _Place:
    """Where things go: a database with a schema, and a folder for files on their way there."""

    uri: str
    schema: str | None
    folder: Path
    sleep: Callable[[float], None]

    def file(self, window: Window, export_id: str) -> Path:
        return self.folder / f"{window.start:%Y%m%dT%H%M%S}-{window.end:%Y%m%dT%H%M%S}-{export_id}.csv"

    def load(self, file: Path) -> FileResult:
        """Store a file's activities; those of a file that is stored already stay as they are."""
        summary = patiently(lambda: load_files(self.uri, [file], schema=self.schema), self.sleep)
        return summary.files[0]


class _ActivityPull:
    """One run: what it still has to do, and what it did."""

    def __init__(
        self,
        client: Client,
        journal: Journal,
        place: _Place,
        tasks: Sequence[_Task],
        progress: OnProgress,
        wait: float,
        sleep: Callable[[float], None],
        clock: Callable[[], float],
    ) -> None:
        self.result = PulledActivities(windows=len(tasks))
        self._client = client
        self._journal = journal
        self._place = place
        self._tasks = tasks
        self._progress = progress
        self._wait = wait
        self._sleep = sleep
        self._clock = clock
        # Once it is used up no more jobs are made. Those that run come to their end, and their files can be fetched.
        self._quota: ExportQuotaUsed | None = None

    @contextlib.contextmanager
    def ending(self) -> Iterator[None]:
        """Note that the rest is for another day, and say in every other error what is stored."""
        try:
            yield
        except MarketoError as error:
            told = f"{self.result.stored} of {self.result.windows} windows are stored"
            if not isinstance(error, MarketoLaterError):
                raise type(error)(f"{error}; {told}, a further run fetches the rest") from error
            self.result.later = f"{error}; {told}, and a further run fetches the rest"

    def remove_files(self, entries: Sequence[Entry]) -> None:
        """Remove the files of windows that are stored: a run that was killed may have left one."""
        for entry in entries:
            if entry.stored and entry.export_id:
                self._remove(self._place.file(entry.window, entry.export_id))

    def finish(self) -> None:
        """Bring in all windows. Raises `MarketoLaterError` where some must wait for another day, or for too long."""
        waited = 0.0
        while True:
            self.advance()
            if not (waiting := self._on_their_way()):
                break
            pause = min(task.due for task in waiting) - self._clock()
            if pause <= 0:
                continue
            if waited + pause > self._wait:
                raise MarketoLaterError(f"Marketo's jobs take longer than the {self._wait / 60:.0f} minutes of --wait")
            self._tell(f"waiting for {len(waiting)} of Marketo's jobs")
            self._sleep(pause)
            waited += pause
        self._tell("done")
        if self._quota:
            raise self._quota

    def advance(self) -> None:
        """Do all that can be done without waiting."""
        for task in self._on_their_way():
            if task.due <= self._clock():
                self._look(task)
        for task in self._tasks:
            if self._quota or len(self._on_their_way()) >= AT_ONCE:
                return
            if task.export_id is None and not task.done:
                self._make(task)

    def pull_names(self) -> None:
        """Store the names of campaigns, programs and emails."""
        self._tell("names of campaigns, programs and emails")
        try:
            assets = read_assets(self._client)
        except (MarketoRefusalError, MarketoBusyError) as error:
            self.result.problems.append(f"names of campaigns, programs and emails not stored: {error}")
            return

        def store() -> list[str]:
            with connect(self._place.uri, write=True) as (connection, engine):
                return store_assets(connection, engine, self._place.schema, assets)

        for name in patiently(store, self._sleep):
            self.result.notes.append(f"table {name} has other columns than pull-activities makes; it stays as it is")
        self.result.assets = {part: len(rows) for part, rows in vars(assets).items()}

    def pull_deletions(self, beginning: datetime, now: datetime, overlap: timedelta) -> None:
        """Store the people that Marketo has deleted since the last run, or the beginning."""
        self._tell("deleted people")
        known = [entry.window.end for entry in self._journal.read(DELETIONS)]
        window = Window(max(beginning, max(known) - overlap) if known else beginning, now)
        file = self._place.folder / f"deletions-{window.start:%Y%m%dT%H%M%S}-{now:%Y%m%dT%H%M%S}.csv"
        try:
            self.result.deletions = write_deletions(self._client, window.start, file)
        except (MarketoRefusalError, MarketoBusyError) as error:
            self.result.problems.append(f"deleted people not stored: {error}")
            return
        if self.result.deletions:
            self._load(file)
        self._journal.note_stored(window, DELETIONS)
        self._remove(file)

    def _on_their_way(self) -> list[_Task]:
        return [task for task in self._tasks if task.export_id and not task.done and not task.parked]

    def _make(self, task: _Task) -> None:
        self._tell(f"making a job for {task.window}")
        try:
            job = create_job(self._client, task.window.start, task.window.end)
        except ExportQuotaUsed as error:
            self._quota = error
            return
        task.export_id, task.polls = job.export_id, 0
        self._journal.note_job(task.window, job.export_id)
        self._enqueue(task)

    def _enqueue(self, task: _Task) -> None:
        try:
            enqueue_job(self._client, task.export_id or "")
        except QueueFull:
            task.due = self._clock() + _FULL_QUEUE_PAUSE
        except ExportQuotaUsed as error:
            task.parked = True
            self._quota = error
        else:
            task.due = self._clock() + POLL[0]

    def _look(self, task: _Task) -> None:
        """Ask for the state of a job, and do what it calls for."""
        job = job_state(self._client, task.export_id or "")
        task.polls += 1
        if job is None:
            self._lose(task, "Marketo no longer knows its job")
        elif job.state is JobState.CREATED:
            if self._quota:
                task.parked = True
            else:
                self._enqueue(task)
        elif job.state in (JobState.QUEUED, JobState.PROCESSING):
            task.due = self._clock() + POLL[min(task.polls, len(POLL) - 1)]
        elif job.state is JobState.COMPLETED:
            self._bring(task, job)
        else:
            self._lose(task, f"Marketo says of its job: {job.state.value}")

    def _bring(self, task: _Task, job: Job) -> None:
        """Fetch the file of a completed job and store what is in it."""
        if job.records != 0:
            file = self._place.file(task.window, job.export_id)
            self._tell(f"fetching {job.size / 2**20:.1f} MB of {task.window}")
            try:
                whole = fetch_file(self._client, job, file) or fetch_file(self._client, job, file)
            except MarketoRefusalError as error:
                if error.code not in ("404", "416"):
                    raise
                self._lose(task, str(error))
                return
            if not whole:
                self._lose(task, "its file does not have the checksum that Marketo gives")
                return
            self._tell(f"storing {task.window}")
            if not self._load(file):
                task.done = True
                return
        self._journal.note_stored(task.window)
        task.done = True
        self.result.stored += 1
        self._remove(self._place.file(task.window, job.export_id))

    def _load(self, file: Path) -> bool:
        """Store a file; False where it cannot be, which becomes a problem of the result."""
        loaded = self._place.load(file)
        self.result.loads.append(loaded)
        return loaded.error is None

    def _lose(self, task: _Task, why: str) -> None:
        """The job of a window is gone: forget it, so that another one is made."""
        self._remove(self._place.file(task.window, task.export_id or ""))
        self._journal.note_job(task.window, None)
        task.export_id, task.tries = None, task.tries + 1
        if task.tries >= TRIES:
            task.done = True
            self.result.problems.append(f"{task.window} not stored, after {TRIES} jobs: {why}")

    def _remove(self, file: Path) -> None:
        for each in (file, file.with_name(f"{file.name}.part")):
            each.unlink(missing_ok=True)

    def _tell(self, doing: str) -> None:
        self._progress(self.result.stored, self.result.windows, doing)


@contextlib.contextmanager
def _alone(uri: str, schema: str | None) -> Iterator[None]:
    """Hold the lock of this work. In a database that is a file, others write meanwhile: no connection is held."""
    url, engine = parse_uri(uri)
    busy = BusyError(f"another {_WORK} is running in this database; run this again when it is done")
    if engine.locks.take is None:
        with machine_lock(url, engine, _WORK, busy):
            yield
    else:
        with one_at_a_time(uri, _WORK, schema=schema, in_batches=True):
            yield


def _working_folder(uri: str, schema: str | None, directory: Path | None) -> Path:
    """The folder for files on their way: the one that is named, or one beside the database's file, or the account's."""
    url, _ = parse_uri(uri)
    if url.get_backend_name() in ("duckdb", "sqlite") and url.database in (None, "", ":memory:"):
        raise UsageError("--uri is a database in memory, which would be gone with this run; name a file")
    file = file_of(url)
    if directory is None and file is not None:
        directory = file.with_name(f"{file.name}.pull")
    elif directory is None:
        own = f"{url.render_as_string(hide_password=True)} {schema or ''}"
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        directory = cache / "superset-campaign" / hashlib.sha256(own.encode()).hexdigest()[:16]
    return directory


@contextlib.contextmanager
def _made(folder: Path) -> Iterator[None]:
    """Have the folder there meanwhile; what was set aside, or is half fetched, stays with it."""
    try:
        # The files hold what people did.
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise LoadError(
            f"cannot make the folder {folder}: {error.strerror}; choose another with --directory"
        ) from error
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            folder.rmdir()
