"""Prices a campaign's offer on its own terms for the published customers, and chooses as a plan of it would.

The same functions as a plan's: `price_offer` for the money, `choose` for whom. What a plan reads from the warehouse (SQL terms,
the audience's filter, consent, contacts) is read as it was published with the scores.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Final

import numpy as np

from churn.campaigns.customer_list import on_list
from churn.campaigns.offer_effect import NOTHING_TAUGHT, believed_rates
from churn.campaigns.programmes import competing, load_programme
from churn.campaigns.reading import load_campaign
from churn.config import Settings
from churn.config.formulas import TermName
from churn.context import Context
from churn.decisions.audit import AuditFinding
from churn.decisions.checks import Bools
from churn.decisions.choices import Mode
from churn.decisions.funnel import Admission, FunnelStep
from churn.decisions.offer_simulation import simulate_offer
from churn.decisions.simulation import SimulationResult
from churn.decisions.simulation_request import SimulationRequest, gives_value
from churn.documents.definition import Audience, CampaignDefinition, Crm, Holdout, Limits, Offer
from churn.documents.simulation import SimulatedOffer
from churn.errors import ConfigError, DataError
from churn.views.formula_values import FormulaValues
from churn.views.judgement import Judgement, judge_model
from churn.views.offer_evidence import taught_of_offers
from churn.views.serving_files import FEATURES, run_path
from churn.workflows.learn_uplift import latest_learning
from churn.workflows.plan.causes import involuntary_churn
from churn.workflows.plan.choose import choose
from churn.workflows.plan.limits import RemainingLimits, Used, limits_left, used_by
from churn.workflows.plan.priced import Priced
from churn.workflows.plan.pricing import OfferKnowledge, price_offer, pricing_notes
from churn.workflows.plan.rules import ContactRules, facts_from_words, left_out_by, read_history, unknown_facts
from churn.workflows.plan.scores import COLUMNS
from churn.workflows.simulate.document import Origin

if TYPE_CHECKING:
    import polars as pl

    from churn.store import ScoreRun
    from churn.workflows.learn_uplift import LoadedUplift

_OF_THE_FILE: Final = ("margin", "months", "profit_model")  # what a campaign's own file and the settings decide
_SETTINGS: Final = ""  # the name of the settings' own offer: no campaign's
_RATES: Final = ("success_rate", "success_rate_low", "success_rate_high")


@dataclass(frozen=True)
class OfferPopulation:
    """The published customers as an offer prices them (n,), and whom it may contact."""

    definition: CampaignDefinition
    programme: str | None
    frame: pl.DataFrame
    priced: Priced
    admission: Admission
    used: Used
    limits: RemainingLimits
    caveats: tuple[AuditFinding, ...]
    judgement: Judgement
    origin: Origin
    run_id: str

    @property
    def notes(self) -> list[str]:
        """What must be said of the offer's terms."""
        return pricing_notes([self.priced])

    @property
    def is_measured(self) -> bool:
        """Whether what the offer does was measured, not only stated in its file."""
        effect = self.priced.effect
        return self.priced.is_measured or (effect is not None and effect.belief.measured > 0)


@dataclass(frozen=True)
class SimulatedCampaign:
    """What simulating an offer came to: the result, whom it leaves out, and the offer as it was priced."""

    result: SimulationResult
    funnel: tuple[FunnelStep, ...]
    offer: SimulatedOffer


