"""Opens an extract, plain or gzip, as a stream of its text's bytes."""

from __future__ import annotations

import contextlib
import io
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING

from superset_campaign_plugin.errors import LoadError, UsageError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_GZIP = b"\x1f\x8b"
_GZIP_CONTAINER = 31  # what zlib calls a gzip header and trailer around the data
_CHUNK = 1 << 18


class Stream:
    """The bytes of a file's text. `reader` reads them; `done` is how far the file itself was read, in bytes."""

    def __init__(self, path: Path, file: IO[bytes]) -> None:
        self._file = file
        start = file.read(len(_GZIP))
        file.seek(0)
        self._inflated = _Inflated(path, file) if start == _GZIP else None
        self.reader: IO[bytes] = io.BufferedReader(self._inflated, _CHUNK) if self._inflated else file

    @property
    def done(self) -> int:
        return self._file.tell()

    @property
    def cut(self) -> bool:
        """Whether the compressed file ended too early; known once all of it is read."""
        return self._inflated is not None and self._inflated.cut


@contextlib.contextmanager
def open_stream(path: Path) -> Iterator[Stream]:
    """The stream of a file. Raises `UsageError` where there is none to read, and reading it `LoadError` for damage."""
    if path.is_dir():
        raise UsageError(f"{path} is a directory; name the files in it, as in {path}/*.csv")
    if not path.exists():
        raise UsageError(f"no file {path}")
    if not path.is_file():
        raise UsageError(f"{path} is no regular file: a load that is broken off could not go on from it")
    try:
        file = path.open("rb", buffering=_CHUNK)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror or error}") from error
    with file:
        yield Stream(path, file)


class _Inflated(io.RawIOBase):
    """What a gzip file holds, member after member. It ends quietly where the file is cut, so that nothing is lost."""

    def __init__(self, path: Path, file: IO[bytes]) -> None:
        self._path = path
        self._file = file
        self._zlib = zlib.decompressobj(_GZIP_CONTAINER)
        self._compressed = b""
        self.cut = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer).cast("B")
        text = self._read(len(view))
        view[: len(text)] = text
        return len(text)

    def _read(self, size: int) -> bytes:
        while True:
            if not self._compressed:
                self._compressed = self._file.read(_CHUNK)
                if not self._compressed:
                    self.cut = not self._zlib.eof
                    return b""
            if self._zlib.eof:
                # Another member, or the zeros with which some writers fill up the last block.
                self._compressed = self._compressed.lstrip(b"\0")
                if not self._compressed:
                    continue
                self._zlib = zlib.decompressobj(_GZIP_CONTAINER)
            try:
                text = self._zlib.decompress(self._compressed, size)
            except zlib.error as error:
                raise LoadError(f"{self._path} is damaged: {error}; fetch it again") from error
            self._compressed = self._zlib.unused_data if self._zlib.eof else self._zlib.unconsumed_tail
            if text:
                return text
