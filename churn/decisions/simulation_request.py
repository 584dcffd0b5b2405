"""What a simulation is asked: its terms, each said once for every door, and how they lie over the settings' economics."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Annotated, Final, Literal, TypeVar, get_args, get_type_hints

from churn.decisions.choices import Mode, ProfitModel
from churn.errors import ConfigError

if TYPE_CHECKING:
    from churn.decisions.profit import Economics

T = TypeVar("T")
SavedInput = str | bool | int | float


@dataclass(frozen=True)
class Term:
    """What the command line, the API, the page and a comparison say of one number of a simulation.

    `unit` is money, a share of 0..1 or a whole count. `most` is the largest value that means anything, `most_served` the
    largest that the service takes. `option` and `field` name the term on the command line and in the page's form,
    `economics` the field of `Economics` that it replaces, if any.
    """

    label: str
    meaning: str
    unit: Literal["money", "share", "count"]
    least: int = 0
    most: int | None = None
    most_served: float = 1e9
    option: str = ""
    field: str = ""
    economics: str = ""
    name: str = ""


def _money(label: str, meaning: str, *, most_served: float = 1e9, economics: str = "") -> Term:
    return Term(label, meaning, "money", most_served=most_served, economics=economics)


def _share(label: str, meaning: str, *, field: str, option: str = "", economics: str = "") -> Term:
    return Term(label, meaning, "share", most=1, most_served=1, option=option, field=field, economics=economics)


@dataclass(frozen=True)
class SimulationTerms:
    """The numbers that a simulation can be asked with; what is None comes from the settings.

    At most one of `threshold`, `budget` and `contacts`. `margin` is a month's margin and `value` the money that a save is
    worth, either the same for every customer; without them each customer's own margin over `months`. `success_rate_low`
    and `_high` are its 5 % and 95 % points; without them those of the settings move with the rate.
    """

    threshold: Annotated[
        float | None, _share("From this risk up", "Everyone at or above this probability.", field="threshold_percent")
    ] = None
    budget: Annotated[
        float | None, _money("Within this budget", "As many as this money pays for.", most_served=1e12)
    ] = None
    contacts: Annotated[int | None, Term("This many", "This many, the likeliest first.", "count")] = None
    contact_cost: Annotated[
        float | None, _money("Cost of a contact", "Money one contact costs.", economics="contact_cost")
    ] = None
    incentive_cost: Annotated[
        float | None, _money("Cost of an incentive", "Money one incentive costs.", economics="incentive_cost")
    ] = None
    success_rate: Annotated[
        float | None,
        _share(
            "Success rate",
            "Share of contacted churners who stay because of it.",
            field="success_percent",
            economics="success_rate",
        ),
    ] = None
    success_rate_low: Annotated[
        float | None,
        _share(
            "At worst",
            "Its 5 % point. Default: moves with the rate.",
            field="success_low_percent",
            option="success-low",
            economics="success_rate_low",
        ),
    ] = None
    success_rate_high: Annotated[
        float | None,
        _share(
            "At best",
            "Its 95 % point. Default: moves with the rate.",
            field="success_high_percent",
            option="success-high",
            economics="success_rate_high",
        ),
    ] = None
    margin: Annotated[float | None, _money("Margin a month", "A month's margin, the same for every customer.")] = None
    value: Annotated[
        float | None,
        _money("Value of a save", "Money a save is worth. Default: each customer's margin over the months."),
    ] = None
    months: Annotated[
        int | None,
        Term(
            "Months counted",
            "Months of margin a save is worth.",
            "count",
            least=1,
            most=600,
            most_served=120,
            economics="value_months",
        ),
    ] = None

    def amounts(self) -> list[tuple[Term, float]]:
        """Return each term that is given, with its amount."""
        return [(term, amount) for term in TERMS if (amount := getattr(self, term.name)) is not None]


def _terms() -> tuple[Term, ...]:
    hints = get_type_hints(SimulationTerms, include_extras=True)
    terms = ((name, get_args(hint)[1]) for name, hint in hints.items())
    return tuple(
        replace(term, name=name, option=term.option or name.replace("_", "-"), field=term.field or name)
        for name, term in terms
    )


TERMS: Final = _terms()
CUTS: Final[tuple[Mode, ...]] = ("threshold", "budget", "contacts")  # at most one of these terms


@dataclass(frozen=True)
class SimulationRequest(SimulationTerms):
    """What to simulate: the terms, how profit is counted, and on whom.

    `campaign` prices by that campaign's file (its rates by cause, harm, costs, values and limits, and what was measured) instead
    of the terms of the settings, as it competes in `programme` where that is named; amounts that are given replace its own.
    `on`: the published scores, whose outcomes are not known yet, or the champion's evaluation set, whose are. `preset`
    names a known campaign that needs neither. `save` keeps the result under a name; `name` only calls it so.
    """

    campaign: str | None = None
    programme: str | None = None
    profit_model: ProfitModel | None = None
    preset: Literal["case-study"] | None = None
    on: Literal["scores", "evaluation"] = "scores"
    allow_uncalibrated: bool = False
    save: str | None = None
    name: str | None = None
    seed: int = 7


def saved_inputs(request: SimulationRequest) -> dict[str, SavedInput]:
    """Return what is given of `request`, by name, as it is saved."""
    values = ((field.name, getattr(request, field.name)) for field in fields(request))
    return {name: value for name, value in values if value is not None}


def request_from(inputs: Mapping[str, SavedInput]) -> SimulationRequest:
    """Return the request that `saved_inputs` was made of; names that no longer mean anything are left out."""
    known = {field.name for field in fields(SimulationRequest)}
    return replace(SimulationRequest(), **{name: value for name, value in inputs.items() if name in known})  # type: ignore[arg-type]  # each of its field's type, as it was saved


def mode_of(request: SimulationTerms) -> tuple[Mode, float | None]:
    """Return how the campaign is chosen and the amount that decides it.

    Raises ConfigError for a request that contradicts itself or holds an amount that is none.
    """
    for term, amount in request.amounts():
        if not math.isfinite(amount):
            raise ConfigError(f"{amount} is not an amount", where=f"--{term.option}", remedy="Give a number.")
    if request.value is not None and (request.months is not None or request.margin is not None):
        raise ConfigError(
            "a value of a save already covers all its months",
            where="--value",
            remedy="Give --value, or --margin and --months.",
        )
    given = [(cut, amount) for cut in CUTS if (amount := getattr(request, cut)) is not None]
    if len(given) > 1:
        names = " and ".join(f"--{mode}" for mode, _ in given)
        raise ConfigError(f"{names} exclude one another", where="churn simulate", remedy="Give one of them.")
    return given[0] if given else ("optimum", None)


def lay_over(base: Economics, request: SimulationRequest) -> Economics:
    """Apply the request to the settings' terms; ends of the success rate's range that are not given scale with it.

    Raises ConfigError for terms out of range.
    """
    rate = _given(request.success_rate, base.success_rate)
    ratio = rate / base.success_rate if base.success_rate > 0 else 1.0
    return replace(
        base,
        profit_model=_given(request.profit_model, base.profit_model),
        contact_cost=_given(request.contact_cost, base.contact_cost),
        incentive_cost=_given(request.incentive_cost, base.incentive_cost),
        success_rate=rate,
        success_rate_low=_given(request.success_rate_low, min(rate, base.success_rate_low * ratio)),
        success_rate_high=_given(request.success_rate_high, max(rate, min(1.0, base.success_rate_high * ratio))),
        value_months=_given(request.months, base.value_months),
        save_value=None if gives_value(request) else base.save_value,
    )


def gives_value(request: SimulationTerms) -> bool:
    """Return whether the request says itself what a save is worth, whatever the settings say."""
    return request.value is not None or request.margin is not None or request.months is not None


def _given(value: T | None, otherwise: T) -> T:
    return otherwise if value is None else value


def value_for_all(request: SimulationTerms, economics: Economics) -> float | None:
    """Return what a save is worth for every customer alike, by `request` or the settings; None where it is each one's own margin."""
    if request.value is not None:
        return request.value
    return economics.save_value if request.margin is None else economics.value_of_save(request.margin)