def offer_of(context: Context, request: SimulationRequest) -> CampaignDefinition:
    """Return the campaign of `request` as its file has it, with the amounts that the request gives in the place of its own.

    Raises ConfigError for a term that the file decides, CampaignError for an unknown campaign or programme.
    """
    if request.campaign is None:
        raise ConfigError(
            "a programme has several offers", where="programme", remedy="Name the campaign of one of them."
        )
    for name in _OF_THE_FILE:
        if getattr(request, name) is not None:
            raise ConfigError(
                f"`{name}` cannot be given for a campaign, whose file and [business] decide it",
                where=name,
                remedy="Leave it out, or leave the campaign out.",
            )
    if request.on != "scores" or request.preset is not None:
        raise ConfigError(
            "a campaign is simulated on the published scores", where="campaign", remedy="Leave the other out."
        )
    definition = load_campaign(context.settings.home, request.campaign)
    if request.programme is not None:
        programme = load_programme(context.settings.home, request.programme)
        if definition.name not in programme.competing:
            raise ConfigError(
                f"`{definition.name}` is no offer of `{programme.name}`",
                where="campaign",
                remedy=f"Its offers are {', '.join(programme.competing)}.",
            )
        definition = competing(programme, definition)
    return with_amounts(definition, request)


def offer_of_settings(settings: Settings, request: SimulationRequest) -> CampaignDefinition:
    """Return the terms of [simulation] as an offer to everybody: for where some of them are SQL over features.

    Raises ConfigError for a term that the settings decide.
    """
    for name in _OF_THE_FILE:
        if getattr(request, name) is not None:
            raise ConfigError(
                f"`{name}` cannot be given where [simulation] holds SQL",
                where=name,
                remedy="Leave it out, or give the terms that are SQL as numbers.",
            )
    terms = settings.simulation
    definition = CampaignDefinition(
        name=_SETTINGS,
        title="the settings, [simulation]",
        owner=None,
        description=None,
        window_days=None,
        audience=Audience(requires_consent=terms.requires_consent, skip_open_tickets=terms.skip_open_tickets),
        offer=Offer(
            contact_cost=_amount(terms.contact_cost),
            incentive_cost=_amount(terms.incentive_cost),
            success_rate_low=terms.success_rate_low,
            success_rate_expected=terms.success_rate,
            success_rate_high=terms.success_rate_high,
            value_of_save=None if terms.value_of_save is None else _amount(terms.value_of_save),
            profit_model=terms.profit_model,
        ),
        limits=Limits(cooldown_days=terms.cooldown_days),
        holdout=Holdout(share=0.0),
        crm=Crm(),
    )
    return with_amounts(definition, request)


def _amount(term: float | str) -> Decimal | str:
    return term if isinstance(term, str) else Decimal(str(term))


def needs_own_terms(settings: Settings, request: SimulationRequest) -> bool:
    """Return whether a term of [simulation] that the request leaves as it is differs by customer."""
    return bool(own_terms(settings, request))


def own_terms(settings: Settings, request: SimulationRequest) -> list[TermName]:
    """Return the terms of [simulation] that are SQL over features and that the request leaves as they are."""
    return [
        name
        for name in settings.simulation.formulas
        if not (gives_value(request) if name == "value_of_save" else getattr(request, name) is not None)
    ]


def with_amounts(definition: CampaignDefinition, request: SimulationRequest) -> CampaignDefinition:
    """Return the definition with the request's costs, value, rates and number of contacts.

    Raises ConfigError for a single success rate where the offer acts by cause, and for rates that do not rise.
    """
    offer = definition.offer
    amounts: dict[str, Decimal | float] = {
        ours: Decimal(str(amount))
        for ours, amount in (
            ("contact_cost", request.contact_cost),
            ("incentive_cost", request.incentive_cost),
            ("value_of_save", request.value),
        )
        if amount is not None
    }
    rates = {name: getattr(request, name) for name in _RATES if getattr(request, name) is not None}
    if rates and offer.success is not None:
        raise ConfigError(
            f"`{definition.name}` states its success by cause",
            where="success_rate",
            remedy="Change [offer.success] in its file, or leave the success rate out.",
        )
    if rates:
        amounts |= _range_of(definition, request)
    limits = definition.limits
    if request.contacts is not None:
        limits = limits.model_copy(update={"contacts": request.contacts, "budget": None})
    return definition.model_copy(update={"offer": offer.model_copy(update=amounts), "limits": limits})


