"""Prices a campaign before it runs: who to contact, what it costs, what it brings, how sure that is, what it assumes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from churn.campaigns.economics import economics_from
from churn.campaigns.plan_words import CONSENT_UNKNOWN
from churn.context import Context
from churn.decisions.audit import AuditFinding, audit, audit_case_study, audit_offer, by_severity
from churn.decisions.checks import Bools
from churn.decisions.choices import Mode
from churn.decisions.funnel import Admission, FunnelStep
from churn.decisions.profit import Economics, value_contacts
from churn.decisions.simulation import SimulationResult, simulate, simulate_counts
from churn.decisions.simulation_request import SimulationRequest, lay_over, mode_of, value_for_all
from churn.decisions.threshold import CurvePoint
from churn.documents.definition import CampaignDefinition
from churn.documents.simulation import SimulationDocument
from churn.errors import ConfigError, DataError
from churn.views.champion import no_champion
from churn.views.judgement import Judgement, judge_model
from churn.workflows.plan.rules import (
    ContactRules,
    facts_from_words,
    left_out_by,
    read_history,
    unknown_facts,
)
from churn.workflows.simulate.answer import Answer
from churn.workflows.simulate.document import Origin, build_document
from churn.workflows.simulate.offer import (
    OfferPopulation,
    needs_own_terms,
    offer_of,
    offer_of_settings,
    own_terms,
    price_published,
    simulate_priced,
)

if TYPE_CHECKING:
    import polars as pl
    from numpy.typing import NDArray

    from churn.decisions.calibration import Gate
    from churn.store.records import ScoreRun

CASE_MARGIN = 25.0
CASE_ECONOMICS = Economics(value_months=1)


@dataclass(frozen=True)
class Population:
    """The customers to choose from: arrays of shape (n,); outcomes where they are known.

    `admission` says who of them may be contacted; None for past customers. `caveats` are about what that rests on.

    `has_own_months`: margins hold each customer's own months, see `published_scores`.
    """

    probability: NDArray[np.float64]
    margin: NDArray[np.float64]
    outcome: NDArray[np.bool_] | None
    origin: Origin
    judgement: Judgement
    run_id: str | None = None
    has_own_months: bool = False
    admission: Admission | None = None
    caveats: tuple[AuditFinding, ...] = ()

    @property
    def is_admitted(self) -> Bools:
        """Who may be contacted (n,)."""
        if self.admission is None:
            return np.ones(self.probability.size, dtype=np.bool_)
        return self.admission.is_admitted

    def require_somebody(self) -> None:
        """Raise DataError where nobody may be contacted."""
        if self.probability.size and not self.is_admitted.any():
            raise DataError(
                f"none of {self.probability.size:,} scored customers may be contacted",
                where="[simulation] requires_consent, cooldown_days",
                remedy="`churn plan CAMPAIGN --dry-run` counts the reasons.",
            )

    def funnel(self, economics: Economics, value: float | None, point: CurvePoint) -> tuple[FunnelStep, ...]:
        """Return the steps from all customers to those of `point`; `value` is that of a save where all have one."""
        if self.admission is None:
            return ()
        worth = economics.value_of_save(self.margin) if value is None else value
        return self.admission.funnel(value_contacts(self.probability, worth, economics).profit, point)


def simulate_campaign(context: Context, request: SimulationRequest) -> SimulationDocument:
    """Simulate `request` on the published scores, the evaluation set, or the numbers of a preset; save it if named.

    Raises ConfigError for a request that contradicts itself, DataError when nothing has been published, NotCalibrated
    when the probabilities fail the gate and the request does not allow that.
    """
    mode, amount = mode_of(request)
    if request.preset is not None:
        if request.campaign is not None:
            raise ConfigError(
                "the case study is no campaign of yours", where="--preset", remedy="Leave out one of them."
            )
        document = _case_study(context, request, mode)
    elif request.campaign is not None or request.programme is not None or _is_by_customer(context, request):
        document = _on_offer(context, request, mode, amount)
    else:
        document = _on_population(context, request, mode, amount)
    if request.save:
        with context.open_store() as store:
            store.simulations.save(request.save, request, document, context.clock())
    return document


def _case_study(context: Context, request: SimulationRequest, mode: Mode) -> SimulationDocument:
    if request.preset != "case-study":
        raise ConfigError(f"no preset `{request.preset}`", where="--preset", remedy="There is `case-study`.")
    if mode != "optimum" or request.on != "scores":
        raise ConfigError(
            "the case study is known at its one threshold only", where="--preset", remedy="Leave out where to cut."
        )
    economics = lay_over(CASE_ECONOMICS, request)
    margin = CASE_MARGIN if request.margin is None else request.margin
    value = economics.value_of_save(margin) if request.value is None else request.value
    result = simulate_counts(
        customers=120_000,
        churners=9_600,
        contacts=11_000,
        true_positives=6_800,
        threshold=0.65,
        value=value,
        economics=economics,
        draws=context.settings.simulation.draws,
        seed=request.seed,
    )
    findings = audit_case_study(result, economics, margin=margin, currency="USD")
    origin = Origin(basis="case_study", currency="USD", name=request.name or request.preset)
    return build_document(result, economics, findings, origin, None, is_overridden=False)


def _on_population(
    context: Context, request: SimulationRequest, mode: Mode, amount: float | None
) -> SimulationDocument:
    economics = lay_over(economics_from(context.settings), request)
    if request.on == "evaluation":
        _require_numbers(context, request)
    population = _evaluation_set(context) if request.on == "evaluation" else published_scores(context)
    population.judgement.require(allow_uncalibrated=request.allow_uncalibrated)
    gate = population.judgement.gate
    value = value_for_all(request, economics)
    population.require_somebody()
    who = population.is_admitted
    context.progress.step(f"Simulating {int(who.sum()):,} customers")
    result = simulate(
        population.probability[who],
        None if population.outcome is None else population.outcome[who],
        economics.value_of_save(population.margin[who]) if value is None else value,
        economics,
        mode=mode,
        amount=amount,
        draws=context.settings.simulation.draws,
        seed=request.seed,
        level_error=population.judgement.level_error,
    )
    currency = context.settings.business.currency
    findings = audit(
        result,
        economics,
        currency=currency,
        value_is_given=request.value is not None or economics.save_value is not None,
        has_own_months=population.has_own_months and value is None,
    )
    findings = by_severity([*about_the_data(gate, population.origin, result), *population.caveats, *findings])
    origin = replace(population.origin, currency=currency, name=request.name or request.save)
    return build_document(
        result,
        economics,
        findings,
        origin,
        gate,
        is_overridden=not gate.is_passed,
        funnel=population.funnel(economics, value, result.point),
    )


def _on_offer(context: Context, request: SimulationRequest, mode: Mode, amount: float | None) -> SimulationDocument:
    """Simulate a campaign on its own terms, as its plan would price and choose."""
    definition = asked_offer(context, request)
    population = price_published(context, definition, programme=request.programme, budget=request.budget)
    context.progress.step(f"Simulating {population.frame.height:,} customers")
    return offer_answer(context, population, request, mode, amount).document


def _require_numbers(context: Context, request: SimulationRequest) -> None:
    """Raise ConfigError where a term is SQL: past customers are kept without the features that it reads."""
    names = own_terms(context.settings, request)
    if names:
        options = " ".join(
            "--value AMOUNT" if name == "value_of_save" else f"--{name.replace('_', '-')} AMOUNT" for name in names
        )
        raise ConfigError(
            "past customers are kept without the features that SQL reads",
            where=f"[simulation] {', '.join(names)}",
            remedy=f"Give one number for all: {options}.",
        )


def _is_by_customer(context: Context, request: SimulationRequest) -> bool:
    return request.on == "scores" and needs_own_terms(context.settings, request)


def asked_offer(context: Context, request: SimulationRequest) -> CampaignDefinition:
    """Return the offer that is priced by customer: the campaign's, or that of the settings where none is named."""
    if request.campaign is None and request.programme is None:
        return offer_of_settings(context.settings, request)
    return offer_of(context, request)


