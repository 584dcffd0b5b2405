"""Writes the model card: what was learnt from which data, how well, why this model, and what to know before trusting it."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Final

from churn.config import SelectionSettings, TrainingSettings
from churn.decisions.calibration import Gate
from churn.decisions.profit import Economics
from churn.documents.candidate_figures import Ends
from churn.documents.model_card import (
    CalibrationVerdict,
    CausesOnCard,
    FairnessSlice,
    LeakageFinding,
    LearntFeature,
    LearntPolicy,
    ModelCard,
    OfferTerms,
    SettingsRecord,
    TuningRecord,
    WithinSegments,
)
from churn.modeling.judging.causes import cause_lines
from churn.modeling.judging.evaluation import ECE_BINS
from churn.modeling.judging.fairness import fairness_lines
from churn.modeling.judging.within import within_lines
from churn.modeling.lifetime.words import lifetime_lines
from churn.modeling.result import CandidateResult, Selection
from churn.modeling.serving.served import ServedModel
from churn.modeling.slices import Slices
from churn.wording import in_markdown

if TYPE_CHECKING:
    from churn.snapshots.dataset import TrainingSet

_LIBRARIES: Final = ("churn", "scikit-learn", "xgboost", "numpy", "polars", "optuna", "skops")


def build_card(
    *,
    data: TrainingSet,
    slices: Slices,
    results: Sequence[CandidateResult],
    chosen: Selection,
    model: ServedModel,
    gate: Gate,
    findings: Sequence[LeakageFinding],
    training: TrainingSettings,
    selection: SelectionSettings,
    economics: Economics,
    cut_short: Sequence[str],
    served_rows: int | None,
    fairness: Sequence[FairnessSlice] = (),
    within: WithinSegments | None = None,
    causes: CausesOnCard | None = None,
    reasons: str | None = None,
) -> ModelCard:
    """Return the card of the chosen candidate, `model`; `gate` is its calibration on the test rows."""
    return ModelCard(
        selected=chosen.name,
        reason=chosen.reason,
        has_signal=chosen.has_signal,
        better_rule=chosen.better_rule,
        served_rows=served_rows,
        reasons=reasons,
        fingerprint=data.fingerprint,
        split=slices.kind,
        split_description=slices.description,
        slices=slices.summary(),
        customers_share=data.share,
        counts={**{name: int(count) for name, count in data.counts.items()}, **slices.counts},
        policy=LearntPolicy(**asdict(data.policy)),
        candidates=tuple(result.figures() for result in results),
        calibration=CalibrationVerdict(
            method=model.calibrator.method,
            is_passed=gate.is_passed,
            slope=gate.slope,
            mean_gap=gate.mean_gap,
            base_rate=gate.base_rate,
            reasons=tuple(gate.reasons),
            ece_bins=ECE_BINS,
        ),
        threshold=model.threshold,
        fairness=tuple(fairness),
        within=within,
        causes=causes,
        economics=OfferTerms(**asdict(economics)),
        leakage_scan=tuple(findings),
        features=tuple(
            LearntFeature(
                name=doc.name,
                group=doc.group,
                description=doc.description,
                is_actionable=doc.is_actionable,
                is_used=doc.name not in model.encoder.unused,
            )
            for doc in model.features
        ),
        excluded_features=tuple(training.exclude_features),
        own_columns=data.own_columns,
        tuning=TuningRecord(minutes=training.tune_minutes, cut_short=tuple(cut_short)),
        settings=SettingsRecord(training=training.model_dump(mode="json"), selection=selection.model_dump(mode="json")),
        seed=training.seed,
        versions={"python": platform.python_version(), **{name: _version(name) for name in _LIBRARIES}},
    )


def card_markdown(card: ModelCard) -> str:
    """Return the card as Markdown, for people."""
    return "\n".join(
        [
            "# Model card",
            "",
            card.reason,
            "",
            *_data_lines(card),
            *_candidate_lines(card),
            *_calibration_lines(card),
            *cause_lines(card.causes),
            *within_lines(card.within),
            *lifetime_lines(card.lifetime),
            *fairness_lines(card.fairness),
            *_feature_lines(card),
            "## How it was made",
            "",
            f"Seed {card.seed}; data fingerprint `{card.fingerprint}`; "
            + ", ".join(f"{name} {number}" for name, number in card.versions.items())
            + ".",
            "",
            _served_line(card),
            *([f"Reasons: {card.reasons}"] if card.reasons else []),
            *_cut_short_lines(card),
            "",
        ]
    )


def _served_line(card: ModelCard) -> str:
    if card.served_rows is None:
        return "The model that serves is the one judged above: it is not fitted again on later rows."
    return (
        f"The model that serves is the chosen candidate fitted again, with the same parameters, on {card.served_rows:,} rows "
        "of all the slices above; the figures are those of models that had not seen the rows they were judged on."
    )


def _data_lines(card: ModelCard) -> list[str]:
    policy, counts = card.policy, card.counts
    lines = [
        "## Data",
        "",
        (
            f"Churn: {policy.definition}, within {policy.horizon_days} days that begin {policy.lead_days} "
            f"days after the snapshot. Split: {card.split_description}"
        ),
        "",
        "| slice | rows | churners | snapshots | from | to |",
        "|---|---:|---:|---:|---|---|",
    ]
    lines += [
        f"| {s.slice} | {s.rows:,} | {s.churners:,} | {s.snapshots} | {s.first_date or ''} | {s.last_date or ''} |"
        for s in card.slices
    ]
    if card.customers_share < 1:
        lines += ["", f"All rows are of {card.customers_share:.1%} of the customers, chosen by a hash of their id."]
    before, trained = counts.get("train_rows_before_sampling", 0), card.slices[0].rows
    if before > trained:
        lines += ["", f"Of {before:,} rows to train on, {trained:,} were kept: stayers were sampled and weigh more."]
    treated, used = counts.get("treated_rows", 0), counts.get("treated_rows_used", 0)
    if treated:
        what = "were kept, for too few others remain" if used else "were left out"
        when = (
            " before their window opened" if "contacted_later_rows" in counts else ""
        )  # else at any time up to its end
        lines += ["", f"{treated:,} rows of customers contacted by a campaign{when} {what}."]
    if later := counts.get("contacted_later_rows", 0):
        why = "only who is still there is contacted, so that the others alone leave too often"
        lines += ["", f"{later:,} rows of customers contacted within their window stay in: {why}."]
    for key, words in (
        ("excluded_in_lead", "churned within the lead time and were left out"),
        ("immature", "have a label window still open"),
    ):
        if counts.get(key):
            lines += ["", f"{counts[key]:,} rows {words}."]
    return [*lines, ""]


def _candidate_lines(card: ModelCard) -> list[str]:
    chosen_on = "selection slice" if card.served_rows is None else "rows that the choice was made on"
    lines = [
        "## Candidates, on the same test rows",
        "",
        (
            "Ranges are 95 % intervals from drawing customers anew. EMPC uses its authors' terms (value 200, incentive "
            f"10, contact 1). Recall, precision and net profit are at the threshold that paid most on the {chosen_on}."
        ),
        "",
        "| candidate | AUC | PR-AUC | recall | precision | F1 | Brier | log loss | ECE | lift, top 10 % | EMPC | net profit | threshold | fit s | rows/s |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---|---:|---:|---:|",
    ]
    for c in card.candidates:
        name = f"**{in_markdown(c.title)}**" if c.name == card.selected else in_markdown(c.title)
        cells = [_spanned(c.auc, c.auc_interval, ".3f")]
        cells += [_figure(v, ".3f") for v in (c.pr_auc, c.recall, c.precision, c.f1, c.brier, c.log_loss, c.ece)]
        # Probabilities that failed the gate are no money.
        profit = _spanned(c.net_profit, c.net_profit_interval, ",.0f") if card.calibration.is_passed else "not shown"
        cells += [_figure(c.lift, ".2f"), _figure(c.empc, ".3f"), profit]
        cells += ["nobody" if c.threshold is None else f"{c.threshold:.3f}"]
        cells += [f"{c.fit_seconds:.1f}", f"{c.rows_per_second:,}"]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return [*lines, ""]


def _figure(value: float | None, form: str) -> str:
    return "undefined" if value is None else format(value, form)


def _spanned(value: float | None, ends: Ends, form: str) -> str:
    return f"{_figure(value, form)} ({_figure(ends[0], form)} to {_figure(ends[1], form)})"


def _calibration_lines(card: ModelCard) -> list[str]:
    verdict = card.calibration
    fitted = (
        "on the calibration and selection slices (the threshold was chosen on the latter with a curve that had not seen it)"
        if card.served_rows is None
        else "on rows that the model had not learnt from; the threshold was chosen on them with curves fitted on others of them"
    )
    slope, gap = _figure(verdict.slope, ".2f"), _figure(verdict.mean_gap, "+.1%")
    gate = (
        "The gate is passed: its probabilities may be turned into money."
        if verdict.is_passed
        else f"The gate is not passed ({'; '.join(verdict.reasons)}): money answers are refused."
    )
    return [
        "## Calibration",
        "",
        (
            f"{verdict.method}, fitted {fitted}. On the test rows the slope is {slope} and the mean probability is {gap} "
            f"off the base rate of {verdict.base_rate:.2%}. {gate} ECE uses {verdict.ece_bins} bins of equal mass."
        ),
        "",
    ]


def _feature_lines(card: ModelCard) -> list[str]:
    strongest = ", ".join(f"{in_markdown(finding.feature)} ({finding.auc:.3f})" for finding in card.leakage_scan)
    lines = [
        "## Features",
        "",
        f"The leakage scan found none that knows the outcome; the strongest alone, by AUC: {strongest}.",
        "",
        "| feature | group | meaning | can be acted on |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| {in_markdown(f.name)} | {f.group} | {in_markdown(f.description)} | {'yes' if f.is_actionable else ''} |"
        for f in card.features
        if f.is_used
    ]
    unused = [in_markdown(f.name) for f in card.features if not f.is_used]
    if unused:
        lines += ["", f"Not used, for they are the same for everyone or never known: {', '.join(unused)}."]
    lines += _own_column_lines(card)
    if card.excluded_features:
        lines += ["", f"Excluded by the settings: {', '.join(map(in_markdown, card.excluded_features))}."]
    return [*lines, ""]


def _own_column_lines(card: ModelCard) -> list[str]:
    left_out = [column for column in card.own_columns if not column.is_used]
    if not left_out:
        return []
    lines = ["", "Columns of the sources that the model did not learn from:", ""]
    return lines + [
        f"- {column.source}.{in_markdown(column.column)}: {in_markdown(column.words)}." for column in left_out
    ]


def _cut_short_lines(card: ModelCard) -> list[str]:
    names = card.tuning.cut_short
    if not names:
        return []
    return ["", f"The clock ended the tuning of {', '.join(names)} early: on a faster machine the result may differ."]


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
