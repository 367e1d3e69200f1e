"""A server on 127.0.0.1 that answers as Marketo's REST API does, with its tokens, limits, pages and errors.

`Marketo` holds the emails and the faults; a test changes them while the server runs. Every call is noted in `calls`,
so a test can count them. What belongs to the Bulk Activity Extract and to the names of assets is in `exports`.
"""

from __future__ import annotations

import contextlib
import ipaddress
import json
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from logs import Log
from marketo_exports import Exports

CLIENT_ID = "id-4f1c-of-the-service"
CLIENT_SECRET = "s3cret-&=+%-of-the-service"


@dataclass
class Answer:
    """What is sent instead of the right answer. `length` is told of a body that is in truth shorter."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})
    length: int | None = None
    hold: threading.Event | None = None  # the connection stays open after the body until it is set


def error(code: str, message: str = "as the documentation says") -> Answer:
    """Marketo's envelope of an error, which comes with status 200."""
    body = {"requestId": "e42b#14272d07d78", "success": False, "errors": [{"code": code, "message": message}]}
    return Answer(json.dumps(body).encode())


@dataclass
class Call:
    """A call as it came in."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    address: str  # with the query, as a log would show it
    body: bytes = b""


class Marketo:
    """The emails, the clients and the faults of one Marketo."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.calls: list[Call] = []
        self.emails: dict[tuple[int, str], dict[str, Any]] = {}
        self.html: dict[tuple[int, str], Any] = {}
        self.sections: dict[tuple[int, str], list[dict[str, Any]]] = {}
        self.token_seconds = 3599
        self.token_calls: int | None = None  # a token of this many calls ends before its time
        self.quota: int | None = None  # calls that are left today
        self.rate = (100, 20.0)
        self.tokens: list[str] = []
        self.before_content: Callable[[int], None] = lambda email_id: None
        # What is done to an answer before it is sent; the call has had its effect by then.
        self.before_sending: Callable[[Call, Answer], None] = lambda call, answer: None
        self.exports = Exports(clock)
        self.url = ""
        self._faults: list[tuple[str, deque[Answer | None]]] = []
        self._token_uses = 0
        self._token_ends = 0.0
        self._times: deque[float] = deque()
        self._lock = threading.Lock()

    # What a test arranges ----------------------------------------------------------------------------------------

    def email(
        self,
        email_id: int,
        html: object = None,
        *,
        status: str = "approved",
        updated: str = "2024-05-01T10:00:00Z+0000",
        **fields: Any,
    ) -> None:
        """An email as the list shows it, and its HTML."""
        text = {name: {"type": "Text", "value": f"{name} {email_id}"} for name in ("subject", "fromName", "fromEmail")}
        self.emails[email_id, status] = {
            "id": email_id,
            "name": f"Email {email_id}",
            "updatedAt": updated,
            "status": status,
            "operational": False,
            "workspace": "Default",
            "preHeader": f"preHeader {email_id}",
            **text,
            **fields,
        }
        self.html[email_id, status] = f"<p>{email_id} {status}</p>" if html is None else html

    def hold(self, log: Log, **options: Any) -> Log:
        """Hold a log's activities and assets; options and result as `Exports.take`."""
        for email in sorted(log.emails, key=lambda version: version.updated_at):
            updated = f"{email.updated_at:%Y-%m-%dT%H:%M:%S}Z+0000"
            self.email(email.id, updated=updated, name=email.name, workspace=email.workspace)
        return self.exports.take(log, **options)

    def fault(self, part: str, *answers: Answer | None) -> None:
        """Answer the next calls of paths that hold `part` with these, one after the other, then rightly again.

        None among them stands for the right answer.
        """
        self._faults.append((part, deque(answers)))

    def count(self, part: str) -> int:
        """How many calls there were of paths that hold `part`."""
        return sum(part in call.path for call in self.calls)

    @property
    def fetched(self) -> list[int]:
        """The ids of the emails whose content was asked for, in order."""
        return [int(call.path.split("/")[5]) for call in self.calls if call.path.endswith("fullContent.json")]

    def environment(self, **changes: str) -> dict[str, str]:
        """The variables with which this Marketo is asked."""
        right = {
            "MARKETO_URL": self.url,
            "MARKETO_CLIENT_ID": CLIENT_ID,
            "MARKETO_CLIENT_SECRET": CLIENT_SECRET,
        }
        return right | changes

    # How it answers ----------------------------------------------------------------------------------------------

    def answer(self, call: Call, form: dict[str, str]) -> Answer:
        answer = self._answer(call, form)
        self.before_sending(call, answer)
        return answer

    def _answer(self, call: Call, form: dict[str, str]) -> Answer:
        with self._lock:
            self.calls.append(call)
            for part, answers in self._faults:
                if part in call.path and answers and (wrong := answers.popleft()):
                    return wrong
            if call.path == "/identity/oauth/token":
                return self._give_token({**call.query, **form})
            refused = self._refuse(call)
        if refused:
            return refused
        with self._lock:
            exported = self.exports.answer(call)
        if exported:
            return exported
        if call.path == "/rest/asset/v1/emails.json":
            return self._page(call.query)
        parts = call.path.split("/")
        if call.path.startswith("/rest/asset/v1/email/") and call.path.endswith("/fullContent.json"):
            return self._content(int(parts[5]), call.query)
        if call.path.startswith("/rest/asset/v1/email/") and parts[6:7] == ["dynamicContent"]:
            return self._section(int(parts[5]), unquote(parts[7]).removesuffix(".json"))
        return error("610", "Requested resource not found")

    def _give_token(self, form: dict[str, str]) -> Answer:
        if form.get("grant_type") != "client_credentials" or form.get("client_id") != CLIENT_ID:
            wrong = f"No client with requested id: {form.get('client_id')}"
            return Answer(json.dumps({"error": "invalid_client", "error_description": wrong}).encode(), 401)
        if form.get("client_secret") != CLIENT_SECRET:
            wrong = f"Bad client credentials {form.get('client_secret')}"
            return Answer(json.dumps({"error": "unauthorized", "error_description": wrong}).encode(), 401)
        left = self._token_ends - self.clock()
        if not self.tokens or left <= 0 or self._spent:
            self.tokens.append(f"t0ken-{len(self.tokens)}-cdf01657:int")
            self._token_uses = 0
            self._token_ends = self.clock() + self.token_seconds
            left = self.token_seconds
        token = {"access_token": self.tokens[-1], "token_type": "bearer", "expires_in": int(left), "scope": "a@b.c"}
        return Answer(json.dumps(token).encode())

    @property
    def _spent(self) -> bool:
        return self.token_calls is not None and self._token_uses >= self.token_calls

    def _refuse(self, call: Call) -> Answer | None:
        given = call.headers.get("authorization", "").removeprefix("Bearer ")
        if not given:
            return error("600", "Access token is not specified")
        if not self.tokens or given != self.tokens[-1]:
            return error("601", "Access token invalid")
        if self._spent or self.clock() >= self._token_ends:
            return error("602", "Access token expired")
        now = self.clock()
        calls, seconds = self.rate
        while self._times and self._times[0] <= now - seconds:
            self._times.popleft()
        if len(self._times) >= calls:
            return error("606", f"Max rate limit '{calls}' exceeded with in '{seconds:.0f}' secs")
        self._times.append(now)
        if self.quota is not None:
            if self.quota == 0:
                return error("607", "Daily quota reached")
            self.quota -= 1
        self._token_uses += 1
        return None

    def _page(self, query: dict[str, str]) -> Answer:
        size, offset = min(200, int(query.get("maxReturn", 20))), int(query.get("offset", 0))
        wanted = query.get("status")
        found = [entry for (_, status), entry in sorted(self.emails.items()) if wanted in (None, status)]
        return _success(found[offset : offset + size])

    def _content(self, email_id: int, query: dict[str, str]) -> Answer:
        self.before_content(email_id)
        versions = [query["status"]] if "status" in query else ["approved", "draft"]
        for status in versions:
            if (email_id, status) in self.html:
                return _success([{"id": email_id, "status": status, "content": self.html[email_id, status]}])
        return error("702", "Email not found")

    def _section(self, email_id: int, section: str) -> Answer:
        if (email_id, section) not in self.sections:
            return error("702", "Dynamic content not found")
        return _success([{"id": 7, "segmentation": 1001, "content": self.sections[email_id, section]}])


