"""Opens an extract, plain or gzip, as a stream of its text's bytes.

A gzip file carries the checksum of its text at its end, so nothing of it is handed on before all of it was read once.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
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
# So little at once that a look at the header does not come upon damage further on, whatever the size of the file.
_LOOK = 32
# The text of a gzip file is handed on in blocks of this many bytes, of each of which the first reading keeps a digest.
_BLOCK = 1 << 20
_DIGEST = 16  # bytes


class Stream:
    """The bytes of a file's text. `reader` reads them; `done` is how far the file itself was read, in bytes.

    A gzip file is read twice, through one descriptor: first as a whole, and its checksums compared. Raises
    `LoadError` if it is damaged or cut. With `beginning` it is read once and unchecked, for a look at its header.
    """

    def __init__(self, path: Path, file: IO[bytes], *, beginning: bool) -> None:
        self._file = file
        start = file.read(len(_GZIP))
        file.seek(0)
        self.reader: IO[bytes] = file
        if start == _GZIP:
            if beginning:
                self.reader = io.BufferedReader(_Inflated(path, file, _LOOK), _LOOK)
            else:
                digests = _digests(_Inflated(path, file, _CHUNK))
                self.reader = io.BufferedReader(_Verified(path, file, digests), _CHUNK)

    @property
    def done(self) -> int:
        return self._file.tell()


@contextlib.contextmanager
def open_stream(path: Path, *, beginning: bool = False) -> Iterator[Stream]:
    """The stream of a file. Raises `UsageError` where there is none to read, and `LoadError` for damage."""
    if path.is_dir():
        raise UsageError(f"{path} is a directory; name the files in it, as in {path}/*.csv")
    if not path.exists():
        raise UsageError(f"no file {path}")
    if not path.is_file():
        raise UsageError(f"{path} is not a regular file: a load that is broken off could not go on from it")
    try:
        file = path.open("rb", buffering=_CHUNK)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror or error}") from error
    with file:
        yield Stream(path, file, beginning=beginning)


class _Inflated(io.RawIOBase):
    """What a gzip file holds, member after member; zlib compares each member's checksum and length at its end."""

    def __init__(self, path: Path, file: IO[bytes], chunk: int) -> None:
        self._path = path
        self._file = file
        self._chunk = chunk
        self._zlib = zlib.decompressobj(_GZIP_CONTAINER)
        self._compressed = b""

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
                self._compressed = self._file.read(self._chunk)
                if not self._compressed:
                    if not self._zlib.eof:
                        raise LoadError(
                            f"{self._path} is cut: the compressed data end too early, so nothing of it is stored; "
                            "fetch it again"
                        )
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
                raise LoadError(
                    f"{self._path} is damaged, so nothing of it is stored: {error}; fetch it again"
                ) from error
            self._compressed = self._zlib.unused_data if self._zlib.eof else self._zlib.unconsumed_tail
            if text:
                return text


class _Verified(io.RawIOBase):
    """The text of a gzip file that was read as a whole before, with a digest of each block.

    A block is handed on once it has its digest of then, so what is stored is what was verified, even if somebody
    writes to the file between. Raises `LoadError` if it has another one.
    """

    def __init__(self, path: Path, file: IO[bytes], digests: list[bytes]) -> None:
        file.seek(0)
        self._path = path
        self._file = file
        self._text = _Inflated(path, file, _CHUNK)
        self._digests = iter(digests)
        self._block = io.BytesIO()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        if not (count := self._block.readinto(buffer)):
            self._block = io.BytesIO(self._next_block())
            count = self._block.readinto(buffer)
        return count

    def _next_block(self) -> bytes:
        expected = next(self._digests, None)
        if expected is None:
            self._file.seek(0, os.SEEK_END)
            return b""
        try:
            block = _read_block(self._text)
        except LoadError as error:
            raise self._changed() from error
        if _digest(block) != expected:
            raise self._changed()
        return block

    def _changed(self) -> LoadError:
        return LoadError(f"{self._path} was changed while it was loaded; load it again when it is complete")


def _digests(text: _Inflated) -> list[bytes]:
    """Read the text to its end; of each block a digest."""
    digests = []
    while block := _read_block(text):
        digests.append(_digest(block))
    return digests


def _read_block(text: _Inflated) -> bytes:
    """The next `_BLOCK` bytes; fewer only at the end."""
    block = io.BytesIO()
    while block.tell() < _BLOCK and (part := text.read(_BLOCK - block.tell())):
        block.write(part)
    return block.getvalue()


def _digest(block: bytes) -> bytes:
    return hashlib.blake2b(block, digest_size=_DIGEST).digest()
