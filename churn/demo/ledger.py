"""A growing table of columns: the simulation notes events day by day, the tables are cut from it at the end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray


class Ledger:
    """Columns with fixed types, appended in chunks of equal length."""

    def __init__(self, types: Mapping[str, DTypeLike]) -> None:
        self._types = {name: np.dtype(kind) for name, kind in types.items()}
        self._chunks: dict[str, list[NDArray[Any]]] = {name: [] for name in types}
        self.rows = 0

    def add(self, count: int, **columns: Any) -> None:
        """Append `count` rows; a scalar is repeated, every column must be given."""
        if count == 0:
            return
        for name, kind in self._types.items():
            self._chunks[name].append(np.broadcast_to(np.asarray(columns[name], dtype=kind), (count,)))
        self.rows += count

    def columns(self) -> dict[str, NDArray[Any]]:
        """Return each column as one array, in the order in which rows were added."""
        return {
            name: np.concatenate(chunks) if chunks else np.empty(0, dtype=self._types[name])
            for name, chunks in self._chunks.items()
        }

    def drain(self) -> dict[str, NDArray[Any]]:
        """Return the columns and forget them."""
        columns = self.columns()
        self._chunks = {name: [] for name in self._types}
        self.rows = 0
        return columns
