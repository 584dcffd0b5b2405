"""Terms of an offer that are a number, or SQL over a customer's features that gives each customer a number."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import StringConstraints, Tag

# A column's name or an expression; what it may hold is checked where features are known.
Formula = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=10_000)]
TermName = Literal[
    "contact_cost", "incentive_cost", "success_rate", "value_of_save", "voluntary_modifier", "involuntary_modifier"
]
NUMBER, FORMULA = "number", "formula"
TAGS: Final = frozenset({NUMBER, FORMULA})  # stand in the place that a validation error names; no key of a file
FormulaText = Annotated[Formula, Tag(FORMULA)]


def kind_of(value: object) -> str:
    """Return which of the two `value` is; a text that is a number, as in a variable, is a number."""
    if not isinstance(value, str):
        return NUMBER
    try:
        float(value)
    except ValueError:
        return FORMULA
    return NUMBER
