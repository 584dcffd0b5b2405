"""Which bucket a customer is in: the remainder of XXH64 of the id's bytes, with the seed that Spark's `xxhash64` takes.

It is worked out for all ids of one length at once; ids are few beside the rows that bear them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

HASH: Final = "xxhash64"
_SEED: Final = 42
_P1: Final = 0x9E3779B185EBCA87
_P2: Final = 0xC2B2AE3D27D4EB4F
_P3: Final = 0x165667B19E3779F9
_P4: Final = 0x85EBCA77C2B2AE63
_P5: Final = 0x27D4EB2F165667C5
_STRIPE: Final = 32
_LANE: Final = 8
_HALF: Final = 4


def buckets_of(ids: pl.Series, buckets: int) -> pl.Series:
    """Return the bucket of each id; rows of nobody are in that of the seed itself."""
    import numpy as np
    import polars as pl

    hashes = hashes_of(ids)
    return pl.Series("bucket", np.mod(hashes, buckets).astype(np.int32))


def hashes_of(ids: pl.Series) -> NDArray[np.int64]:
    """Return the hash of each id, with its sign as Spark has it."""
    import numpy as np

    array = ids.cast(str).to_arrow().cast("large_binary")
    offsets = np.frombuffer(array.buffers()[1], dtype=np.int64)[array.offset : array.offset + len(array) + 1]
    held = array.buffers()[2]
    data = np.frombuffer(held, dtype=np.uint8) if held is not None else np.zeros(0, np.uint8)
    lengths = np.diff(offsets)
    hashes = np.full(len(array), _SEED, dtype=np.uint64)
    is_given = ids.is_not_null().to_numpy()
    for length in np.unique(lengths[is_given]):
        rows = np.flatnonzero(is_given & (lengths == length))
        matrix = data[offsets[rows][:, None] + np.arange(length)]
        hashes[rows] = _hash(np.ascontiguousarray(matrix))
    return hashes.view(np.int64)


def _hash(matrix: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """Hash texts of one length, a row each."""
    import numpy as np

    rows, length = matrix.shape
    at = 0
    if length >= _STRIPE:
        lanes = [
            np.full(rows, start % 2**64, np.uint64) for start in (_SEED + _P1 + _P2, _SEED + _P2, _SEED, _SEED - _P1)
        ]
        while at + _STRIPE <= length:
            for number in range(4):
                word = _words(matrix, at + number * _LANE, _LANE)
                lanes[number] = _turned(lanes[number] + word * _u(_P2), 31) * _u(_P1)
            at += _STRIPE
        first, second, third, fourth = lanes
        hashes = _turned(first, 1) + _turned(second, 7) + _turned(third, 12) + _turned(fourth, 18)
        for lane in lanes:
            hashes = (hashes ^ (_turned(lane * _u(_P2), 31) * _u(_P1))) * _u(_P1) + _u(_P4)
    else:
        hashes = np.full(rows, (_SEED + _P5) % 2**64, np.uint64)
    hashes = hashes + _u(length)
    while at + _LANE <= length:
        hashes = hashes ^ (_turned(_words(matrix, at, _LANE) * _u(_P2), 31) * _u(_P1))
        hashes = _turned(hashes, 27) * _u(_P1) + _u(_P4)
        at += _LANE
    if at + _HALF <= length:
        hashes = hashes ^ (_words(matrix, at, _HALF) * _u(_P1))
        hashes = _turned(hashes, 23) * _u(_P2) + _u(_P3)
        at += _HALF
    while at < length:
        hashes = hashes ^ (matrix[:, at].astype(np.uint64) * _u(_P5))
        hashes = _turned(hashes, 11) * _u(_P1)
        at += 1
    hashes = (hashes ^ (hashes >> _u(33))) * _u(_P2)
    hashes = (hashes ^ (hashes >> _u(29))) * _u(_P3)
    return hashes ^ (hashes >> _u(32))


def _words(matrix: NDArray[np.uint8], at: int, width: int) -> NDArray[np.uint64]:
    import numpy as np

    taken = np.ascontiguousarray(matrix[:, at : at + width])
    return taken.view(f"<u{width}")[:, 0].astype(np.uint64)


def _turned(values: NDArray[np.uint64], bits: int) -> NDArray[np.uint64]:
    return (values << _u(bits)) | (values >> _u(64 - bits))


def _u(value: int) -> np.uint64:
    import numpy as np

    return np.uint64(value)