def offer_answer(
    context: Context, population: OfferPopulation, request: SimulationRequest, mode: Mode, amount: float | None
) -> Answer:
    """Return what an offer comes to on the customers it was priced for. Raises NotCalibrated, and DataError where it may contact nobody."""
    population.judgement.require(allow_uncalibrated=request.allow_uncalibrated)
    simulated = simulate_priced(population, mode, amount, draws=context.settings.simulation.draws, seed=request.seed)
    gate, economics = population.judgement.gate, population.priced.economics
    audited = audit_offer(
        simulated.result,
        economics,
        currency=context.settings.business.currency,
        is_measured=population.is_measured,
        notes=population.notes,
    )
    about = about_the_data(gate, population.origin, simulated.result)
    findings = by_severity([*about, *population.caveats, *audited])
    origin = replace(population.origin, name=request.name or request.save)
    return Answer(
        request,
        economics,
        simulated.result,
        tuple(findings),
        origin,
        gate,
        population.run_id,
        simulated.funnel,
        simulated.offer,
    )


def about_the_data(gate: Gate, origin: Origin, result: SimulationResult) -> list[AuditFinding]:
    """Return what is to be said of where the customers and their probabilities come from."""
    findings = []
    if not gate.is_passed:
        reasons = "; ".join(gate.reasons)
        sentence = f"The probabilities failed the calibration gate and were used on request: {reasons}."
        findings.append(AuditFinding("uncalibrated", "wrong", sentence, {"slope": gate.slope}))
    if origin.stale_reason:
        sentence = f"The scores are stale: {origin.stale_reason}."
        findings.append(AuditFinding("scores_are_stale", "caution", sentence, {}))
    if result.outcomes == "known":
        sentence = "Priced on past customers whose outcomes are known, not on those who can be contacted now."
        findings.append(AuditFinding("past_customers", "note", sentence, {"customers": float(result.customers)}))
    return findings


