"""Drops rows about erased people from deliveries: ids whose salted hash is known are never loaded."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from churn.warehouse.connection import literal

_CELLS = re.compile(r"[\s,;|\t\"'{}\[\]:=]+")


@dataclass(frozen=True)
class Erased:
    """Who was erased, by hash only: SHA-256 of `salt` and id, in hexadecimal."""

    salt: str = ""
    hashes: frozenset[str] = frozenset()

    def kept(self, customer_id: str) -> str:
        """Return the SQL condition that holds for everybody else; `customer_id` is an SQL expression."""
        if not self.hashes:
            return "true"
        listed = ", ".join(literal(digest) for digest in sorted(self.hashes))
        text = f"cast({customer_id} as varchar)"
        # As a table, which is looked up: a list of thousands would be compared with one by one.
        return f"({text} is null or sha256({literal(self.salt)} || {text}) not in (select unnest([{listed}])))"

    def names(self, line: str) -> bool:
        """Say whether a cell of an unreadable line is the id of somebody erased."""
        if not self.hashes:
            return False
        cells = {line.strip(), *_CELLS.split(line)}
        return any(hashlib.sha256(f"{self.salt}{cell}".encode()).hexdigest() in self.hashes for cell in cells)


NOBODY = Erased()
