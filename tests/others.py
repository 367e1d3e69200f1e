"""Asks several Supersets, over copies of the same metadata, and compares their answers."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from deployment import Deployment

TESTS = Path(__file__).parent


def ask(
    deployment: Deployment, folder: Path, config: Path, asked: list[list[Any]], **variables: str
) -> subprocess.Popen[bytes]:
    """Start a program that asks a Superset of that configuration, over a copy of the folder's metadata of its own."""
    place = folder / config.stem
    place.mkdir()
    shutil.copyfile(folder / "superset.db", place / "superset.db")
    (place / "questions.json").write_text(json.dumps(asked))
    environment = {**os.environ, **deployment.environment, "CAMPAIGN_TEST_FOLDER": str(place)}
    environment["PYTHONHASHSEED"] = "0"  # or sets have another order in each process
    with (place / "errors.log").open("w") as errors:
        return subprocess.Popen(
            [sys.executable, str(TESTS / "asking.py"), str(place / "questions.json"), str(place / "answers.json")],
            env={**environment, "SUPERSET_CONFIG_PATH": str(config), **variables},
            stdout=errors,
            stderr=errors,
        )


def answers(program: subprocess.Popen[bytes], place: Path) -> list[list[Any]]:
    """What it answered, in the order of the questions."""
    assert program.wait(timeout=1800) == 0, (place / "errors.log").read_text()[-2000:]
    return list(json.loads((place / "answers.json").read_text()))


# By what they are found, and what stands in their place.
_DIFFERING = [
    (r'nonce[-=]"?[\w+/=-]+', "nonce"),
    (r'(csrf_token[^>]*value=)"[^"]*"', r"\1"),
    (r'"I[\w-]+\.[\w-]{6}\.[\w-]+"', "TOKEN"),
    (r'(csrf_token|csrfToken)(&#34;|"): ?(&#34;|")[\w.-]+', r"\1"),
    (r"session=[^;]*", "session"),
    (r"proof=[\w.-]+", "proof"),  # it says when it was made
    (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(\+00:00|Z)?", "TIME"),
    (r"\b\d{8}_\d{6}\b", "TIME"),  # in the name of a file
    (r"\b1\d{9}(\d{3})?(\.\d+)?\b", "TIME"),
    (r'(humanized": ?)"[^"]*"', r"\1"),
    (r">[\w ]*(now|ago)</span>", ">TIME</span>"),
    (r" at 0x[0-9a-f]+", ""),
    (r'("key": ?)"[\w-]+"', r"\1"),  # of a link or of filters, made at random
    (r"/(permalink/|p/)\w+", "/p/KEY"),
    (r'("theme_name":"THEME_\w+","uuid":)"[^"]*"', r"\1"),  # made with each start
]


def plain(answer: list[Any]) -> list[Any]:
    """The answer without what differs each time: times, and tokens that are made at random."""
    status, headers, text = answer
    kept = [[name, plain_text(value)] for name, value in headers if name not in ("Date", "Content-Length")]
    return [status, kept, plain_text(text)]


def plain_text(text: str) -> str:
    """The text without what differs each time."""
    for pattern, other in _DIFFERING:
        text = re.sub(pattern, other, text)
    return text
