"""Lets a thread read while the database stores what was read before."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterator
from typing import TypeVar

T = TypeVar("T")

_PAUSE = 0.1  # seconds after which a thread that waits looks whether it is still wanted


def read_ahead(items: Iterator[T], count: int) -> Generator[T, None, None]:
    """The same items, of which a thread takes up to `count` in advance, and the same error at the same place.

    The thread has ended when the iterator has, or was closed.
    """
    taken: queue.Queue[tuple[T] | BaseException | None] = queue.Queue(count)
    unwanted = threading.Event()

    def put(item: tuple[T] | BaseException | None) -> None:
        while not unwanted.is_set():
            try:
                taken.put(item, timeout=_PAUSE)
            except queue.Full:
                continue
            return

    def take() -> None:
        try:
            for item in items:
                put((item,))
                if unwanted.is_set():
                    return
            put(None)
        except BaseException as error:
            put(error)

    thread = threading.Thread(target=take, name="read ahead", daemon=True)
    thread.start()
    try:
        while (found := taken.get()) is not None:
            if isinstance(found, BaseException):
                raise found
            yield found[0]
    finally:
        unwanted.set()
        thread.join()
