"""Plans campaigns: whom each may contact, whom it pays to contact under the limits, and who is held out to measure it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from churn.campaigns.archive import archived_campaigns, require_in_use
from churn.campaigns.measurement_words import ALARM
from churn.campaigns.programmes import competing, load_programme, programme_files
from churn.campaigns.reading import campaign_files, load_campaign
from churn.context import Context
from churn.documents.definition import CampaignDefinition
from churn.documents.plan import AcceptedAlarm, PlanDocument, PlanInputs
from churn.errors import CampaignError, ConfigError
from churn.store import PlanRecord, ProgrammeRound
from churn.views.offer_evidence import taught_of_offers
from churn.workflows.plan.choose import choose
from churn.workflows.plan.document import PlanningRun, build_document
from churn.workflows.plan.eligibility import gather_facts
from churn.workflows.plan.limits import limits_left, used_by
from churn.workflows.plan.pricing import price_campaigns
from churn.workflows.plan.publish import publish_round, stratum_of
from churn.workflows.plan.request import PlannedCampaigns, PlanRequest
from churn.workflows.plan.round_document import PlannedRound, log_of, round_document
from churn.workflows.plan.rounds import basis_of, open_round, standing_round, switched_off, without
from churn.workflows.plan.scores import read_scores
from churn.workflows.plan.trials import named_by_file, trials_of
from churn.workflows.plan.writing import check_ending, write_assignments

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

    from churn.campaigns.offer_effect import Taught
    from churn.decisions.checks import Floats
    from churn.documents.programme import ProgrammeDefinition
    from churn.documents.programme_round import OfferOnTrial, SwitchedOff
    from churn.workflows.plan.choose import NewAssignments
    from churn.workflows.plan.priced import Priced
    from churn.workflows.plan.scores import ScoreList


def plan_campaigns(context: Context, request: PlanRequest) -> PlannedCampaigns:
    """Plan the campaigns of `request` together, at most one offer per customer, or the next round of a programme.

    A campaign is a programme of one offer without a random slice, whose customers stay as assigned. Raises CampaignError for
    an unknown campaign or programme, one whose harm alarm is open (unless `despite_alarm`), a budget of 0 or an empty audience,
    ConfigError for a wrong definition, DataError before the first scores, QualityBlocked on a stale list, NotCalibrated for
    probabilities that fail the gate.
    """
    if request.out is not None:
        check_ending(request.out)
    competition = _competition(context, request)
    if request.is_dry_run:
        planned = _plan(context, request, competition)
    else:
        with context.recorded("plan_campaign", request.snapshot_date):
            planned = _plan(context, request, competition)
    if request.out is not None:
        path = write_assignments(planned.assignments, planned.document, request.out)
        return replace(planned, document=planned.document.written_to(str(path)))
    return planned


NO_APPROVAL = "no approval is required"


@dataclass(frozen=True)
class _Competition:
    """The campaigns whose offers compete for the same customers, of a programme or by themselves."""

    definitions: Sequence[CampaignDefinition]
    programme: ProgrammeDefinition | None = None


def _competition(context: Context, request: PlanRequest) -> _Competition:
    home = context.settings.home
    programmes = [name for name in request.campaigns if name in programme_files(home)]
    if programmes and len(request.campaigns) > 1:
        raise ConfigError(
            f"`{programmes[0]}` is a programme and is planned by itself",
            where="churn plan",
            remedy=f"Run `churn plan {programmes[0]}`, and plan the others after it.",
        )
    names = request.campaigns or tuple(sorted(campaign_files(home).keys() - archived_campaigns(home).keys()))
    if not names:
        raise CampaignError(
            "there is no campaign", where=str(home / "campaigns"), remedy="Run `churn init` for examples."
        )
    _check_budget(request.budget)
    if not programmes:
        definitions = [load_campaign(home, name) for name in dict.fromkeys(names)]
        for definition in definitions:
            require_in_use(definition)
        return _Competition(definitions)
    programme = load_programme(home, programmes[0])
    require_in_use(programme)
    offers = [competing(programme, load_campaign(home, name)) for name in programme.competing]
    return _Competition(offers, programme)


def _check_budget(budget: Decimal | float | None) -> None:
    if budget is not None and not Decimal(str(budget)).is_finite():
        raise ConfigError(f"{budget} is not an amount of money", where="--budget")
    if budget is not None and budget < 0:
        raise ConfigError(f"{budget} is less than nothing", where="--budget", remedy="Give an amount above 0.")
    if budget == 0:
        raise CampaignError(
            "a budget of 0 contacts nobody", where="--budget", remedy="Give an amount above 0, or leave it out."
        )


def _plan(context: Context, request: PlanRequest, competition: _Competition) -> PlannedCampaigns:
    planned_at = context.clock()
    definitions, programme = competition.definitions, competition.programme
    # A harmful offer of a programme is left out of its round, a harmful campaign is refused.
    alarms = open_harm_alarms(context, definitions, despite_alarm=request.despite_alarm) if programme is None else []
    with context.open_warehouse("churn plan") as warehouse:  # held to the end: plans at once would share customers
        scores = read_scores(
            context,
            warehouse,
            request.snapshot_date,
            allow_stale=request.allow_stale,
            allow_uncalibrated=request.allow_uncalibrated,
        )
        inputs = plan_inputs(context, request, definitions)
        basis = "" if programme is None else basis_of(context, definitions, inputs)
        if programme is not None and (same := standing_round(context, programme, scores, basis)) is not None:
            if same.state == "draft" and not programme.approval.required and not request.is_dry_run:
                same = publish_round(context, same, who=None, note=NO_APPROVAL).round  # it was cut off in between
            return _standing(context, same)
        facts = gather_facts(context, warehouse, definitions, scores, is_round=programme is not None)
        priced = price_campaigns(context, warehouse, definitions, scores, facts, despite_harm=request.despite_alarm)
        opened = None if programme is None else open_round(context, programme, scores.snapshot_date)
        off: list[SwitchedOff] = []
        if opened is not None:
            if not request.despite_alarm:
                off = switched_off(context, opened.programme, priced, is_told=not request.is_dry_run)
            priced = opened.named(without(priced, off))
            inputs = opened.noted(inputs)
            standing: Mapping[str, PlanRecord] = {}
            used = [opened.used[definition.name] for definition in definitions]
            budget = request.budget if request.budget is not None else opened.programme.limits.budget
            taken_by_others = opened.taken_by_others
        else:
            standing = standing_plans(context, definitions, scores, inputs)
            used = [used_by(context, facts.assigned, definition) for definition in definitions]
            budget, taken_by_others = request.budget, 0.0
        named = [offer.definition for offer in priced]
        limits = limits_left(context, named, used, scores.snapshot_date, budget, taken_by_others=taken_by_others)
        context.progress.step("Choosing whom to contact")
        slice_asked = None if opened is None else opened.slice_asked
        choice = choose(priced, used, limits, scores.frame, nobody=bool(standing), slice_asked=slice_asked)
        trials: list[OfferOnTrial] = []
        if opened is not None:
            draw, ids = f"{opened.programme.name} {opened.number}", scores.frame["customer_id"].to_list()
            priced, trials = trials_of(priced, choice.policy, ids, draw)
            if trials:
                choice = choose(priced, used, limits, scores.frame, slice_asked=slice_asked)
        added = _assignments(scores, priced, choice)
        run = PlanningRun(
            request=replace(request, budget=budget),
            planned_at=planned_at,
            scores=scores,
            facts=facts,
            priced=priced,
            used=used,
            choice=choice,
            plan_ids=[
                standing[definition.name].plan_id
                if definition.name in standing
                else _plan_id(definition, scores, planned_at)
                for definition in named
            ],
            alarms=alarms,
            stands_since=min((plan.planned_at for plan in standing.values()), default=None),
        )
        document = build_document(context.settings, run)
        if opened is not None:
            planned = PlannedRound(
                opened,
                run,
                document,
                inputs,
                off,
                named_by_file(trials, opened),
                None if budget is None else float(budget),
                basis,
            )
            return _kept_round(context, planned, _together(run, added))
        if not request.is_dry_run and not standing:
            _save(context, run, added, document, inputs)
    return PlannedCampaigns(document, _together(run, added))


def _kept_round(context: Context, planned: PlannedRound, assignments: pl.DataFrame) -> PlannedCampaigns:
    """Keep a round with its log, unless it is a dry run; without approval its assignments hold at once."""
    result = round_document(context.settings, planned)
    if not planned.run.request.is_dry_run:
        programme = planned.opened.programme
        record = ProgrammeRound(
            programme=programme.name,
            round=planned.opened.number,
            state="draft",
            definition_hash=programme.hash,
            definition=programme,
            learnt=planned.basis,
            planned_at=planned.run.planned_at,
            snapshot_date=planned.run.scores.snapshot_date,
            score_run_id=planned.run.scores.run_id,
            expires_at=result.expires_at,
            decided_at=None,
            decided_by=None,
            note=None,
            result=result,
        )
        context.progress.step("Keeping the probabilities of every arm")
        log = log_of(planned)
        with context.open_store() as store:
            store.programmes.save(record, log)
        if not programme.approval.required:
            publish_round(context, record, who=None, note=NO_APPROVAL)
    return PlannedCampaigns(planned.document, assignments, result)


def _standing(context: Context, same: ProgrammeRound) -> PlannedCampaigns:
    """Return a round that was planned before on the same scores: it stands."""
    import polars as pl

    names = [planned.campaign for planned in same.result.offers]
    with context.open_store() as store:
        frames = [store.assignments.of(name) for name in names]
    document = same.result.plan.model_copy(update={"stands_since": same.planned_at})
    return PlannedCampaigns(document, pl.concat(frames).with_columns(is_new=pl.lit(value=False)), same.result)


def _plan_id(definition: CampaignDefinition, scores: ScoreList, planned_at: datetime) -> str:
    text = f"{definition.hash}|{scores.run_id}|{planned_at.isoformat()}"
    return f"{definition.name}-{scores.snapshot_date:%Y%m%d}-{hashlib.sha256(text.encode()).hexdigest()[:10]}"


def _assignments(scores: ScoreList, priced: Sequence[Priced], choice: NewAssignments) -> list[pl.DataFrame]:
    """Return the newly assigned of each campaign, with what was expected of each customer."""
    import numpy as np
    import polars as pl

    added = []
    for k, campaign in enumerate(priced):
        rows = np.flatnonzero(choice.campaign == k)
        added.append(
            scores.frame[rows].with_columns(
                pl.lit(campaign.definition.name).alias("campaign"),
                *_parts(campaign, rows),
                pl.Series("arm", np.where(choice.is_holdout[rows], "holdout", "treatment"), dtype=pl.String),
                stratum_of(pl.Series(choice.is_random[rows])),
                pl.Series("expected_profit", campaign.profit[rows]),
                pl.Series("expected_uplift", campaign.avoided[rows]),
                pl.Series("value_of_save", campaign.value[rows]),
                _term("contact_cost", campaign.economics.contact_cost, campaign.terms.contact_cost, rows),
                _term("incentive_cost", campaign.economics.incentive_cost, campaign.terms.incentive_cost, rows),
            )
        )
    return added


def _parts(campaign: Priced, rows: NDArray[np.intp]) -> list[pl.Series]:
    """Return what the offer's rates act on, kept with the assignment: its measurement learns the rates from them."""
    import polars as pl

    if campaign.parts is None:
        return []
    names = ("voluntary_part", "involuntary_part")
    return [pl.Series(name, part[rows]) for name, part in zip(names, campaign.parts, strict=True)]


