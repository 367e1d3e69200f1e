"""People at the dashboard: each opens it once, then changes a filter every 15 seconds or so, over real HTTP.

They ask for what Chromium was seen to ask for (recording.py), six requests at a time as it does. What they are answered
is kept and checked after the load (answers.py), so that the checks take no time from the servers.
"""

from __future__ import annotations

import gzip
import http.client
import json
import random
import re
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date, timedelta
from urllib.parse import quote, urlencode

import brotli
from backports import zstd

from benchmarks.recording import Call, Recording, narrowed
from servers.ports import HOST

CONNECTIONS = 6
TIMEOUT = 60.0
ENCODINGS = "gzip, deflate, br, zstd"
PERIODS = ("Last week", "Last month", "Last quarter", "Last year")
# From the widest to the narrowest: a choice in one changes what those after it offer.
COLUMNS = ("workspace", "program_name", "campaign_name", "email_name")


@dataclass(frozen=True)
class Choice:
    """What somebody has chosen: values by column, and the range of days."""

    values: tuple[tuple[str, str], ...] = ()
    period: str = "Last quarter"


@dataclass(frozen=True)
class Answer:
    """An answer, or none: then `fault` says why. `at` is on the clock of `time.monotonic`."""

    person: str
    workspace: str | None
    choice: Choice
    path: str
    is_data: bool
    is_chart: bool
    at: float
    seconds: float
    status: int
    encoding: str
    body: bytes
    fault: str = ""


@dataclass
class Waited:
    """How long somebody waited for all of the page, or for the last chart after a change; seconds."""

    what: str
    at: float
    seconds: float


@dataclass
class Account:
    """Somebody who may look: a user with a password, or a guest with a token. `workspace` None sees all."""

    name: str
    workspace: str | None
    address: str
    password: str = ""
    token: str = ""


