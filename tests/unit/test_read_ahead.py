"""Reading ahead in a thread changes neither the items nor the error, and leaves no thread behind."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from superset_campaign_plugin.load.ahead import read_ahead


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "read ahead"]


def numbers(count: int, error: type[BaseException] | None = None) -> Iterator[int]:
    yield from range(count)
    if error is not None:
        raise error("the end")


@pytest.mark.parametrize("count", [0, 1, 2, 50])
@pytest.mark.parametrize("ahead", [1, 3])
def test_the_items_come_in_their_order(count: int, ahead: int) -> None:
    assert list(read_ahead(numbers(count), ahead)) == list(range(count))
    assert threads() == []


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
@pytest.mark.parametrize("count", [0, 5])
def test_an_error_comes_after_what_is_before(count: int, error: type[BaseException]) -> None:
    found = []
    with pytest.raises(error, match="the end"):
        found.extend(read_ahead(numbers(count, error), 2))
    ahead = read_ahead(numbers(count, error), 2)
    assert [next(ahead) for _ in range(count)] == list(range(count))
    with pytest.raises(error, match="the end"):
        next(ahead)
    assert threads() == []


def test_no_more_is_read_than_was_asked_for() -> None:
    read: list[int] = []

    def watched() -> Iterator[int]:
        for number in range(1000):
            read.append(number)
            yield number

    ahead = read_ahead(watched(), 2)
    assert next(ahead) == 0
    ahead.close()
    assert threads() == []
    assert len(read) <= 1 + 2 + 2  # what was taken, what waits, what is put or made just then
    assert list(ahead) == []
