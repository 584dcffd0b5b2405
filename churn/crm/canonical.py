"""One way of writing a value, so that two states of a record compare and hash alike on every machine and every night."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from datetime import date, datetime

from churn.crm.connector import Value

_TOLERANCE = 0.005  # systems keep two decimals of a number at the least


def canonical(value: Value) -> str | int | bool | None:
    """Return `value` as text, number or truth value: floats to six decimals, instants to the second, "" as None."""
    if value is None or value == "":
        return None
    if isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return f"{round(value, 6) + 0.0:.6f}" if math.isfinite(value) else None  # + 0.0 makes -0.0 plain
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    return value.isoformat() if isinstance(value, date) else value


def as_json(values: Mapping[str, Value]) -> dict[str, str | float | bool | None]:
    """Return values as JSON carries them: instants and dates as ISO 8601, instants with the Z of UTC."""

    def one(value: Value) -> str | float | bool | None:
        if isinstance(value, datetime):
            return f"{value.isoformat(timespec='seconds')}Z"
        return value.isoformat() if isinstance(value, date) else value

    return {name: one(value) for name, value in values.items()}


def payload_hash(values: Mapping[str, Value]) -> str:
    """Return a hash of a record's values: sorted keys, fixed rounding."""
    plain = {name: canonical(value) for name, value in values.items()}
    text = json.dumps(plain, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def differs(ours: Value, theirs: Value) -> bool:
    """Return whether a value read back is not the one written, allowing for how systems keep numbers and instants."""
    one, other = canonical(ours), canonical(theirs)
    if one == other or (one is None and theirs == 0):  # some systems have no empty number
        return False
    if one is None or other is None:
        return True
    if isinstance(ours, datetime):
        return str(one)[:16] != str(other).replace(" ", "T")[:16]
    if isinstance(ours, date):
        return str(one) != str(other)[:10]
    try:
        a, b = float(one), float(other)
    except ValueError:
        return str(one).strip().lower() != str(other).strip().lower()
    return abs(a - b) > _TOLERANCE + 1e-6 * abs(a)
