"""What all documents share: they are frozen, refuse unknown keys, and read back the JSON that they were kept as."""

from __future__ import annotations

import math
from typing import Annotated, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, JsonValue, ValidationError

from churn.errors import ContractBroken


def _defined(value: object) -> object:
    return None if isinstance(value, float) and not math.isfinite(value) else value


Defined = Annotated[float | None, BeforeValidator(_defined)]  # JSON has neither NaN nor infinity: they become None


class Document(BaseModel):
    """A document, or a part of one. Fields stand in the order in which the JSON shows them."""

    # Deferred: the store is imported by commands that read no document, and building validators takes a while.
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    @classmethod
    def read(cls, values: object, *, where: str) -> Self:
        """Return the document kept as `values`, the plain values of JSON. Raises ContractBroken naming the key."""
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            place = ".".join(str(part) for part in first["loc"]) or "the whole"
            raise ContractBroken(
                f"`{place}` cannot be read: {first['msg']}",
                where=where,
                remedy="Another version of churn may have written it: use that one, or restore a backup.",
            ) from error

    def as_json(self) -> dict[str, JsonValue]:
        """Return the plain values that JSON holds: days and instants as ISO text, tuples as lists."""
        return self.model_dump(mode="json")


class Range(Document):
    """A number and the interval around it."""

    value: float
    low: float
    high: float
