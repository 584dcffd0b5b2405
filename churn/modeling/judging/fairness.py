"""The part of the model card on fairness: how the chosen model treats age bands and countries, on the test rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from churn.decisions.fairness import FOUR_FIFTHS, GroupTreatment, Share, treatment_by_group
from churn.documents.model_card import FairnessSlice
from churn.wording import in_markdown

if TYPE_CHECKING:
    import polars as pl

    from churn.modeling.encoding.columns import Floats

BY: Final = {"age_band": "Age band", "country": "Country"}
_MOST_GROUPS = 10  # the largest; the rest are shown as one
_OTHER, _UNKNOWN = "all others", "not known"


def fairness_slices(test: pl.DataFrame, probability: Floats, threshold: float | None) -> tuple[FairnessSlice, ...]:
    """Return how groups are treated, for each of age band and country that the test rows have.

    `probability` is (n,) for the rows of `test`; whoever reaches `threshold` counts as contacted (None: nobody).
    """
    if threshold is not None and not math.isfinite(threshold):
        threshold = None
    contacted = np.zeros(test.height) if threshold is None else (probability >= threshold).astype(np.float64)
    churned = test["has_churned"].cast(int).to_numpy()
    slices = []
    for name, title in BY.items():
        if name not in test.columns or test[name].drop_nulls().n_unique() < 2:
            continue
        values = test[name].cast(str).fill_null(_UNKNOWN)
        largest = values.value_counts(sort=True)[name].to_list()[:_MOST_GROUPS]
        groups = treatment_by_group([v if v in largest else _OTHER for v in values], churned, contacted)
        slices.append(
            FairnessSlice(
                by=name,
                title=title,
                groups=tuple(groups),
                is_below=threshold is not None and any(group.verdict == "below" for group in groups),
                sentence=_sentence(title, groups, threshold),
            )
        )
    return tuple(slices)


def fairness_lines(slices: Sequence[FairnessSlice]) -> list[str]:
    """Return the card's section in Markdown; empty where the data name neither age nor country."""
    if not slices:
        return []
    lines = [
        "## Fairness",
        "",
        (
            "On the test rows, at the model's threshold. The ratio is the contact rate over that of the group contacted "
            "most; the four-fifths rule wants 0.8 or more. Ranges are 95 % intervals."
        ),
        "",
    ]
    for part in slices:
        lines += [
            part.sentence,
            "",
            f"| {in_markdown(part.title.lower())} | customers | contacted | recall | false positives | ratio | |",
            "|---|---:|---|---|---|---|---|",
        ]
        for row in part.groups:
            cells = [_share(share) for share in (row.contact_rate, row.recall, row.false_positive_rate)]
            cells.append(_ratio(row))
            group = in_markdown(row.group)
            lines.append(f"| {group} | {row.customers:,} | {' | '.join(cells)} | {row.verdict} |")
        lines.append("")
    return lines


def _sentence(title: str, groups: Sequence[GroupTreatment], threshold: float | None) -> str:
    if threshold is None:
        return f"{title}: nobody is contacted at this model's threshold."
    below = [group.group for group in groups if group.verdict == "below"]
    unclear = [group.group for group in groups if group.verdict == "unclear"]
    best = next((group.group for group in groups if group.verdict == "reference"), None)
    if below:
        return (
            f"{title}: {', '.join(below)} is contacted less than {FOUR_FIFTHS} times as often as {best}. "
            "Look whether those customers leave less, or whether the model knows them less well."
        )
    doubt = f" For {', '.join(unclear)} the test customers are too few to be sure." if unclear else ""
    return f"{title}: no group is reliably below the four-fifths rule.{doubt}"


def _share(share: Share) -> str:
    if share.value is None:
        return "nobody"
    return f"{share.value:.1%} ({share.low:.1%} to {share.high:.1%})"


def _ratio(row: GroupTreatment) -> str:
    ends = row.ratio_interval
    if row.ratio is None or ends is None or row.verdict in {"reference", "too few"}:
        return ""
    return f"{row.ratio:.2f} ({ends[0]:.2f} to {ends[1]:.2f})"