def _range_of(definition: CampaignDefinition, request: SimulationRequest) -> dict[str, float]:
    offer, expected = definition.offer, definition.offer.success_rate_expected
    known = offer.success_rate_low if isinstance(expected, str) else expected
    rate = known if request.success_rate is None else request.success_rate
    low = min(rate, offer.success_rate_low) if request.success_rate_low is None else request.success_rate_low
    high = max(rate, offer.success_rate_high) if request.success_rate_high is None else request.success_rate_high
    if not low <= rate <= high:
        raise ConfigError(
            f"{low} <= {rate} <= {high} does not hold", where="success_rate", remedy="Give low <= expected <= high."
        )
    return {"success_rate_low": low, "success_rate_expected": rate, "success_rate_high": high}


def price_published(
    context: Context, definition: CampaignDefinition, *, programme: str | None = None, budget: float | None = None
) -> OfferPopulation:
    """Return the current list as the offer of `definition` prices it, and whom it may contact.

    Raises DataError before the first list, and where SQL of the campaign is newer than the list.
    """
    with context.open_store() as store:
        page = store.scores.page(limit=None, order=None, columns=[*COLUMNS, "contact_facts"])
        is_settings = definition.name == _SETTINGS
        taught = NOTHING_TAUGHT if is_settings else taught_of_offers(store, [definition.name])[definition.name]
        assigned = store.assignments.of(definition.name if programme is None else "")
    run, frame = page.run, page.frame.sort("customer_id")
    if run is None:
        raise DataError("no scores have been published yet", where="scores", remedy="Run `churn score` first.")
    ids = frame["customer_id"].to_list()
    values = FormulaValues.read(context.settings.home, run.run_id)
    terms = values.terms(definition.offer.formulas, ids)
    if terms is None:
        raise _newer_than_the_list(definition, "a term", run)
    learning = None if is_settings else latest_learning(context, definition.name)
    left_out, caveats = _left_out(context, definition, frame, run, values, programme)
    left_out["assigned_before"] = np.asarray(frame["customer_id"].is_in(assigned["customer_id"].implode()).to_numpy())
    knowledge = OfferKnowledge(
        terms,
        involuntary_churn(context, frame, run.model_version) if definition.offer.success is not None else None,
        taught,
        learning,
        _features(context, definition, learning, frame, run),
    )
    priced = price_offer(definition, context.settings.business, frame, left_out, knowledge)
    used = Used({}, 0.0) if is_settings else used_by(context, assigned, definition)
    return OfferPopulation(
        definition=definition,
        programme=programme,
        frame=frame,
        priced=priced,
        admission=Admission.of(priced.left_out, frame.height),
        used=used,
        limits=limits_left(context, [definition], [used], run.snapshot_date, budget),
        caveats=caveats,
        judgement=judge_model(context, run.model_version),
        origin=Origin(
            basis="scores",
            currency=context.settings.business.currency,
            model_version=run.model_version,
            snapshot_date=run.snapshot_date,
            scored_at=run.scored_at,
            data_cutoff=run.data_cutoff,
            stale_reason=(run.stale_reason or "not said why") if run.is_stale else None,
        ),
        run_id=run.run_id,
    )


