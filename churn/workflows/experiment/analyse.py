"""Analyses a finished experiment of any tool: split, effect, money, for whom it does more, what to do; and keeps it."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from churn.campaigns.experiment_words import put_into_words, whole_groups_sentence
from churn.context import Context
from churn.decisions.checks import Bools
from churn.decisions.experiment import sample_ratio_test, sample_ratio_test_of_strata
from churn.decisions.power import minimum_detectable_effect
from churn.decisions.rollout import PolicyWorth, RolloutEstimate, conclude, split_state
from churn.documents.experiment import (
    DoubtfulColumn,
    ExperimentArm,
    ExperimentArms,
    ExperimentDocument,
    ExperimentEffect,
    ExperimentFigures,
    ExperimentGroups,
    ExperimentRanking,
    ExperimentSplit,
    ExperimentValue,
    HarmedByTreatment,
    ImbalancedColumn,
    OpenRange,
    PolicyFigures,
    PolicyName,
    RankedBy,
    RankedTenth,
)
from churn.documents.measurement import EffectInterval
from churn.documents.uplift import UpliftDocument, UpliftOrigin, UsedCustomers
from churn.errors import ModelError, NotEnoughData
from churn.files import write_text
from churn.modeling.uplift.afterwards import known_afterwards
from churn.modeling.uplift.balance import find_imbalances
from churn.modeling.uplift.learners import LEARNERS
from churn.modeling.uplift.policy import POLICY_METHOD, TargetedPolicy, targeted_policy
from churn.modeling.uplift.train import BASES, fit_winner, hold_contest
from churn.modeling.uplift.words import METHOD, UpliftResult, title
from churn.reports.experiment import render_experiment
from churn.views.experiments import DOCUMENT, experiments_folder
from churn.workflows.experiment.compare import ComparedArms, compare_arms, effect_within
from churn.workflows.experiment.file import ExperimentFile, ExperimentRows, read_experiment
from churn.workflows.experiment.unseen import seen_values
from churn.workflows.learn_uplift.keep import keep

if TYPE_CHECKING:
    from churn.decisions.experiment import Effect
    from churn.warehouse import FeatureDoc

_ROW = "row of the file"  # no column of a feature: `read_experiment` keeps names as they are, with no such blank


@dataclass(frozen=True)
class AnalysedExperiment:
    """The document, and the page that shows it."""

    document: ExperimentDocument
    page: Path


@dataclass(frozen=True)
class _LearntEffect:
    """The ranking and the policy; both None where nothing could be learnt, `reason` says why."""

    result: UpliftResult | None = None
    policy: TargetedPolicy | None = None
    judged_on: int = 0
    reason: str | None = None


def analyse_experiment(
    context: Context,
    experiment: ExperimentFile,
    *,
    learners: Sequence[str] | None = None,
    bases: Sequence[str] | None = None,
    language: str | None = None,
) -> AnalysedExperiment:
    """Analyse an experiment in a file, keep the finding and the model of its policy, and write the page.

    The page is in `language`, by default the company's.

    None of `learners` or `bases` stands for all that are tried by themselves. Raises ConfigError for a wrong file, column, language,
    option or name, ContractBroken for rows that cannot be compared, CampaignError where an arm is empty.
    """
    spoken = context.speaking(language)
    began = time.monotonic()
    with context.recorded("experiment", context.today):
        context.progress.step("Reading the experiment", 0.0)
        rows = read_experiment(experiment)
        stayed, treated = rows.frame["is_retained"].to_numpy(), rows.frame["is_treated"].to_numpy()
        n_t, n_c = int(treated.sum()), int((~treated).sum())
        imbalances = _imbalances(rows)
        compared = compare_arms(rows, stayed, treated, imbalances)
        effect, everybody, nobody = compared.effect, compared.everybody, compared.nobody
        split = _split(experiment, treated, compared)
        afterwards = _afterwards(context, rows)
        unusable = {*afterwards, *(column.column for column in imbalances)}
        features = tuple(feature for feature in rows.features if feature.name not in unusable)
        learnt = _LearntEffect()
        if compared.drawn:
            learnt = _LearntEffect(
                reason="whole groups were assigned, and its models take customers as drawn one by one"
            )
        elif compared.strata is not None:
            learnt = _LearntEffect(
                reason="the split was drawn within strata, and its models take customers as split at one share"
            )
        elif split.state != "broken":
            learnt = _learn(context, rows, features, learners, bases)
        some = None if learnt.policy is None else learnt.policy.worth
        doubts = () if compared.strata is not None else _doubts(rows, imbalances, effect, stayed, treated)
        conclusion = conclude(
            split.state, effect, everybody, some, has_money=experiment.value is not None, is_doubtful=bool(doubts)
        )
        version = _free_version(context, experiment.experiment_name)
        uplift_version = _keep_model(context, experiment, learnt)
        policies: list[tuple[PolicyName, PolicyWorth, int]] = [
            ("nobody", nobody, stayed.size),
            ("everybody", everybody, stayed.size),
        ]
        if some is not None:
            policies.append(("some", some, learnt.judged_on))
        is_broken = split.state == "broken"
        figures = ExperimentFigures(
            name=experiment.experiment_name,
            version=version,
            analysed_at=context.clock(),
            file=experiment.file_name,
            currency=context.settings.business.currency,
            unit="outcomes" if experiment.value is None else "money",
            terms=rows.terms,
            counts=rows.counts,
            arms=_arms(rows, treated),
            split=split,
            groups=None
            if rows.group is None or compared.drawn is None
            else ExperimentGroups(
                column=rows.group.name, treated=compared.drawn[0], control=compared.drawn[1], mixed=compared.mixed
            ),
            verdict=conclusion.verdict,
            advice=conclusion.advice,
            effect=None if is_broken else _effect(effect),
            detectable=minimum_detectable_effect(
                effect.churn_holdout, n_t / compared.inflation, n_c / compared.inflation
            ),
            worth=_worth(experiment, rows),
            policies=()
            if is_broken
            else tuple(_policy(name, worth, judged, stayed.size) for name, worth, judged in policies),
            ranking=None if learnt.result is None else _ranking(learnt.result),
            unlearnt=learnt.reason,
            imbalances=imbalances,
            doubts=doubts,
            known_afterwards=afterwards,
            columns=tuple(feature.name for feature in features),
            categories=() if learnt.result is None else seen_values(rows.frame, learnt.result.model.fitted.encoder),
            uplift_version=uplift_version,
            seconds=time.monotonic() - began,
        )
        document = ExperimentDocument.of(figures, put_into_words(figures))
        folder = experiments_folder(context) / document.name / document.version
        folder.mkdir(parents=True, exist_ok=True)
        write_text(folder / DOCUMENT, json.dumps(document.as_json(), indent=1, ensure_ascii=False) + "\n")
    page = context.settings.reports_path / f"experiment-{document.name}.html"
    with spoken:
        write_text(page, render_experiment(document, home=context.settings.home))
    return AnalysedExperiment(document, page)


def _learn(
    context: Context,
    rows: ExperimentRows,
    features: Sequence[FeatureDoc],
    learners: Sequence[str] | None,
    bases: Sequence[str] | None,
) -> _LearntEffect:
    """Learn for whom the treatment does more, and what a policy by it earns on customers it was not chosen by."""
    if not features:
        before = " that can have been known before the contact" if rows.features else ""
        return _LearntEffect(reason=f"the file holds no other column{before}")
    frame = rows.frame.with_row_index(_ROW)
    try:
        contest = hold_contest(
            frame,
            features,
            seed=context.settings.training.seed,
            learners=learners or tuple(LEARNERS),
            bases=bases or BASES,
            progress=context.progress,
        )
    except (NotEnoughData, ModelError) as error:
        return _LearntEffect(reason=error.what)
    used = contest.experiment.frame[_ROW].cast(int).to_numpy()
    policy = targeted_policy(contest, rows.prices.rows(used))
    result = fit_winner(contest, winner=policy.winner, outcome=rows.terms.outcome, progress=context.progress)
    return _LearntEffect(result, policy, used.size)


def _doubts(
    rows: ExperimentRows, imbalances: Sequence[ImbalancedColumn], effect: Effect, stayed: Bools, treated: Bools
) -> tuple[DoubtfulColumn, ...]:
    """Return the columns in which the arms differ and by which a proven effect is none: it may be theirs."""
    if not effect.is_proven:
        return ()
    differing = [imbalance.column for imbalance in imbalances if not imbalance.is_whole]
    within = {column: effect_within(rows, column, stayed, treated) for column in differing}
    return tuple(
        DoubtfulColumn(column=column, within=_interval(inside))
        for column, inside in within.items()
        if not inside.is_proven
    )


def _split(experiment: ExperimentFile, treated: Bools, compared: ComparedArms) -> ExperimentSplit:
    """Return how the split stands to its plan: of customers, of groups where these were drawn, or of each stratum."""
    planned = experiment.planned_share
    share = float(treated.mean())
    if planned is None:
        p_value = None
    elif compared.strata is not None:
        within = [treated[compared.strata == code] for code in np.unique(compared.strata)]
        p_value = sample_ratio_test_of_strata([(int(arm.sum()), int((~arm).sum())) for arm in within], 1.0 - planned)
    else:
        p_value = sample_ratio_test(*(compared.drawn or (int(treated.sum()), int((~treated).sum()))), 1.0 - planned)
    return ExperimentSplit(state=split_state(p_value), p_value=p_value, planned_share=planned, share=share)


def _arms(rows: ExperimentRows, treated: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> ExperimentArms:
    def arm(members: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> ExperimentArm:
        happened = rows.happened[members]
        return ExperimentArm(customers=happened.size, happened=int(happened.sum()), rate=float(happened.mean()))

    return ExperimentArms(treated=arm(treated), control=arm(~treated))


def _effect(effect: Effect) -> ExperimentEffect:
    return ExperimentEffect(
        delta=effect.delta, low=effect.low, high=effect.high, p_value=effect.p_value, confidence=effect.confidence
    )


def _policy(name: PolicyName, worth: PolicyWorth, judged_on: int, customers: int) -> PolicyFigures:
    factor = customers / judged_on
    return PolicyFigures(
        policy=name,
        contacted=round(worth.contacted * factor),
        contacted_share=worth.contacted / judged_on,
        total=_range(worth.total.times(factor)),
        gain=_range(worth.gain.times(factor)),
        gain_per_contact=_range(worth.gain.times(1 / worth.contacted)) if worth.contacted else None,
        over_everybody=_range(worth.over_everybody.times(factor)),
        is_out_of_fold=name == "some",
        judged_on=judged_on,
    )


def _range(estimate: RolloutEstimate) -> OpenRange:
    return OpenRange(value=estimate.value, low=estimate.low, high=estimate.high)


def _worth(experiment: ExperimentFile, rows: ExperimentRows) -> ExperimentValue:
    prices = rows.prices
    return ExperimentValue(
        value=None if experiment.value is None else float(prices.expected_value.mean()),
        cost=None if experiment.cost is None else float(prices.contact_cost.mean()),
        incentive=None if experiment.incentive is None else float(prices.incentive_cost.mean()),
        is_known_before=rows.is_value_known_before,
        not_counted=rows.values_not_counted,
    )


def _interval(effect: Effect) -> EffectInterval:
    return EffectInterval(delta=effect.delta, low=effect.low, high=effect.high)


def _ranking(result: UpliftResult) -> ExperimentRanking:
    best, model = result.best, result.model
    return ExperimentRanking(
        model=title(model.learner, model.base),
        qini=best.interval.qini,
        low=best.low,
        high=best.high,
        beats_chance=best.beats_chance,
        tenths=tuple(
            RankedTenth(
                tenth=tenth.decile,
                customers=tenth.customers,
                predicted=tenth.predicted,
                effect=None if tenth.effect is None else _interval(tenth.effect),
            )
            for tenth in result.deciles
        ),
        groups_looked_at=result.harm.looked_at,
        groups_suspected=result.harm.suspected,
        groups=tuple(
            HarmedByTreatment(
                text=group.rule.text,
                customers=group.customers,
                share=group.share,
                found=_span(group.found),
                confirmed=_span(group.confirmed),
                p_corrected=group.p_value,
            )
            for group in result.harm.groups
        ),
        tried=tuple(RankedBy(title=title(learner, base), qini=qini) for learner, base, qini in result.contenders),
        method=f"{METHOD} {POLICY_METHOD}",
    )


def _span(ends: tuple[float, float, float]) -> EffectInterval:
    delta, low, high = ends
    return EffectInterval(delta=delta, low=low, high=high)


def _imbalances(rows: ExperimentRows) -> tuple[ImbalancedColumn, ...]:
    try:
        imbalances = find_imbalances(
            rows.frame, [feature.name for feature in rows.features], rows.frame["is_treated"].to_numpy()
        )
    except ModelError:  # a column that holds lists tells nothing here either
        return ()
    return tuple(
        ImbalancedColumn(
            column=column.feature,
            p_corrected=column.p_value,
            sentence=whole_groups_sentence(column.feature) if column.is_whole else column.sentence,
            is_whole=column.is_whole,
        )
        for column in imbalances
    )


def _afterwards(context: Context, rows: ExperimentRows) -> tuple[str, ...]:
    training = context.settings.training
    try:
        return known_afterwards(
            rows.frame,
            [feature.name for feature in rows.features],
            rows.happened,
            limit=training.leakage_auc,
            trusted=training.trusted_features,
        )
    except ModelError:  # as above
        return ()


def _keep_model(context: Context, experiment: ExperimentFile, learnt: _LearntEffect) -> str | None:
    """Keep the model where plans of a campaign of this name find it; return its version."""
    if learnt.result is None:
        return None
    origin = UpliftOrigin(
        campaign=experiment.experiment_name,
        learnt_at=context.clock(),
        file=experiment.file_name,
        counts=UsedCustomers(assigned=learnt.judged_on, used=learnt.judged_on),
    )
    _, version = keep(context, learnt.result, UpliftDocument.of(origin, learnt.result.figures()))
    return version


def _free_version(context: Context, name: str) -> str:
    base = f"{context.clock():%Y%m%d-%H%M%S}"
    version, number = base, 2
    while (experiments_folder(context) / name / version).exists():
        version, number = f"{base}-{number}", number + 1
    return version