def _term(name: str, number: float, by_customer: Floats | None, rows: NDArray[np.intp]) -> pl.Expr | pl.Series:
    import polars as pl

    return pl.lit(number).alias(name) if by_customer is None else pl.Series(name, by_customer[rows])


def _save(
    context: Context,
    run: PlanningRun,
    added: Sequence[pl.DataFrame],
    document: PlanDocument,
    inputs: Mapping[str, PlanInputs],
) -> None:
    records: list[tuple[PlanRecord, pl.DataFrame]] = []
    for priced, plan_id, rows in zip(run.priced, run.plan_ids, added, strict=True):
        definition = priced.definition
        record = PlanRecord(
            plan_id=plan_id,
            campaign=definition.name,
            definition_hash=definition.hash,
            definition=definition,
            planned_at=run.planned_at,
            snapshot_date=run.scores.snapshot_date,
            score_run_id=run.scores.run_id,
            model_version=run.scores.model_version,
            profit_model=priced.economics.profit_model,
            window_days=inputs[definition.name].window_days,
            inputs=inputs[definition.name],
            result=document,
        )
        records.append((record, rows))
    with context.open_store() as store:
        store.plans.save_all(records)


def _together(run: PlanningRun, added: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Return earlier and new assignments in one frame, treatment first."""
    import polars as pl

    earlier = run.facts.assigned
    plan_ids = {priced.definition.name: plan_id for priced, plan_id in zip(run.priced, run.plan_ids, strict=True)}
    fresh = pl.concat(added).with_columns(
        pl.col("campaign").replace_strict(plan_ids, return_dtype=pl.String).alias("plan_id"),
        pl.lit(run.scores.snapshot_date).alias("snapshot_date"),
        pl.lit(run.planned_at).cast(pl.Datetime("us")).alias("assigned_at"),
    )
    both = [
        earlier.with_columns(is_new=pl.lit(value=False)),
        fresh.select(earlier.columns).with_columns(is_new=pl.lit(value=True)),
    ]
    return pl.concat(both, how="vertical_relaxed").sort(
        ["campaign", "arm", "expected_profit", "customer_id"], descending=[False, True, True, False]
    )


def open_harm_alarms(
    context: Context, definitions: Sequence[CampaignDefinition], *, despite_alarm: bool
) -> list[AcceptedAlarm]:
    """Return the open harm alarms of the campaigns, if they are accepted.

    Raises CampaignError naming the campaigns when there is any and `despite_alarm` is false.
    """
    with context.open_store() as store:
        alarms = [alert for named in definitions for alert in store.alerts.open(kind=ALARM, subject=named.name)]
    if alarms and not despite_alarm:
        names = ", ".join(f"`{alert.subject}`" for alert in alarms)
        others = " Or plan the other campaigns without it." if len(definitions) > len(alarms) else ""
        raise CampaignError(
            f"{names} was measured to drive customers away: {alarms[0].message}",
            where=f"alarm of {alarms[0].raised_at:%Y-%m-%d}",
            remedy=f"Run `churn measure {alarms[0].subject}` and find out why. `churn plan --despite-alarm` plans it knowingly.{others}",
        )
    return [AcceptedAlarm(campaign=alert.subject, message=alert.message, raised_at=alert.raised_at) for alert in alarms]


RECENT = 20  # newest plans of a campaign that are compared; older ones had other scores


def plan_inputs(
    context: Context, request: PlanRequest, definitions: Sequence[CampaignDefinition]
) -> dict[str, PlanInputs]:
    """Return by campaign what the plan depends on besides scores and definition, as kept with it."""
    settings = context.settings
    with context.open_store() as store:
        taught = taught_of_offers(store, [definition.name for definition in definitions])
    names = tuple(sorted(definition.name for definition in definitions))
    return {
        definition.name: PlanInputs(
            campaigns=names,
            budget=None if request.budget is None else float(request.budget),
            despite_alarm=request.despite_alarm,
            learnt=_digest(taught[definition.name]),
            rules=settings.campaigns,
            business=settings.business,
            window_days=definition.window(settings.churn),
            horizon_days=definition.other_horizon(settings.churn),
        )
        for definition in definitions
    }


def _digest(taught: Taught) -> str:
    """Return what tells apart what was taught; nothing where nothing was."""
    if not taught.evidence and taught.recalibration is None:
        return ""
    level = [] if taught.recalibration is None else taught.recalibration.mean.tolist()
    return hashlib.sha256(repr((list(taught.evidence), level)).encode()).hexdigest()[:16]


def standing_plans(
    context: Context,
    definitions: Sequence[CampaignDefinition],
    scores: ScoreList,
    inputs: Mapping[str, PlanInputs],
) -> dict[str, PlanRecord]:
    """Return the earlier plan of each campaign where all of them were planned together just so; else nothing.

    Otherwise planning again would fill up the little that rounding leaves of every limit.
    """
    standing = {}
    with context.open_store() as store:
        for definition in definitions:
            for plan in store.plans.list(definition.name, limit=RECENT):
                is_same = plan.score_run_id == scores.run_id and plan.definition_hash == definition.hash
                if is_same and plan.snapshot_date == scores.snapshot_date and plan.inputs == inputs[definition.name]:
                    standing[definition.name] = plan
                    break
    return standing if len(standing) == len(definitions) else {}
