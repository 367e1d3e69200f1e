"""Random logs, large, as dirty as the small ones."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import starmap
from typing import Any

import numpy as np

from logs.model import KINDS, Activity, Log
from logs.small import AGENTS, BOTS, LINKS, WORKSPACES


def generate(rows: int, seed: int) -> Log:
    """A log of exactly `rows` activities, sent from 2024-03-01 to the end of April, as dirty as `random_logs`."""
    rng = np.random.default_rng(seed)
    start = np.datetime64("2024-03-01T00:00:00", "us")
    replayed = rows // 20
    sends = rows * 9 // 20
    events = rows - replayed - sends
    people, campaigns, emails = max(rows // 8, 3), 40, 25

    def pick(options: Sequence[Any], weights: Sequence[float], size: int) -> np.ndarray:
        chosen = rng.choice(len(options), size, p=np.array(weights) / sum(weights))
        return np.array([*options, None], dtype=object)[chosen]  # the None keeps numpy from making strings of it

    # Sends: a campaign sends one of three emails. A third of them is the send before it over again, at the same
    # second, a day later or in another campaign.
    send_campaign = rng.integers(1, campaigns + 1, sends)
    send_email = 1000 + (send_campaign * 3 + rng.integers(0, 3, sends)) % emails
    send_person = rng.integers(1, people + 1, sends)
    send_time = start + rng.integers(0, 60 * 86_400, sends).astype("timedelta64[s]")
    for after, other_campaign in ((0, False), (0, True), (86_400, False), (86_400, True)):
        again = 1 + np.flatnonzero(rng.random(sends - 1) < 0.08)
        send_email[again] = send_email[again - 1]
        send_person[again] = send_person[again - 1]
        send_time[again] = send_time[again - 1] + np.timedelta64(after, "s")
        send_campaign[again] = send_campaign[again - 1] % campaigns + 1 if other_campaign else send_campaign[again - 1]
    result = pick([None, "succeeded", "skipped", "failed", " Skipped", "FAILED", ""], [70, 15, 4, 3, 1, 1, 1], sends)

    # Events: each follows some send, at times a second before it; some lose the campaign or belong to no send.
    of = rng.integers(0, sends, events)
    delay = np.where(rng.random(events) < 0.2, rng.integers(-1, 2, events), rng.integers(0, 5 * 86_400, events))
    event_time = send_time[of] + delay.astype("timedelta64[s]")
    event_kind = pick(KINDS[1:], [45, 6, 10, 20, 14, 5], events)
    event_person = np.where(rng.random(events) < 0.03, people + 1 + of, send_person[of])
    link = pick(LINKS, [1] * len(LINKS), events)
    link[event_kind != "click"] = None
    bot, agent = pick(BOTS, [1] * len(BOTS), events), pick(AGENTS, [1] * len(AGENTS), events)
    silent = ~np.isin(event_kind.astype(str), ["open", "click"])
    bot[silent] = agent[silent] = None

    kind = ["send"] * sends + event_kind.tolist()
    time = np.concatenate([send_time, event_time]).tolist()
    campaign = np.concatenate([send_campaign, send_campaign[of]]).astype(object)
    campaign[sends:][rng.random(events) < 0.08] = None
    campaign[:sends][rng.random(sends) < 0.005] = None
    email = np.concatenate([send_email, send_email[of]]).astype(object)
    email[rng.random(len(email)) < 0.002] = None
    person = np.concatenate([send_person, event_person]).astype(object)
    person[rng.random(len(person)) < 0.002] = None
    # Half of the emails were called otherwise before April.
    before = send_time < np.datetime64("2024-04-01")
    named = [
        f"Program.Email {number}{', before' if early and number % 2 else ''}"
        for number, early in zip(send_email, before, strict=True)
    ]
    activities = list(
        starmap(
            Activity,
            zip(
                kind,
                range(1, sends + events + 1),
                time,
                campaign.tolist(),
                email.tolist(),
                person.tolist(),
                result.tolist() + [None] * events,
                [None] * sends + link.tolist(),
                [None] * sends + bot.tolist(),
                [None] * sends + agent.tolist(),
                named + [None] * events,
                strict=True,
            ),
        )
    )
    activities += [activities[index] for index in rng.integers(0, len(activities), replayed)]
    log = Log([activities[index] for index in rng.permutation(len(activities))])
    for person in range(10, people, 100):
        log.merge(person, person + 1, person + 2)
    log.delete(*range(15, people, 200))

    # Every seventh asset is missing; every fifth has two versions.
    for number in range(1, campaigns + 1):
        if number % 7:
            log.campaign(number, f"Campaign {number}", program=number % 6 or None, workspace=WORKSPACES[number % 3])
        if number % 5 == 0:
            log.campaign(number, f"Campaign {number}, before", workspace="Gone", updated="2023-06-01")
    for number in range(1, 5):
        log.program(number, f"Program {number}")
    for number in range(1000, 1000 + emails):
        if number % 7:
            log.email(number, f"Email {number}")
        if number % 5 == 0:
            log.email(number, f"Email {number}, after", updated="2024-02-01")
    return log