def _success(result: list[Any]) -> Answer:
    body: dict[str, Any] = {"success": True, "errors": [], "requestId": "9ad0#14a1832af8c", "warnings": []}
    if result:
        body["result"] = result
    else:
        body["warnings"] = ["No assets found for the given search criteria."]
    return Answer(json.dumps(body).encode())


def make_certificate(file: Path) -> Path:
    """A certificate for 127.0.0.1 which only those trust who are told to, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Marketo of the tests")])
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    now = datetime.now(timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(address, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return file


@contextlib.contextmanager
def serve(marketo: Marketo, certificate: Path | None = None) -> Iterator[Marketo]:
    """Let a Marketo answer on a free port of 127.0.0.1, over TLS with a certificate; its `url` says where."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # else each answer waits for the client's acknowledgement of its headers

        def do_GET(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            self._answer()

        def log_message(self, *_: object) -> None:
            pass

        def _answer(self) -> None:
            address = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            query = {name: values[0] for name, values in parse_qs(address.query).items()}
            headers = {name.lower(): value for name, value in self.headers.items()}
            form = body.decode() if "urlencoded" in headers.get("content-type", "") else ""
            answer = marketo.answer(
                Call(self.command, address.path, query, headers, self.path, body),
                {name: values[0] for name, values in parse_qs(form).items()},
            )
            with contextlib.suppress(ConnectionError):  # the test's client was killed
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer.body) if answer.length is None else answer.length))
                self.end_headers()
                self.wfile.write(answer.body)
                if answer.hold:
                    self.wfile.flush()
                    answer.hold.wait(60)
            if answer.length is not None:
                self.close_connection = True

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            """Clients that hang up, or speak TLS, are what some tests are about."""

    server = Server(("127.0.0.1", 0), Handler)
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    marketo.url = f"{'https' if certificate else 'http'}://127.0.0.1:{server.server_address[1]}"
    try:
        yield marketo
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Clock:
    """A time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        """Let that time pass."""
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    """The test's own time."""
    return Clock()


@pytest.fixture
def marketo(clock: Clock) -> Iterator[Marketo]:
    """A Marketo that holds nothing yet, on the clock of the test."""
    with serve(Marketo(clock)) as running:
        yield running
