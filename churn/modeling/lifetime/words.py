"""The model card's words on hazards over months."""

from __future__ import annotations

from churn.documents.lifetime import LifetimeVerdict


def lifetime_lines(verdict: LifetimeVerdict | None) -> list[str]:
    """Return the card's section; nothing where an older version made the card."""
    if verdict is None:
        return []
    lines = ["## When customers leave", ""]
    if not verdict.horizons:
        return [*lines, f"Nothing is said of months ahead: {'; '.join(verdict.reasons)}.", ""]
    gate = (
        "The gate is passed: months kept are shown, and may be turned into money."
        if verdict.is_passed
        else f"The gate is not passed ({'; '.join(verdict.reasons)}): the constant months of [business] stay."
    )
    lines += [
        (
            f"Hazards of {verdict.known_months} months by cause ({', '.join(verdict.causes)}), learnt from {verdict.rows:,} rows. "
            f"For the judgement they were learnt from what was known on {verdict.learnt_until} and held against "
            f"{verdict.judged_rows:,} later rows over {verdict.judged_months} months; what they say of later months is not judged yet. "
            f"{gate}"
        ),
        "",
        "| leaves within | rows | said | came | slope |",
        "|---|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {h.days} days | {h.rows:,} | {h.predicted:.1%} | {h.observed:.1%} | {'' if h.slope is None else f'{h.slope:.2f}'} |"
        for h in verdict.horizons
    ]
    shares = ", ".join(f"{share:.1%}" for share in verdict.d_shares)
    lines += [
        "",
        (
            f"D-calibration: {shares} of the rows by tenth of the curve (p = {verdict.d_p_value:.3f}). Integrated Brier score "
            f"{verdict.brier:.4f}, one curve for everyone {verdict.brier_everyone:.4f}."
        ),
        "",
    ]
    return lines
