"""The mail programs, browsers and security scanners that the demo's people use, and what bouncing servers say."""

from __future__ import annotations

from typing import NamedTuple


class Agent(NamedTuple):
    """A user agent as Marketo describes it."""

    user_agent: str
    platform: str
    device: str
    is_mobile: bool


_CHROME = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome"
_IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"
_OUTLOOK = "Mozilla/4.0 (compatible; MSIE 7.0; Windows NT 10.0; WOW64; Trident/7.0; Microsoft Outlook 16.0; ms-office)"

AGENTS = (
    Agent("Mozilla/5.0", "unknown", "unknown", False),  # Apple's mail privacy proxy
    Agent(
        "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)",
        "unknown",
        "unknown",
        False,
    ),
    Agent(_OUTLOOK, "unknown", "Windows Desktop", False),
    Agent(f"{_IPHONE} Mobile/15E148", "iOS", "iPhone", True),
    Agent(f"{_IPHONE} Version/18.6 Mobile/15E148 Safari/604.1", "iOS", "iPhone", True),
    Agent(f"Mozilla/5.0 (Linux; Android 10; K) {_CHROME}/140.0.0.0 Mobile Safari/537.36", "Android", "Android", True),
    Agent(
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)",
        "MacOSX",
        "Macintosh",
        False,
    ),
    Agent(
        f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {_CHROME}/140.0.0.0 Safari/537.36",
        "MacOSX",
        "Macintosh",
        False,
    ),
    Agent(
        f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {_CHROME}/140.0.0.0 Safari/537.36",
        "Windows",
        "Windows Desktop",
        False,
    ),
    Agent(
        f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {_CHROME}/140.0.0.0 Safari/537.36 Edg/140.0.0.0",
        "Windows",
        "Windows Desktop",
        False,
    ),
    Agent(
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:142.0) Gecko/20100101 Firefox/142.0",
        "Windows",
        "Windows Desktop",
        False,
    ),
    Agent("Mozilla/5.0 (compatible; MailGatewayLinkScan/4.2; +https://scan.example.net)", "unknown", "unknown", False),
    Agent(
        f"Mozilla/5.0 (X11; Linux x86_64) {_CHROME}/109.0.0.0 Safari/537.36 UrlDefense-Sandbox", "Linux", "Linux", False
    ),
)
SCANNERS = (11, 12)
APPLE_PROXY = 0


class Habit(NamedTuple):
    """How one kind of person reads mail: the share of people, the agents (rows of `AGENTS`) for opens and clicks."""

    share: float
    opens: tuple[int, int]
    clicks: tuple[int, int]


HABITS = (
    Habit(0.28, (0, 0), (4, 7)),
    Habit(0.22, (1, 1), (5, 8)),
    Habit(0.22, (2, 2), (9, 8)),
    Habit(0.08, (3, 3), (4, 4)),
    Habit(0.06, (5, 5), (5, 5)),
    Habit(0.06, (6, 3), (7, 4)),
    Habit(0.08, (8, 9), (10, 8)),
)


class Bounce(NamedTuple):
    """What a receiving server answered: Marketo's category and subcategory, the share among its kind, the text."""

    hard: bool
    category: int
    subcategory: int
    share: float
    details: str


BOUNCES = (
    Bounce(True, 2, 2003, 0.52, "550 5.1.1 The email account that you tried to reach does not exist."),
    Bounce(True, 2, 2003, 0.18, "550 #5.1.0 Address rejected."),
    Bounce(True, 2, 2001, 0.12, "550 5.4.1 Recipient address rejected: Access denied."),
    Bounce(True, 1, 1999, 0.12, "550 [internal] [oob] The message was blocked by the receiver."),
    Bounce(True, 1, 1001, 0.06, "554 5.7.1 Message rejected as spam by content filter."),
    Bounce(False, 3, 3001, 0.38, "452 4.2.2 The email account that you tried to reach is over quota."),
    Bounce(False, 3, 3004, 0.17, "451 4.7.1 Greylisting in action, please come back later."),
    Bounce(False, 4, 4003, 0.27, "421 4.4.1 [internal] No valid hosts (too many connection failures)"),
    Bounce(False, 9, 9999, 0.18, "450 4.0.0 Unknown response from the receiving server."),
    Bounce(True, 1, 1001, 0.0, "550 5.7.1 Service unavailable; client host is on our block list"),
)
# What the domain answers that refuses all emails.
REFUSAL = len(BOUNCES) - 1