@dataclass
class Person:
    """One simulated person. Not for several threads; its requests have theirs."""

    account: Account
    port: int
    recording: Recording
    offered: dict[str, list[str]]  # the values to choose from, by column
    seed: int
    answers: list[Answer] = field(default_factory=list)
    waits: list[Waited] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)  # noqa: S311 - it imitates people
        self._pool = ThreadPoolExecutor(CONNECTIONS)
        self._local = threading.local()
        self._cookies: dict[str, str] = {}
        self._csrf = ""
        self._choice = Choice()
        self._state_key = ""

    # -----------------------------------------------------------------------------------------------------------
    # What they do

    def visit(self, start: float, end: float, pause: tuple[float, float]) -> None:
        """Come at `start`, and change filters until `end`; `pause` is the shortest and longest time between two."""
        try:
            time.sleep(max(0.0, start - time.monotonic()))
            if self.account.password:
                self.log_in()
            self.open()
            # The eye needs a while for what it sees first.
            next_at = time.monotonic() + self._random.uniform(*pause)
            while next_at < end:
                time.sleep(max(0.0, next_at - time.monotonic()))
                begun = time.monotonic()
                self.change()
                # Who had to wait still looks at what came before they go on.
                next_at = max(begun + self._random.uniform(*pause), time.monotonic() + min(2.0, pause[0]))
        finally:
            self._pool.shutdown()

    def log_in(self) -> None:
        """Through the form, as a browser does it."""
        page = self._send(Call("GET", "/login/", {"accept": "text/html"}, None))
        form = {"username": self.account.name, "password": self.account.password, "csrf_token": _csrf(page)}
        headers = {"content-type": "application/x-www-form-urlencoded", "referer": f"http://{HOST}:{self.port}/login/"}
        self._send(Call("POST", "/login/", headers, urlencode(form)), expected=302)

    def open(self) -> None:
        """Load the page with its files, then what it asks for, then its charts."""
        begun = time.monotonic()
        page, *rest = self.recording.calls
        self._csrf = _csrf(self._send(page))
        for part in (
            [call for call in rest if call.is_static],
            [call for call in rest if not call.is_static and not call.asks_for_data],
            [call for call in rest if call.asks_for_data],
        ):
            for done in [self._pool.submit(self._send, call) for call in part]:
                answer = done.result()
                if "/filter_state" in answer.path and answer.status == 201:
                    self._state_key = json.loads(decoded(answer))["key"]
        self.waits.append(Waited("opening", begun, time.monotonic() - begun))

    def change(self) -> None:
        """Choose something else; what is in the scope of the choice is asked for again."""
        before, self._choice = self._choice, self._next_choice()
        charts = [self._narrowed(call) for call in self.recording.charts]
        lists = [self._narrowed(call, _before(_listed(call))) for call in self._lists_after(before)]
        beside = self._beside(before)
        begun = time.monotonic()
        waiting = [self._pool.submit(self._send, call) for call in (*charts, *lists)]
        others: list[Future[Answer]] = [self._pool.submit(self._send, call) for call in beside]
        last = max(answer.at + answer.seconds for answer in (done.result() for done in waiting))
        self.waits.append(Waited("change", begun, last - begun))
        for done in others:
            done.result()

    def _next_choice(self) -> Choice:
        """Half narrow by name, a quarter move the period, some reset, some ask for operational emails or not."""
        kept = dict(self._choice.values)
        kind = self._random.choices(
            ("period", "days", "program_name", "campaign_name", "email_name", "operational", "clear"),
            (18, 8, 28, 16, 8, 8, 14),
        )[0]
        if kind == "period":
            others = [period for period in PERIODS if period != self._choice.period]
            return Choice(self._choice.values, self._random.choice(others))
        if kind == "days":
            return Choice(self._choice.values, _some_days(self._random))
        if kind == "clear" and kept:
            return Choice((), self._choice.period)
        column = kind if kind != "clear" else "program_name"
        if column in COLUMNS:
            # Two names at once would mostly leave nothing to see.
            kept = {name: value for name, value in kept.items() if name not in COLUMNS}
        others = [value for value in self.offered[column] if (column, value) not in self._choice.values]
        kept[column] = self._random.choice(others)
        return Choice(tuple(sorted(kept.items())), self._choice.period)

    def _lists_after(self, before: Choice) -> list[Call]:
        """The filters whose values depend on what changed."""
        changed = {name for name, _ in set(before.values) ^ set(self._choice.values)} & set(COLUMNS)
        if not changed:
            return []
        first = min(COLUMNS.index(name) for name in changed)
        later = COLUMNS[first + 1 :]
        return [call for call in self.recording.lists if _listed(call) in later]

    def _beside(self, before: Choice) -> list[Call]:
        """What the page does beside the charts: it keeps the choice, says what the range means, and logs."""
        calls = []
        if self._choice.period != before.period:
            asked = next(call for call in self.recording.calls if call.path.startswith("/api/v1/time_range/"))
            path = f"/api/v1/time_range/?q={quote(repr(self._choice.period))}"
            calls.append(Call("GET", path, asked.headers, None))
        for call in self.recording.calls:
            if "/filter_state" in call.path and call.method == "POST":
                calls.append(call)
                if self._state_key:
                    path, _, query = call.path.partition("?")
                    calls.append(Call("PUT", f"{path}/{self._state_key}?{query}", call.headers, call.body))
        log = [call for call in self.recording.calls if call.path.startswith("/superset/log/")]
        return [*calls, *log[-1:]]

    def _narrowed(self, call: Call, columns: Sequence[str] | None = None) -> Call:
        chosen = {name: [value] for name, value in self._choice.values if columns is None or name in columns}
        body = narrowed(call.body or "", chosen, self._choice.period)
        return Call(call.method, call.path, call.headers, body)

    # -----------------------------------------------------------------------------------------------------------
    # HTTP

    def _send(self, call: Call, expected: int | None = None) -> Answer:
        begun = time.monotonic()
        status, encoding, body, fault = 0, "", b"", ""
        try:
            status, encoding, body = self._exchange(call)
            if status != expected and status not in (200, 201):
                fault = f"status {status}"
        except (OSError, http.client.HTTPException) as error:
            fault = f"{type(error).__name__}: {error}"
            self._connection().close()
        answer = Answer(
            self.account.name,
            self.account.workspace,
            self._choice,
            call.path,
            call.asks_for_data,
            call.asks_for_data and not call.is_list,
            begun,
            time.monotonic() - begun,
            status,
            encoding,
            b"" if call.is_static else body,
            fault,
        )
        self.answers.append(answer)
        return answer

    def _exchange(self, call: Call) -> tuple[int, str, bytes]:
        connection = self._connection()
        is_reused = connection.sock is not None
        try:
            return self._request(connection, call)
        except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
            connection.close()
            if not is_reused:
                raise
            # The server had closed it for being idle; browsers send the request again too.
            return self._request(connection, call)

    def _request(self, connection: http.client.HTTPConnection, call: Call) -> tuple[int, str, bytes]:
        headers = {**call.headers, "Accept-Encoding": ENCODINGS}
        if cookie := "; ".join(f"{name}={value}" for name, value in self._cookies.items()):
            headers["Cookie"] = cookie
        if "x-csrftoken" in headers:
            headers["x-csrftoken"] = self._csrf
        body = call.body
        if self.account.token:
            if "x-guesttoken" in headers:
                headers["x-guesttoken"] = self.account.token
            if body and not call.asks_for_data:
                body = body.replace(self.recording.secret, self.account.token)
        connection.request(call.method, call.path, None if body is None else body.encode(), headers)
        response = connection.getresponse()
        content = response.read()
        for name, value in response.getheaders():
            if name.lower() == "set-cookie":
                key, _, rest = value.partition("=")
                self._cookies[key] = rest.partition(";")[0]
        return response.status, response.getheader("Content-Encoding", ""), content

    def _connection(self) -> http.client.HTTPConnection:
        connection: http.client.HTTPConnection | None = getattr(self._local, "connection", None)
        if connection is None:
            # An address of one's own, as a proxy would pass it on: Superset's limits are by address.
            source = (self.account.address, 0)
            connection = http.client.HTTPConnection(HOST, self.port, timeout=TIMEOUT, source_address=source)
            self._local.connection = connection
        return connection


