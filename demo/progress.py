"""A progress display for the terminal; plain lines where the output is not a terminal."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator

Report = Callable[[str, "float | None"], None]


class Progress:
    """Steps one below the other, each with its time; the running one with what it does now."""

    def __init__(self) -> None:
        self._live = sys.stdout.isatty()

    @contextlib.contextmanager
    def step(self, title: str) -> Iterator[Report]:
        """A step; call the given function with what it does now and the done fraction (0 to 1, or None)."""
        started = time.monotonic()

        def report(doing: str, fraction: float | None) -> None:
            share = "" if fraction is None else f" {fraction:4.0%}"
            if self._live:
                print(f"\r\033[K  … {title}: {doing}{share}", end="", flush=True)
            elif fraction is None:
                print(f"  … {doing}", flush=True)

        if self._live:
            print(f"\r\033[K  … {title}", end="", flush=True)
        else:
            print(f"  … {title}", flush=True)
        yield report
        print(
            f"{chr(13) + chr(27) + '[K' if self._live else ''}  ✓ {title} ({time.monotonic() - started:.0f} s)",
            flush=True,
        )
