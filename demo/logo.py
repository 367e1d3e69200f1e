"""The demo company's mark, three rising bars on a rounded square, drawn as a small PNG."""

from __future__ import annotations

import base64
import struct
import zlib

import numpy as np
from numpy.typing import NDArray

SIZE = 72  # pixels; shown at half of it
SMOOTH = 4  # samples a pixel and direction


def logo(background: str, bars: str) -> str:
    """A `data:` URL of the mark in two colours (`#rrggbb`)."""
    samples = (np.arange(SIZE * SMOOTH) + 0.5) / (SIZE * SMOOTH)
    x, y = np.meshgrid(samples, samples)
    shape = _box(x, y, 0.0, 0.0, 1.0, 1.0, 0.24)
    rising = _box(x, y, 0.20, 0.54, 0.34, 0.80, 0.05)
    rising |= _box(x, y, 0.43, 0.38, 0.57, 0.80, 0.05)
    rising |= _box(x, y, 0.66, 0.20, 0.80, 0.80, 0.05)
    colour = np.where(rising[..., None], _rgb(bars), _rgb(background))
    pixels = np.dstack([colour, np.where(shape, 255, 0)])
    pixels = pixels.reshape(SIZE, SMOOTH, SIZE, SMOOTH, 4).mean(axis=(1, 3)).astype(np.uint8)
    return "data:image/png;base64," + base64.b64encode(_png(pixels)).decode()


def _box(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    left: float,
    top: float,
    right: float,
    bottom: float,
    radius: float,
) -> NDArray[np.bool_]:
    dx = np.maximum(np.abs(x - (left + right) / 2) - (right - left) / 2 + radius, 0)
    dy = np.maximum(np.abs(y - (top + bottom) / 2) - (bottom - top) / 2 + radius, 0)
    return np.asarray(np.hypot(dx, dy) <= radius)


def _rgb(colour: str) -> list[int]:
    return list(bytes.fromhex(colour[1:]))


def _png(pixels: NDArray[np.uint8]) -> bytes:
    height, width, _ = pixels.shape
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")
