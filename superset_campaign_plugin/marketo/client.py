"""How Marketo's REST API is asked: its token, its limits, its pages and its errors.

Sources are Adobe's pages *Authentication*, *Error Codes*, *Assets* and *Bulk Extract* of the Marketo developer
documentation: errors come as `{"success": false, "errors": [{"code": "606", "message": …}]}` with status 200, codes 6xx
mean that the call was not executed, 7xx that it could not be answered. Files come by HTTP ranges; a file that is not
there is status 404 with plain text.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections import deque
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, TypeVar
from urllib.parse import urlsplit

import requests
from requests.auth import AuthBase
from requests.exceptions import (
    ChunkedEncodingError,
    ContentDecodingError,
    RequestException,
    SSLError,
    Timeout,
)
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt, wait_chain, wait_fixed
from urllib3.exceptions import InvalidHeader
from urllib3.util import Retry

from superset_campaign_plugin.errors import (
    MarketoBusyError,
    MarketoError,
    MarketoLaterError,
    MarketoRefusalError,
)
from superset_campaign_plugin.marketo.credentials import Credentials

PAGE = 200  # the most that Marketo gives
MAX_BODY = 32 * 2**20

# Marketo admits 100 calls in 20 seconds to all programs of a subscription together; the rest is left to the others.
CALLS, WINDOW = 80, 20.0

PAUSES = (2.0, 4.0, 8.0, 16.0, 32.0)  # between tries, in seconds; together longer than Marketo's window
TRIES = len(PAUSES) + 1
_OWN_PAUSE = wait_chain(*map(wait_fixed, PAUSES))
LONGEST_PAUSE = 120.0

# Of a transfer that breaks off, at most this many bytes are lost.
TRANSFER_CHUNK = 2**12

_CONNECT_TIMEOUT, _READ_TIMEOUT, _ANSWER_TIMEOUT = 10.0, 60.0, 300.0

_EXPIRED = frozenset({"601", "602"})
# Timed out, too many calls, temporarily unavailable, system error, too many calls at once, transient error.
_BUSY = frozenset({"604", "606", "608", "611", "615", "713"})
_NOT_ALLOWED = frozenset({"600", "603"})
_QUOTA = "607"

_TOKEN = "/identity/oauth/token"  # noqa: S105 - a path
# What a role of Marketo must have for paths that begin so.
_PERMISSIONS = {
    "/bulk/v1/activities/": "Read-Only Activity",
    "/rest/v1/activities/": "Read-Only Activity",
    "/rest/asset/": "Read-Only Assets",
}

_T = TypeVar("_T")


class _Busy(Exception):
    """The call may succeed after a pause."""

    def __init__(self, reason: str, retry_after: float = 0.0) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class _Moved(Exception):
    """A transfer broke off, but came further than before."""


class _Bearer(AuthBase):
    """Puts the token into its header; without a token it only keeps requests from looking for a .netrc file."""

    def __init__(self, token: str | None) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._token:
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class Client:
    """Asks for one thing after the other, as fast as Marketo admits. `sleep` and `clock` are for the tests.

    Every method raises `MarketoBusyError` where pauses did not help, `MarketoRefusalError` where Marketo refuses this
    one call, `MarketoLaterError` where the day's quota of calls is used up, and `MarketoError` where no further call
    has a chance. No text of an error holds a secret.
    """

    def __init__(
        self,
        credentials: Credentials,
        *,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
        max_body: int = MAX_BODY,
    ) -> None:
        self._credentials = credentials
        self._sleep = sleep
        self._clock = clock
        self._max_body = max_body
        self._session = requests.Session()
        self._session.headers["Accept"] = "application/json"
        # The environment's proxy is for encrypted connections only: it would read all of the others.
        self._session.trust_env = credentials.encrypted
        self._token: str | None = None
        self._token_ends = 0.0
        self._calls: deque[float] = deque(maxlen=CALLS)
        self._reached = False

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._session.close()

    def get(self, path: str, **parameters: str | int) -> list[Any]:
        """The list `result` of an answer; empty where Marketo found nothing."""
        return _listed(self.answer(path, **parameters))

    def answer(self, path: str, **parameters: str | int) -> dict[str, Any]:
        """A whole answer, for what stands beside its `result`."""
        return self._patiently(lambda: self._ask("GET", path, params=parameters))

    def post(self, path: str, body: dict[str, Any] | None = None) -> list[Any]:
        """The list `result` of the answer to a POST with a body in JSON.

        It may be sent again where the connection broke, so Marketo may have done twice what it asks for.
        """
        return _listed(self._patiently(lambda: self._ask("POST", path, json={} if body is None else body)))

    def read_range(self, path: str, first: int, last: int, take: Callable[[int, bytes], None]) -> None:
        """Read the bytes `first` to `last` of a file, counted from 0, and hand each part with its place to `take`.

        It goes on after a connection that broke. A server that gives more than it was asked for is read from byte 0.
        Raises `MarketoRefusalError` with the code 404 where there is no such file.
        """
        done = first

        def note(place: int, part: bytes) -> None:
            nonlocal done
            take(place, part)
            done = place + len(part)

        while done <= last:
            before = done
            with contextlib.suppress(_Moved):
                self._patiently(lambda: self._read_range(path, done, last, note), lambda: done)
            if done <= before:
                raise MarketoRefusalError(f"{self._host} gives no byte {done} of a file", "416")

    def pages(self, path: str, **parameters: str | int) -> Iterator[list[Any]]:
        """Page after page of a list, to the first empty one: a short page is not always the last."""
        offset = 0
        before: list[Any] = []
        while page := self.get(path, **parameters, maxReturn=PAGE, offset=offset):
            if len(page) >= PAGE and page == before:
                raise MarketoError(f"{self._host} gives the same page of {path} again and again")
            yield page
            offset += len(page)
            before = page

    def _patiently(self, action: Callable[[], _T], done: Callable[[], int] = lambda: 0) -> _T:
        """What `action` returns; tried again, after pauses, while Marketo is busy.

        Raises `_Moved` where an attempt broke off but `done` is not what it was: that needs no patience.
        """
        before = done()

        def attempt() -> _T:
            try:
                return action()
            except _Busy as busy:
                if done() != before:
                    raise _Moved from busy
                if busy.retry_after > LONGEST_PAUSE:
                    raise MarketoBusyError(f"{busy}, and asks to wait for {busy.retry_after:.0f} seconds") from busy
                raise

        tries = Retrying(
            retry=retry_if_exception_type(_Busy),
            wait=_pause,
            stop=stop_after_attempt(TRIES),
            sleep=self._sleep,
            reraise=True,
        )
        try:
            return tries(attempt)
        except _Busy as busy:
            raise MarketoBusyError(f"{busy}, also at the last of {TRIES} tries") from busy

    def _ask(self, method: str, path: str, **content: Any) -> dict[str, Any]:
        self._take_turn()
        answer = self._call(method, path, self._token, **content)
        if _code(answer) in _EXPIRED:
            self._renew_token()
            self._wait_for_turn()
            answer = self._call(method, path, self._token, **content)
        return self._checked(path, answer)

    def _take_turn(self) -> None:
        # The token is looked at after the wait, in which it may end. Fetching one counts for no limit.
        self._wait_for_turn()
        if self._token is None or self._clock() >= self._token_ends:
            self._renew_token()

    def _read_range(self, path: str, first: int, last: int, take: Callable[[int, bytes], None]) -> None:
        """One attempt at a range, and a second one with a new token."""
        self._take_turn()
        answer = self._transfer(path, first, last, take)
        if answer is not None and _code(answer) in _EXPIRED:
            self._renew_token()
            self._wait_for_turn()
            answer = self._transfer(path, first, last, take)
        if answer is not None:
            self._checked(path, answer)
            raise MarketoError(f"{self._host} does not answer as Marketo does; check MARKETO_URL")

    def _transfer(self, path: str, first: int, last: int, take: Callable[[int, bytes], None]) -> dict[str, Any] | None:
        """Hand on the bytes of a range; or what Marketo answers in their place, which is an error in JSON."""
        headers = {"Range": f"bytes={first}-{last}", "Accept": "*/*", "Accept-Encoding": "identity"}
        with self._connected("GET", path, self._token, headers=headers) as response:
            self._reached = True
            if response.status_code == 404:
                raise MarketoRefusalError(f"{self._host} has no such file", "404")
            if response.status_code == 416:
                raise MarketoRefusalError(f"{self._host} has no byte {first} of a file", "416")
            if response.status_code != 206:
                self._check_status(response)
            # 200 is the answer of who knows no ranges, or an error: no extract in CSV begins with a brace.
            place = first if response.status_code == 206 else 0
            beginning = response.status_code == 200
            for part in response.iter_content(TRANSFER_CHUNK):
                if beginning and part.lstrip()[:1] == b"{":
                    return self._parse(part + self._body(response))
                beginning = False
                part = part[: last + 1 - place]
                if part:
                    take(place, part)
                place += len(part)
        return None

    def _renew_token(self) -> None:
        # Not ahead of its time: until it ends Marketo hands out the same token again.
        form = {
            "grant_type": "client_credentials",
            "client_id": self._credentials.client_id,
            "client_secret": self._credentials.client_secret,
        }
        # In the body, where no log of addresses has it.
        answer = self._call("POST", _TOKEN, None, data=form)
        token, seconds = answer.get("access_token"), answer.get("expires_in")
        if not isinstance(token, str) or not token.isascii() or not token.isprintable() or not token.strip():
            raise MarketoError(f"{self._host} gave no token; check MARKETO_URL, MARKETO_CLIENT_ID and its secret")
        self._token = token
        self._token_ends = self._clock() + (seconds if isinstance(seconds, int) and seconds > 0 else 3600)

    def _call(self, method: str, path: str, token: str | None, **content: Any) -> dict[str, Any]:
        with self._connected(method, path, token, **content) as response:
            self._check_status(response)
            body = self._body(response)
        self._reached = True
        return self._parse(body)

    @contextlib.contextmanager
    def _connected(self, method: str, path: str, token: str | None, **content: Any) -> Iterator[requests.Response]:
        """A response, whose body is not read yet. What the network does to it becomes one of our errors."""
        try:
            with self._session.request(
                method,
                self._credentials.url + path,
                auth=_Bearer(token),
                timeout=(_CONNECT_TIMEOUT, _READ_TIMEOUT),
                allow_redirects=False,  # the token would go where Marketo's answer says
                stream=True,
                **content,
            ) as response:
                yield response
        except SSLError as error:
            raise MarketoError(
                f"no trusted TLS connection to {self._host}; check MARKETO_URL, and the certificates of your proxy"
            ) from error
        except (requests.ConnectionError, Timeout, ChunkedEncodingError, ContentDecodingError) as error:
            if self._reached:
                raise _Busy(f"the connection to {self._host} broke") from error
            raise MarketoError(f"cannot connect to {self._host}; check MARKETO_URL and the network") from error
        except RequestException as error:
            raise MarketoError(f"cannot ask {self._host}: {type(error).__name__}; check MARKETO_URL") from error

    def _wait_for_turn(self) -> None:
        if len(self._calls) == CALLS:
            pause = self._calls[0] + WINDOW - self._clock()
            if pause > 0:
                self._sleep(pause)
        self._calls.append(self._clock())

    def _check_status(self, response: requests.Response) -> None:
        status = response.status_code
        if status == 200:
            return
        self._reached = True
        if status == 429 or status >= 500:
            reason = f"{self._host} answers with HTTP status {status}"
            raise _Busy(reason, _seconds(response.headers.get("Retry-After")))
        if 300 <= status < 400:
            target = self._clean(urlsplit(response.headers.get("Location", "")).netloc) or "another address"
            raise MarketoError(f"{self._host} sends on to {target}, where no secret is sent; check MARKETO_URL")
        if status in (400, 401, 403) and urlsplit(response.request.url or "").path.endswith(_TOKEN):
            raise MarketoError(
                f"{self._host} refuses the credentials (HTTP status {status}); "
                "check MARKETO_CLIENT_ID and MARKETO_CLIENT_SECRET"
            )
        raise MarketoError(f"{self._host} answers with HTTP status {status}; check MARKETO_URL")

    def _body(self, response: requests.Response) -> bytes:
        body = bytearray()
        latest = self._clock() + _ANSWER_TIMEOUT
        for chunk in response.iter_content(2**16):
            body += chunk
            if len(body) > self._max_body:
                raise MarketoRefusalError(f"the answer of {self._host} is larger than {self._max_body / 2**20:.3g} MB")
            if self._clock() > latest:
                raise _Busy(f"{self._host} does not come to the end of its answer")
        return bytes(body)

    def _parse(self, body: bytes) -> dict[str, Any]:
        try:
            answer = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise MarketoError(f"{self._host} does not answer in JSON; check MARKETO_URL") from error
        if not isinstance(answer, dict):
            raise MarketoError(f"{self._host} does not answer as Marketo does; check MARKETO_URL")
        return answer

    def _checked(self, path: str, answer: dict[str, Any]) -> dict[str, Any]:
        """The answer, if it is a success. Raises the error that it reports otherwise."""
        if answer.get("success") is True:
            return answer
        code = _code(answer)
        reason = f"Marketo answers with error {code}" if code else f"{self._host} does not answer as Marketo does"
        words = self._clean(_error(answer).get("message"))
        if words:
            reason = f"{reason} ({words})"
        if code in _BUSY:
            raise _Busy(reason)
        if code == _QUOTA:
            raise MarketoLaterError(f"{reason}: today's quota of API calls is used up; run this again tomorrow")
        if code in _NOT_ALLOWED:
            permission = next((name for start, name in _PERMISSIONS.items() if path.startswith(start)), "for this call")
            raise MarketoError(
                f"{reason}: the role of the API user needs the permission Access API: {permission}, "
                "and a list of allowed addresses must hold this one"
            )
        if code in _EXPIRED:
            raise MarketoError(f"{reason} to a token that it has just given; check the custom service in Marketo")
        if not code:
            raise MarketoError(f"{reason}; check MARKETO_URL")
        raise MarketoRefusalError(reason, code, words)

    @property
    def _host(self) -> str:
        return self._credentials.host

    def _clean(self, text: object) -> str:
        """Somebody else's text, fit for a line of output: printable, short, and without a secret that it may echo."""
        if not isinstance(text, str):
            return ""
        for secret in (self._credentials.client_secret, self._credentials.client_id, self._token):
            if secret:
                text = text.replace(secret, "***")
        return "".join(letter if letter.isprintable() else " " for letter in text)[:200].strip()


def _listed(answer: dict[str, Any]) -> list[Any]:
    result = answer.get("result")
    return result if isinstance(result, list) else []


def _error(answer: dict[str, Any]) -> dict[str, Any]:
    errors = answer.get("errors")
    first = errors[0] if isinstance(errors, list) and errors else None
    return first if isinstance(first, dict) else {}


def _code(answer: dict[str, Any]) -> str:
    """The code of the error that an answer reports; empty where it reports none."""
    code = str(_error(answer).get("code", ""))
    return code if answer.get("success") is not True and code.isalnum() and len(code) <= 6 else ""


def _pause(tried: RetryCallState) -> float:
    """Seconds until the next try: the longer of ours and what Marketo asks for."""
    error = tried.outcome.exception() if tried.outcome else None
    return max(_OWN_PAUSE(tried), error.retry_after if isinstance(error, _Busy) else 0.0)


def _seconds(retry_after: str | None) -> float:
    """The header Retry-After, which is a number of seconds or a date; 0 where it is neither."""
    try:
        return Retry().parse_retry_after(retry_after or "")
    except (InvalidHeader, ValueError, OverflowError):
        return 0.0
