"""How an engine lets a writer, its readers and the loader share tables, as one record."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Locks:
    """An engine's statements about locks; None where it has no such thing. The default is an engine without any.

    take        takes the lock :name for the connection, or answers that another connection has it
    isolation   what the transactions of a refresh see: one state of the log where the engine can do that without
                locks on the loader's rows
    wait        bounds how long a statement waits for a lock; {seconds} and {milliseconds} are filled in
    exclude     locks {tables} against all others until the transaction ends
    holders     who has a lock on one of the tables in :names (id, account, program, since)
    refusals    the driver's codes of "waited too long for a lock" and of "a deadlock, and you give way"
    """

    take: str | None = None
    isolation: str | None = None
    wait: str | None = None
    exclude: str | None = None
    holders: str | None = None
    refusals: tuple[str | int, ...] = ()

    def waiting(self, seconds: float) -> str:
        """The statement that bounds the waiting for a lock; at least a second, where an engine counts in seconds."""
        return (self.wait or "").format(seconds=max(1, round(seconds)), milliseconds=max(1, round(seconds * 1000)))

    def refused(self, error: BaseException | None) -> bool:
        """Whether a driver's error says that a lock was not to be had."""
        if error is None:
            return False
        code: Any = getattr(error, "pgcode", None) or next(iter(error.args), None)
        return code in self.refusals
