"""People at once on `make stack`, then faults under that load; writes load.json and README.md.

make load                                   # as the README shows it
make load ARGS="--guests 6 --users 3 --seconds 20 --no-faults --output /tmp/load"
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks import page
from benchmarks.answers import Truth, cached, faults, read_truth
from benchmarks.durations import percentile, summary
from benchmarks.faults import Saboteur, errors_of, wait_for_refresh
from benchmarks.people import Account, Answer, Person, visit_together
from benchmarks.recording import Recording, record
from servers.ports import free_port
from stack.settings import ROOT
from stack.start import Stack, started
from stack.warehouse import SCHEMA
from superset_campaign_plugin.embedding.portal import Superset

PAUSE = (10.0, 20.0)  # seconds between two changes of one person
ALONE_PAUSE = (1.0, 3.0)
ARRIVALS = 60.0
# The load has refreshes in it too: they come every two minutes here, and not every hour.
VARIABLES = {"CAMPAIGN_REFRESH": "*/2 * * * *"}


def main() -> None:
    """Run everything; bounded by the numbers and seconds that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--guests", type=int, default=50)
    parser.add_argument("--users", type=int, default=20)
    parser.add_argument("--seconds", type=int, default=120)
    parser.add_argument("--alone", type=int, default=60, help="seconds for a user alone, and as many for a guest")
    parser.add_argument("--no-faults", action="store_true")
    parser.add_argument("--sends", type=int, default=200_000)
    parser.add_argument("--state", type=Path, help="a stack's folder to keep; a new one that goes, without")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent)
    wanted = parser.parse_args()
    with ExitStack() as block:
        if wanted.state is None:
            state = Path(tempfile.mkdtemp(prefix="campaign-load-"))
            block.callback(_remove, state)
        else:
            state = wanted.state
        stack = block.enter_context(
            started(state, port=free_port(), portal_port=free_port(), sends=wanted.sends, more=VARIABLES)
        )
        results = _measure(stack, state, block, wanted)
    wanted.output.mkdir(parents=True, exist_ok=True)
    (wanted.output / "load.json").write_text(json.dumps(results, indent=2, ensure_ascii=False) + "\n")
    page.write(wanted.output)


def _measure(stack: Stack, state: Path, block: ExitStack, wanted: argparse.Namespace) -> dict[str, Any]:
    truth = read_truth(stack.environment["CAMPAIGN_WAREHOUSE_URI"], SCHEMA)
    accounts = _accounts(stack, truth, wanted.guests, wanted.users)
    _say("Recording what Chromium asks for")
    user = next(each for each in accounts if each.password)
    recordings = record(stack, user.name, user.password)
    results: dict[str, Any] = {
        "guests": wanted.guests,
        "users": wanted.users,
        "seconds": wanted.seconds,
        "cores": os.cpu_count(),
        "workers": int(stack.environment.get("SUPERSET_WEB_WORKERS") or 2),
        "calls": {who: _counts(recording) for who, recording in zip(("user", "guest"), recordings, strict=True)},
    }
    _say("One alone")
    alone: list[Person] = []
    for account in (user, next(each for each in accounts if each.token)):
        person = _person(account, stack, recordings, truth, len(alone))
        visit_together([person], 0, wanted.alone, ALONE_PAUSE)
        alone.append(person)
    results["alone"] = _summary(alone, truth)
    _say(f"  {json.dumps(results['alone'])}")
    for key, some, seed in (("third", accounts[::3], 10), ("together", accounts, 100)):
        _say(f"{len(some)} people at once")
        _issue_tokens(stack, some)
        people = [_person(account, stack, recordings, truth, seed + n) for n, account in enumerate(some)]
        visit_together(people, ARRIVALS, wanted.seconds, PAUSE)
        results[key] = {"people": len(some), **_summary(people, truth)}
        _say(f"  {json.dumps(results[key])}")
    if not wanted.no_faults:
        results["faults"] = _faults(stack, state, block, accounts, recordings, truth)
    return results


def _faults(
    stack: Stack,
    state: Path,
    block: ExitStack,
    accounts: list[Account],
    recordings: tuple[Recording, Recording],
    truth: Truth,
) -> dict[str, Any]:
    """The same load, in which the worker, Redis and a web process are killed in turn."""
    _say("Faults under the same load")
    _issue_tokens(stack, accounts)
    people = [_person(account, stack, recordings, truth, 1000 + n) for n, account in enumerate(accounts)]
    saboteur = Saboteur(stack, state, block)
    # What is started again lives as long as the thread that started it, so that must be this one.
    crowd = threading.Thread(target=visit_together, args=(people, ARRIVALS, 120, PAUSE))
    crowd.start()
    saboteur.run(ARRIVALS + 15, 30)
    crowd.join()
    answers = _answers(people)
    ends = [*(fault.killed for fault in saboteur.faults[1:]), time.monotonic()]
    found = [errors_of(fault, end, answers) for fault, end in zip(saboteur.faults, ends, strict=True)]
    before = read_truth(stack.environment["CAMPAIGN_WAREHOUSE_URI"], SCHEMA)
    after = {
        "wrong": [fault for _, fault in faults(answers, truth)][:10],
        "errors_before": sum(bool(each.fault) for each in answers if each.at < saboteur.faults[0].killed),
        "same_figures": before.rows == truth.rows,
        "refresh_after": wait_for_refresh(state, 150),
    }
    _say(f"  {json.dumps([found, after])}")
    return {"each": found, **after}


