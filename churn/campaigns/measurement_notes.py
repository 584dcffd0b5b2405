"""What lies inside a measurement (segments, model against campaign) and what must be borne in mind, in sentences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from churn.wording import count, percent

Document = Mapping[str, Any]


def inside(d: Document) -> list[tuple[str, str | None]]:
    """Return the sentences about the 2x2 of model and campaign, and about segments."""
    return [("two_by_two", _two_by_two(d)), ("segments", _segments(d))]


def _two_by_two(d: Document) -> str | None:
    found = d["two_by_two"]
    if found is None:
        return None
    high, low = found["campaign_high"], found["campaign_low"]
    alone = {cell["risk"]: cell["churn_rate"] for cell in found["cells"] if cell["arm"] == "holdout"}
    told = (
        f"Model or campaign? Left alone, {percent(alone['high'], 1)} of the riskier half left and "
        f"{percent(alone['low'], 1)} of the safer half. Contact avoided {span(high)} among the riskier, {span(low)} "
        "among the safer. "
    )
    ranks, moves = found["model"]["is_proven"], d["verdict"] == "works" or high["is_proven"] or low["is_proven"]
    if d["verdict"] == "harms":
        found_them = "The model finds those who leave, and contact" if ranks else "Contact"
        return f"{told}{found_them} makes more of them leave: stop, then look at the offer."
    if ranks and moves:
        return f"{told}The model finds those who leave, and the campaign moves them: keep both."
    if ranks:
        return f"{told}The model finds those who leave, but contact is not shown to move them: look at the offer, not the list."
    if moves:
        return (
            f"{told}The campaign moves customers, but risk does not tell whom: choose them by something else than risk."
        )
    return f"{told}Neither is proven here: too few customers, or neither the list nor the offer does its work."


def span(effect: Mapping[str, Any]) -> str:
    """Return an effect in percentage points with its interval: `5.1 points (1.2 to 9.0)`."""
    low, high = 100.0 * effect["low"], 100.0 * effect["high"]
    return f"{100.0 * effect['delta']:.1f} points ({low:.1f} to {high:.1f})"


def _segments(d: Document) -> str | None:
    rows = d["segments"]
    if not rows:
        return None
    notable = [row for row in rows if row["is_notable"]]
    if not notable:
        return f"Segments (exploratory): none of {count(len(rows))} stands out once corrected for having looked at so many."
    named = ", ".join(f"{row['dimension'].replace('_', ' ')} {row['segment']} ({span(row)})" for row in notable)
    return (
        f"Segments (exploratory, corrected for looking at {count(len(rows))}): {named}. A question for the next campaign, "
        "not a finding."
    )


def caveats(d: Document) -> list[str]:
    """Return what a reader must bear in mind, one sentence each; none where nothing is odd."""
    found: list[str] = []
    arms, maturity = d["arms"], d["maturity"]
    if d["is_so_far"] and maturity["mature"] < maturity["assigned"]:
        found.append(
            f"So far only: {count(maturity['assigned'] - maturity['mature'])} of {count(maturity['assigned'])} assigned "
            f"customers are left out until their window has closed ({maturity['ready_date']})."
        )
    gone = d.get("erased") or {}
    if sum(gone.values()):
        found.append(
            f"{count(gone['treatment'])} of the treatment and {count(gone['holdout'])} of the holdout were erased since, as people may "
            "ask, and are in no figure here."
        )
    if d["without_comparison"]:
        found.append(
            f"{count(d['without_comparison'])} assigned by plans that left nobody alone, or nobody contacted, are not part "
            "of this: there is nobody to compare them with. What they cost and what they brought is not counted either."
        )
    missing = {name: arm for name, arm in arms.items() if arm["missing"]} if d["status"] != "not_mature" else {}
    for name, arm in missing.items():
        found.append(
            f"{count(arm['missing'])} of {count(arm['assigned'])} in the {name} are no longer in the data and could not "
            "be followed."
        )
    holdout, treatment = arms["holdout"], arms["treatment"]
    if holdout["delivered"]:
        found.append(
            f"{count(holdout['delivered'])} of {count(holdout['assigned'])} who should have been left alone were contacted "
            "all the same, which makes the effect look smaller than it is."
        )
    if d["status"] == "measured":
        found += _thin(d, holdout, treatment)
    if d["events"]["before_assignment"]:
        found.append(
            f"{_events(d['events']['before_assignment'], 'from before the assignment {} not count', 'does', 'do')}."
        )
    if d["events"]["unmatched"]:
        found.append(f"{_events(d['events']['unmatched'], '{} about somebody not in this campaign', 'is', 'are')}.")
    if len(d["windows"]) > 1:
        days = " and ".join(str(window) for window in d["windows"])
        found.append(f"The plans of this campaign have windows of {days} days; each customer is judged by their own.")
    return found


def _thin(d: Document, holdout: Mapping[str, Any], treatment: Mapping[str, Any]) -> list[str]:
    found = []
    if not holdout["churned"] and not treatment["churned"]:
        found.append("Nobody left in either arm, so there was nothing to prevent.")
    elif not holdout["churned"]:
        found.append("Nobody of those left alone left, so no save can be shown: the holdout is small, or the risk was.")
    if d["verdict"] == "open" and d["detectable"] is None:
        found.append(
            "The arms are too small to find even the largest effect four times in five: keep a larger holdout."
        )
    elif d["verdict"] == "open":
        found.append(
            f"With arms of this size only a fall of {100.0 * d['detectable']:.1f} points or more would be found four times "
            "in five. Nothing proven is not the same as nothing there."
        )
    return found


def _events(number: int, rest: str, one: str, more: str) -> str:
    """Return how many outcome events, and `rest` with the verb that fits their number."""
    return f"{count(number)} outcome event{'' if number == 1 else 's'} {rest.format(one if number == 1 else more)}"