def _left_out(
    context: Context,
    definition: CampaignDefinition,
    frame: pl.DataFrame,
    run: ScoreRun,
    values: FormulaValues,
    programme: str | None,
) -> tuple[dict[str, Bools], tuple[AuditFinding, ...]]:
    """Return by rule whom the campaign would leave out (n,), as its plan does, and what to say of what that rests on."""
    ids, p, audience = frame["customer_id"], frame["churn_probability"].to_numpy(), definition.audience
    inside = frame["risk_band"].is_in(list(audience.bands)).to_numpy()
    inside = inside & (p >= audience.min_probability) & (p <= audience.max_probability)
    if audience.filter is not None:
        meets = values.meets(audience.filter, ids.to_list())
        if meets is None:
            raise _newer_than_the_list(definition, "the audience's filter", run)
        inside = inside & (meets == 1.0)
    if audience.customer_list is not None:
        inside = inside & on_list(context.settings.home, audience.customer_list, ids)
    facts, caveats = facts_from_words(frame), []
    if facts is None:
        facts = unknown_facts(ids)
        words = "These scores were published without what is known of consent, contacts and tickets: scoring publishes them anew."
        caveats.append(AuditFinding("contact_facts_unknown", "caution", words, {}))
    rules = replace(ContactRules.of(definition), campaign=definition.name if programme is None else None)
    history = read_history(context, run.snapshot_date)
    left_out = left_out_by(rules, context.settings, ids, run.snapshot_date, facts, history)
    return {"not_in_audience": ~inside, **left_out}, tuple(caveats)


def _newer_than_the_list(definition: CampaignDefinition, what: str, run: ScoreRun) -> DataError:
    return DataError(
        f"{what} of `{definition.name or '[simulation]'}` is SQL that was not evaluated for the list of {run.snapshot_date}",
        where=f"campaigns/{definition.name}.toml" if definition.name else "[simulation]",
        remedy="Score again with `churn score`, or ask `churn plan` with --dry-run, which evaluates it now.",
    )


def _features(
    context: Context, definition: CampaignDefinition, learning: LoadedUplift | None, frame: pl.DataFrame, run: ScoreRun
) -> pl.DataFrame | None:
    """Return the features that a learnt uplift reads, of the customers of `frame`; None where nothing was learnt."""
    import polars as pl

    if learning is None:
        return None
    path, wanted = run_path(context.settings.home, run.run_id) / FEATURES, list(learning.feature_names)
    known = pl.read_parquet_schema(path) if path.is_file() else {}
    if any(name not in known for name in wanted):
        raise DataError(
            f"`{definition.name}` has a learnt uplift over features that are not published with the list",
            where=f"list of {run.snapshot_date}",
            remedy="Ask `churn plan` with --dry-run, which reads them from the warehouse.",
        )
    features = pl.read_parquet(path, columns=["customer_id", *wanted])
    return frame.select("customer_id").join(features, on="customer_id", how="left", maintain_order="left")


def simulate_priced(
    population: OfferPopulation, mode: Mode, amount: float | None, *, draws: int, seed: int
) -> SimulatedCampaign:
    """Return what contacting whom a plan would choose comes to; by a threshold everybody from it up who may be contacted.

    Raises DataError where nobody may be contacted.
    """
    priced, who = population.priced, population.admission.is_admitted
    if not who.any():
        raise DataError(
            f"none of {who.size:,} scored customers may be contacted by `{population.definition.name}`",
            where="[audience], [limits]",
            remedy="`churn plan CAMPAIGN --dry-run` counts the reasons.",
        )
    held_out, probability = 0, priced.probability
    if mode == "threshold":
        chosen = who & (probability >= float(amount or 0.0))
    elif amount == 0:
        chosen = np.zeros(who.size, dtype=np.bool_)
    else:
        choice = choose([priced], [population.used], population.limits, population.frame)
        chosen, held_out = np.zeros(who.size, dtype=np.bool_), choice.held_out(0).size
        chosen[choice.treated(0)] = True
    off = priced.level_error(population.frame, chosen, population.judgement.level_error)
    result = simulate_offer(priced.customers(who), chosen[who], mode=mode, draws=draws, seed=seed, level_error=off)
    least = float(population.definition.limits.min_expected_profit)
    return SimulatedCampaign(
        result,
        population.admission.funnel(priced.profit, result.point, least=least, held_out=held_out),
        SimulatedOffer(
            campaign=population.definition.name or None,
            programme=population.programme,
            title=population.definition.title,
            rates=() if priced.effect is None else believed_rates(priced.effect.belief),
            terms_by_customer=tuple(population.definition.offer.formulas),
            held_out=held_out,
        ),
    )