def _accounts(stack: Stack, truth: Truth, guests: int, users: int) -> list[Account]:
    """Half of the users see all, a quarter each of two workspaces; guests see one workspace each, in turn."""
    workspaces = truth.workspaces()
    bounds = [None, workspaces[0], None, workspaces[-1]]
    accounts = [
        Account(f"load-{n}", bounds[n % 4], f"127.0.1.{n + 1}", password=secrets.token_urlsafe(12))
        for n in range(users)
    ]
    wanted = [{"name": each.name, "password": each.password, "workspace": each.workspace} for each in accounts]
    command = [sys.executable, "-m", "benchmarks.accounts"]
    done = subprocess.run(
        command, cwd=ROOT, env=stack.environment, input=json.dumps(wanted), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"the accounts could not be made: {done.stderr[-2000:]}")
    visitors = [
        Account(f"guest-{n}@customer.example", workspaces[n % len(workspaces)], f"127.0.2.{n + 1}")
        for n in range(guests)
    ]
    everyone = _mixed(accounts, visitors)
    _issue_tokens(stack, everyone)
    return everyone


def _mixed(users: list[Account], guests: list[Account]) -> list[Account]:
    """Users spread among guests, in the order in which they come."""
    placed = [(n / len(each), account) for each in (users, guests) for n, account in enumerate(each)]
    return [account for _, account in sorted(placed, key=lambda one: one[0])]


def _issue_tokens(stack: Stack, accounts: list[Account]) -> None:
    """As a portal does it, with the plugin's helper. A token is valid for five minutes, longer than a part takes."""
    known = stack.environment
    embedding = json.loads(Path(known["CAMPAIGN_EMBEDDING_FILE"]).read_text())
    user, password = known["CAMPAIGN_PORTAL_USER"], known["CAMPAIGN_PORTAL_PASSWORD"]
    portal = Superset(known["PORTAL_SUPERSET_URL"], user, password, embedding)
    for account in accounts:
        if not account.password:
            account.token = portal.guest_token(account.name, workspaces=[account.workspace])


def _person(account: Account, stack: Stack, recordings: tuple[Recording, Recording], truth: Truth, seed: int) -> Person:
    recording = recordings[1 if account.token else 0]
    return Person(account, int(stack.environment["SUPERSET_PORT"]), recording, truth.offered(account.workspace), seed)


def _answers(people: list[Person]) -> list[Answer]:
    return [answer for person in people for answer in person.answers]


def _summary(people: list[Person], truth: Truth) -> dict[str, Any]:
    """Seconds and faults of a part of the load."""
    answers = _answers(people)
    waits = {
        what: [each.seconds for person in people for each in person.waits if each.what == what]
        for what in ("opening", "change")
    }
    begun = [[each.at for each in person.waits] for person in people]
    apart = [later - earlier for times in begun for earlier, later in pairwise(times[1:])]
    failed = [answer for answer in answers if answer.fault]
    return {
        "opening": summary(waits["opening"]),
        "change": summary(waits["change"]),
        "request": summary([answer.seconds for answer in answers if answer.is_chart and not answer.fault]),
        "seconds_between_changes": round(percentile(apart, 50), 1) if apart else None,
        "answers": len(answers),
        "cached": round(cached(answers), 3),
        "errors": len(failed),
        "kinds": sorted({f"{each.fault[:80]} ({each.path[:60]})" for each in failed})[:10],
        "wrong": [f"{answer.path[:60]}: {fault}" for answer, fault in faults(answers, truth)][:10],
    }


def _counts(recording: Recording) -> dict[str, int]:
    return {
        "files": sum(call.is_static for call in recording.calls),
        "charts": len(recording.charts),
        "lists": len(recording.lists),
        "others": sum(not call.is_static and not call.asks_for_data for call in recording.calls),
    }


def _remove(state: Path) -> None:
    shutil.rmtree((state / "postgresql").resolve(), ignore_errors=True)  # it may lie behind a link
    shutil.rmtree(state, ignore_errors=True)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
