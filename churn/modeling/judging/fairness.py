"""The part of the model card on fairness: how the chosen model treats age bands and countries, on the test rows."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from churn.decisions.fairness import FOUR_FIFTHS, treatment_by_group

if TYPE_CHECKING:
    import polars as pl

    from churn.modeling.encoding.columns import Floats

BY: Final = {"age_band": "Age band", "country": "Country"}
_MOST_GROUPS = 10  # the largest; the rest are told as one
_OTHER, _UNKNOWN = "all others", "not known"


def fairness_slices(test: pl.DataFrame, probability: Floats, threshold: float | None) -> list[dict[str, Any]]:
    """Return one entry for each of age band and country that the test rows have: title, groups, sentence, is_below.

    `probability` is (n,) for the rows of `test`; whoever reaches `threshold` counts as contacted (None: nobody).
    """
    if threshold is not None and not math.isfinite(threshold):
        threshold = None
    contacted = np.zeros(test.height) if threshold is None else (probability >= threshold).astype(np.float64)
    churned = test["has_churned"].cast(int).to_numpy()
    found = []
    for name, title in BY.items():
        if name not in test.columns or test[name].drop_nulls().n_unique() < 2:
            continue
        groups = test[name].cast(str).fill_null(_UNKNOWN)
        largest = groups.value_counts(sort=True)[name].to_list()[:_MOST_GROUPS]
        told = [one if one in largest else _OTHER for one in groups]
        rows = [asdict(one) for one in treatment_by_group(told, churned, contacted)]
        found.append({"by": name, "title": title, "groups": rows, **_said(title, rows, threshold)})
    return found


def fairness_lines(card: dict[str, Any]) -> list[str]:
    """Return the card's section in Markdown; empty where the data name neither age nor country."""
    slices = card.get("fairness") or []
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
    for found in slices:
        lines += [
            f"{found['sentence']}",
            "",
            f"| {found['title'].lower()} | customers | contacted | recall | false positives | ratio | |",
            "|---|---:|---|---|---|---|---|",
        ]
        for row in found["groups"]:
            cells = [_share(row[key]) for key in ("contact_rate", "recall", "false_positive_rate")]
            cells.append(_ratio(row))
            group = str(row["group"]).replace("|", "/")
            lines.append(f"| {group} | {row['customers']:,} | {' | '.join(cells)} | {row['verdict']} |")
        lines.append("")
    return lines


def _said(title: str, rows: list[dict[str, Any]], threshold: float | None) -> dict[str, Any]:
    if threshold is None:
        return {"is_below": False, "sentence": f"{title}: nobody is contacted at this model's threshold."}
    below = [row["group"] for row in rows if row["verdict"] == "below"]
    unclear = [row["group"] for row in rows if row["verdict"] == "unclear"]
    best = next((row["group"] for row in rows if row["verdict"] == "reference"), None)
    if below:
        names = ", ".join(below)
        return {
            "is_below": True,
            "sentence": f"{title}: {names} is contacted less than {FOUR_FIFTHS} times as often as {best}. "
            "Look whether those customers leave less, or whether the model knows them less well.",
        }
    doubt = f" For {', '.join(unclear)} the test customers are too few to be sure." if unclear else ""
    return {"is_below": False, "sentence": f"{title}: no group is reliably below the four-fifths rule.{doubt}"}


def _share(found: dict[str, Any]) -> str:
    if found["value"] is None:
        return "nobody"
    return f"{found['value']:.1%} ({found['low']:.1%} to {found['high']:.1%})"


def _ratio(row: dict[str, Any]) -> str:
    ends = row["ratio_interval"]
    if row["ratio"] is None or ends is None or row["verdict"] in {"reference", "too few"}:
        return ""
    return f"{row['ratio']:.2f} ({ends[0]:.2f} to {ends[1]:.2f})"
