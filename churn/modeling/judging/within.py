"""The part of the model card on segments: how well the model ranks within each, beside its headline over all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from churn.documents.model_card import SegmentRanking, WithinSegments
from churn.modeling.encoding.columns import Floats, categories
from churn.modeling.judging.ranking import area_under_roc
from churn.wording import in_markdown

if TYPE_CHECKING:
    import polars as pl

MOST_SEGMENTS: Final = 5  # the largest
LEAST: Final = 20  # churners and stayers of a segment, before its AUC says anything
_NEARLY: Final = 0.03  # AUC of the segment alone so near to the headline ...
_LESS: Final = 0.05  # ... and ranking within segments so far below it: the headline is the segment's doing


def within_segments(
    test: pl.DataFrame, probability: Floats, feature: str, *, headline: float, alone: float
) -> WithinSegments | None:
    """Return the ranking of `probability` (n,) within the largest values of `feature`, on the rows of `test` (n,).

    `headline` is the AUC over all rows, `alone` that of the churn rate by `feature`. Intervals are 95 %, by Hanley and
    McNeil (1982). None where no segment has 20 churners and 20 stayers.
    """
    values = categories(test, feature).to_numpy().astype(str)
    y = test["has_churned"].cast(float).to_numpy()
    names, sizes = np.unique(values, return_counts=True)
    segments = []
    for name in names[np.argsort(-sizes, kind="stable")][:MOST_SEGMENTS]:
        held = values == name
        churners = int(y[held].sum())
        stayers = int(held.sum()) - churners
        if min(churners, stayers) < LEAST:
            continue
        auc = area_under_roc(probability[held], y[held])
        spread = 1.96 * _standard_error(auc, churners, stayers)
        segments.append(
            SegmentRanking(
                segment=str(name),
                rows=int(held.sum()),
                churners=churners,
                auc=auc,
                auc_interval=(max(auc - spread, 0.0), min(auc + spread, 1.0)),
            )
        )
    if not segments:
        return None
    weight = np.array([segment.churners for segment in segments], dtype=np.float64)
    inside = float(np.average([segment.auc for segment in segments], weights=weight))
    is_segments_doing = headline - alone <= _NEARLY and headline - inside >= _LESS
    return WithinSegments(
        feature=feature,
        segments=tuple(segments),
        headline=headline,
        alone=alone,
        within=inside,
        is_segments_doing=is_segments_doing,
        sentence=_sentence(feature, headline, alone, inside, is_segments_doing=is_segments_doing),
    )


def within_lines(within: WithinSegments | None) -> list[str]:
    """Return the card's section in Markdown; empty where no segment could be judged."""
    if within is None:
        return []
    return [
        "## Within segments",
        "",
        within.sentence,
        "",
        f"| {in_markdown(within.feature)} | rows | churners | AUC |",
        "|---|---:|---:|---|",
        *(
            f"| {in_markdown(segment.segment)} | {segment.rows:,} | {segment.churners:,} | {segment.auc:.3f} "
            f"({segment.auc_interval[0]:.3f} to {segment.auc_interval[1]:.3f}) |"
            for segment in within.segments
        ),
        "",
    ]


def _standard_error(auc: float, churners: int, stayers: int) -> float:
    pairs_of_stayers, pairs_of_churners = auc / (2.0 - auc), 2.0 * auc**2 / (1.0 + auc)
    variance = (
        auc * (1.0 - auc) + (churners - 1) * (pairs_of_stayers - auc**2) + (stayers - 1) * (pairs_of_churners - auc**2)
    ) / (churners * stayers)
    return float(np.sqrt(max(variance, 0.0)))


def _sentence(feature: str, headline: float, alone: float, inside: float, *, is_segments_doing: bool) -> str:
    figures = (
        f"the AUC over all customers is {headline:.3f}, the churn rate by `{feature}` alone has {alone:.3f}, and within "
        f"its values the model has {inside:.3f} on average"
    )
    if is_segments_doing:
        return f"Most of the headline is the doing of `{feature}`: {figures}. It says little about who leaves among equals."
    return f"It tells people of the same `{feature}` apart: {figures}."
