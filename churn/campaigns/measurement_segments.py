"""Looks inside a measured campaign: segments, as exploration only; and whether model, campaign, or both did the work."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Final

import polars as pl

from churn.decisions.experiment import Effect, holm, newcombe, stratified_effect

DIMENSIONS: Final = ("risk_band", "plan", "stratum")
LEAST: Final = 10  # customers in either arm: below that a segment's interval says nothing
NOTABLE: Final = 0.05


def segments(known: pl.DataFrame, confidence: float) -> list[dict[str, Any]]:
    """Return the effect in every segment that has enough of both arms, with p-values corrected for being several.

    `known`: arm, split, has_churned, risk_band, plan, stratum. Several looks find something by chance: these are questions
    for the next campaign, never its verdict. Correction: Holm, over all segments of all dimensions.
    """
    found: list[dict[str, Any]] = []
    seen: set[frozenset[tuple[int, ...]]] = set()
    for dimension in DIMENSIONS:
        rows = []
        parts = known.with_row_index("row").filter(pl.col(dimension).is_not_null())
        groups = [(str(name), part) for (name,), part in parts.group_by([dimension], maintain_order=True)]
        shape = frozenset(tuple(part["row"].to_list()) for _, part in groups)
        if len(groups) < 2 or shape in seen:
            continue  # one segment is the whole, and two names for the same split say the same twice
        seen.add(shape)
        for name, part in sorted(groups, key=lambda group: group[0]):
            effect = _effect(part, confidence)
            if effect is not None:
                rows.append({"dimension": dimension, "segment": name, **_told(effect)})
        if len(rows) > 1:  # one alone has nothing to be compared with
            found += rows
    corrected = holm([row["p_value"] for row in found])
    return [
        {**row, "p_corrected": float(p), "is_notable": bool(p < NOTABLE)}
        for row, p in zip(found, corrected, strict=True)
    ]


def two_by_two(known: pl.DataFrame, confidence: float) -> dict[str, Any] | None:
    """Return churn of the riskier and the safer half, treated and held out; None where a cell is empty.

    Down a column stands the model's work: do those it calls riskier leave more, within the same arm? Across a row stands
    the campaign's: do those contacted leave less, within the same half? It can fail by either, and is mended differently.
    """
    cut = known["churn_probability"].median()
    is_high = known["churn_probability"] >= cut
    halves = {"high": known.filter(is_high), "low": known.filter(~is_high)}
    effects = {half: _effect(rows, confidence, least=1) for half, rows in halves.items()}
    if effects["high"] is None or effects["low"] is None:
        return None
    # Risk against leaving, within each arm, so that contact cannot pass for risk. The safer half stands for "treated".
    ranking = stratified_effect(
        known["has_churned"].to_numpy(), ~is_high.to_numpy(), known["arm"].to_numpy().astype(str), confidence
    )
    return {
        "cut": cut,
        "cells": [
            {
                "risk": half,
                "arm": arm,
                "customers": rows.filter(arm=arm).height,
                "churned": int(rows.filter(arm=arm)["has_churned"].sum()),
                "churn_rate": float(rows.filter(arm=arm)["has_churned"].mean()),  # type: ignore[arg-type]  # of booleans
            }
            for half, rows in halves.items()
            for arm in ("treatment", "holdout")
        ],
        "model": _told(ranking),
        "campaign_high": _told(effects["high"]),
        "campaign_low": _told(effects["low"]),
    }


def _effect(rows: pl.DataFrame, confidence: float, least: int = LEAST) -> Effect | None:
    arms = [rows.filter(arm=arm)["has_churned"] for arm in ("treatment", "holdout")]
    if min(arm.len() for arm in arms) < least:
        return None
    if rows["split"].n_unique() > 1:
        churned, is_treated = rows["has_churned"].to_numpy(), (rows["arm"] == "treatment").to_numpy()
        return stratified_effect(churned, is_treated, rows["split"].to_numpy().astype(str), confidence)
    treated, held_out = arms
    return newcombe(int(treated.sum()), treated.len(), int(held_out.sum()), held_out.len(), confidence)


def _told(effect: Effect) -> dict[str, Any]:
    kept = ("delta", "low", "high", "p_value", "churn_treatment", "churn_holdout", "treatment", "holdout")
    values = asdict(effect)
    return {name: values[name] for name in kept} | {"is_proven": effect.is_proven, "is_harmful": effect.is_harmful}
