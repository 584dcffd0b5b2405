"""Finds keys told more than once among hashes of rows: sorting plain numbers takes a fraction of what grouping rows does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


_BITS: Final = 22  # of a hash: a table of so many marks stays in a processor's reach


@dataclass(frozen=True)
class ToldAgain:
    """Places of rows: `alike` say what the first row of their key says; `otherwise` are all rows of the other keys."""

    alike: NDArray[np.int64]
    otherwise: NDArray[np.int64]


def rows_told_again(rows: Mapping[str, NDArray[Any]]) -> ToldAgain:
    """Return what becomes of rows whose key stands in others too; `rows` holds hashes of `key` and `content`, and the `place`.

    A key is told alike if all of its rows have one content, their load being part of it.
    """
    import numpy as np

    key = rows["key"]
    ordered = np.sort(key)
    repeated = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
    is_begun = np.zeros(1 << _BITS, dtype=bool)
    is_begun[repeated >> np.uint64(64 - _BITS)] = True
    near = np.flatnonzero(is_begun[key >> np.uint64(64 - _BITS)])  # nearly all others are out by a look at a table
    group = np.minimum(np.searchsorted(repeated, key[near]), max(repeated.size - 1, 0))
    is_repeated = repeated[group] == key[near]
    chosen, group = near[is_repeated], group[is_repeated]
    content, place = rows["content"][chosen], rows["place"][chosen]
    order = np.lexsort((place, group))
    group, content, place = group[order], content[order], place[order]
    is_next = group[1:] == group[:-1]
    is_other = np.zeros(repeated.size, dtype=bool)
    is_other[group[1:][is_next & (content[1:] != content[:-1])]] = True
    is_alike = np.concatenate(([False], is_next)) & ~is_other[group] if group.size else np.empty(0, dtype=bool)
    return ToldAgain(place[is_alike], place[is_other[group]])