def decoded(answer: Answer) -> str:
    """The text of an answer."""
    decoders = {"zstd": zstd.decompress, "br": brotli.decompress, "gzip": gzip.decompress}
    return str(decoders[answer.encoding](answer.body).decode() if answer.encoding else answer.body.decode())


def _csrf(page: Answer) -> str:
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', decoded(page)) if page.status == 200 else None
    return found.group(1) if found else ""


def _listed(call: Call) -> str:
    """The column whose values a filter offers."""
    return str(json.loads(call.body or "")["form_data"]["groupby"][0])


def _before(column: str) -> tuple[str, ...]:
    return COLUMNS[: COLUMNS.index(column)]


def _some_days(chance: random.Random) -> str:
    """A range of some weeks that hardly anybody else chooses, within the year before."""
    begin = date.today() - timedelta(days=chance.randrange(60, 330))  # noqa: DTZ011 - the server's day
    return f"{begin} : {begin + timedelta(days=chance.randrange(14, 57))}"


def visit_together(people: Sequence[Person], arrivals: float, seconds: float, pause: tuple[float, float]) -> float:
    """Let all visit: they arrive within `arrivals` seconds, and stay for `seconds` after. Gives when all were there."""
    begun = time.monotonic()
    end = begun + arrivals + seconds
    threads = [
        threading.Thread(target=person.visit, args=(begun + arrivals * n / len(people), end, pause))
        for n, person in enumerate(people)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return begun + arrivals