def published_scores(context: Context) -> Population:
    """Return the customers of the current list. Raises DataError before the first one."""
    names = ["customer_id", "churn_probability", "monthly_margin", "months_after_save", "contact_facts"]
    with context.open_store() as store:
        page = store.scores.page(limit=None, order=None, columns=names)
    run, frame = page.run, page.frame.sort("customer_id")
    if run is None:
        raise DataError("no scores have been published yet", where="scores", remedy="Run `churn score` first.")
    has_own_months = context.settings.business.value == "survival" and not frame["months_after_save"].null_count()
    admission, caveats = admission_of(context, run, frame)
    return Population(
        probability=frame["churn_probability"].to_numpy(),
        margin=_margin(context, frame) if has_own_months else frame["monthly_margin"].to_numpy(),
        has_own_months=has_own_months,
        outcome=None,
        admission=admission,
        caveats=caveats,
        judgement=judge_model(context, run.model_version),
        origin=Origin(
            basis="scores",
            model_version=run.model_version,
            snapshot_date=run.snapshot_date,
            scored_at=run.scored_at,
            data_cutoff=run.data_cutoff,
            stale_reason=stale_reason(run),
        ),
        run_id=run.run_id,
    )


def _margin(context: Context, frame: pl.DataFrame) -> NDArray[np.float64]:
    """Return the monthly margins that make each save worth its own months.

    Terms count the same months for everybody, so each one's months are laid into the margin: with the months of the settings a
    save is worth margin x own months, and other months scale all of them alike.
    """
    own = frame["monthly_margin"].to_numpy() * frame["months_after_save"].to_numpy()
    return np.asarray(own / economics_from(context.settings).margin_factor)


def admission_of(context: Context, run: ScoreRun, frame: pl.DataFrame) -> tuple[Admission, tuple[AuditFinding, ...]]:
    """Return who of the published customers `frame` may be contacted by the rules of [simulation], and what to say of it."""
    settings, ids = context.settings, frame["customer_id"]
    facts, caveats = facts_from_words(frame), []
    if facts is None:
        facts = unknown_facts(ids)
        words = (
            "These scores were published without what is known of consent, contacts and tickets: only objections, contacts "
            "and campaigns noted since are counted. `churn score` publishes them anew."
        )
        caveats.append(AuditFinding("contact_facts_unknown", "caution", words, {}))
    elif facts.has_agreed is None and settings.simulation.requires_consent:
        caveats.append(AuditFinding("consent_unknown", "note", CONSENT_UNKNOWN, {}))
    history = read_history(context, run.snapshot_date)
    left_out = left_out_by(ContactRules.of_settings(settings), settings, ids, run.snapshot_date, facts, history)
    return Admission.of(left_out, ids.len()), tuple(caveats)


def stale_reason(run: ScoreRun) -> str | None:
    """Return why a run's scores are stale; None where they are not."""
    return (run.stale_reason or "not said why") if run.is_stale else None


def _evaluation_set(context: Context) -> Population:
    with context.open_store() as store:
        champion, known = store.models.champion(), store.models.list()
    if champion is None:
        raise no_champion(known)
    judgement = judge_model(context, champion.version)
    frame = judgement.frame
    dates = frame["snapshot_date"].to_list()
    return Population(
        probability=frame["churn_probability"].to_numpy(),
        margin=frame["monthly_margin"].to_numpy(),
        outcome=frame["has_churned"].to_numpy().astype(bool),
        judgement=judgement,
        origin=Origin(basis="evaluation", model_version=champion.version, snapshot_date=max(dates, default=None)),
    )
