"""Says a measurement in words that a marketer can repeat to the board: what happened, what it was worth, how sure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from churn.wording import count, money, percent

ALARM: Final = "campaign_harms"  # the kind of the alarm that a proven harm raises
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


def words_of(document: Document) -> dict[str, Any]:
    """Return `title` (a few words), `headline` (a few sentences), `story` (code and sentence of each part) and `notes` (what to bear in mind).

    `document` is a measurement with `campaign`, `title`, `currency`, `maturity` and `window_days` beside what `measure`
    returns.
    """
    story = [{"code": code, "sentence": sentence} for code, sentence in _story(document) if sentence]
    return {"title": _title(document), "headline": _headline(document), "story": story, "notes": caveats(document)}


def alarm_of(document: Document) -> str | None:
    """Return what to shout when the whole interval lies below 0; None otherwise."""
    if document["verdict"] != "harms":
        return None
    saves = document["money"]["saves"]
    return (
        f"STOP: {document['title']} drives customers away. About {count(-saves['value'])} left who would have stayed, "
        f"between {count(-saves['high'])} and {count(-saves['low'])}, with {_sure(document)} confidence. Contact nobody "
        "else with it until you know why."
    )


def _title(d: Document) -> str:
    if d["status"] == "not_mature":
        return "Not yet mature: no verdict before every window has closed"
    if d["status"] != "measured":
        return (
            "No verdict: "
            + {
                "split_broken": "the split is broken",
                "no_holdout": "nobody was left alone to compare with",
                "nobody_treated": "nobody was contacted",
                "nothing_known": "one arm cannot be followed",
            }[d["status"]]
        )
    saves, net = d["money"]["saves"]["value"], d["money"]["net_profit"]["value"]
    if d["verdict"] == "harms":
        return f"Stop: it drove {count(-saves)} customers away"
    if d["verdict"] == "open":
        return "No effect is proven"
    profit = d["money"]["net_profit"]
    if profit["low"] <= 0.0 <= profit["high"]:
        return f"It kept {count(saves)} customers; whether that paid is open"
    word = "earned" if net >= 0 else "lost"
    return f"It kept {count(saves)} customers and {word} {money(abs(net), d['currency'], cents=False)} net"


def _headline(d: Document) -> str:
    status = d["status"]
    if status == "not_mature":
        m = d["maturity"]
        return (
            f"Not yet mature: {count(m['mature'])} of {count(m['assigned'])} outcomes are known, ready on "
            f"{m['ready_date']}. {_until(d)}"
        )
    if status == "split_broken":
        ratio = d["sample_ratio"]
        return (
            f"No verdict: the split is broken. {percent(ratio['expected_share'], 1)} should have been left alone, of those "
            f"we can follow {percent(ratio['share'], 1)} were, which chance does less than once in 1,000. Find out who "
            "is missing from one of the arms before you believe any number."
        )
    if status in {"no_holdout", "nobody_treated", "nothing_known"}:
        return _one_sided(d)
    if d["verdict"] == "harms":
        return f"{alarm_of(d)} {_compared(d)} {_earned(d)}"
    return _works(d) if d["verdict"] == "works" else _open(d)


def _until(d: Document) -> str:
    if d["maturity"]["ready_date"] <= d["measured_at"][:10]:  # ISO texts sort as their days do
        return f"That day has come, but the data reach only {d['data_cutoff'][:10]}: run `churn refresh`."
    return "Until then there is no verdict."


def _one_sided(d: Document) -> str:
    treatment, holdout = d["arms"]["treatment"], d["arms"]["holdout"]
    if d["status"] == "no_holdout":
        return (
            f"What it caused cannot be said: nobody was left alone to compare with. Of {count(treatment['measured'])} "
            f"contacted, {count(treatment['churned'])} left ({_rate(treatment)}), where the model expected "
            f"{count(treatment['expected_churned'])} without contact. Keep a holdout next time."
        )
    if d["status"] == "nobody_treated":
        return (
            f"Nobody was contacted, so there is nothing to measure. Of {count(holdout['measured'])} left alone, "
            f"{count(holdout['churned'])} left ({_rate(holdout)})."
        )
    gone = "contacted" if not treatment["measured"] else "left alone"
    return f"No verdict: of those {gone} none is in the data any more, so there is nothing to compare with."


def _works(d: Document) -> str:
    saves = d["money"]["saves"]
    return (
        f"{_compared(d)} So it kept {count(saves['value'])} customers who would have left, between {count(saves['low'])} "
        f"and {count(saves['high'])}. {_earned(d)} All with {_sure(d)} confidence."
    )


def _open(d: Document) -> str:
    saves = d["money"]["saves"]
    return (
        f"No effect is proven. {_compared(d)} That fits anything from {_people(saves['low'])} to {_people(saves['high'])}, "
        f"with {_people(saves['value'])} as the best guess, at {_sure(d)} confidence. {_earned(d)}"
    )


def _compared(d: Document) -> str:
    treatment, holdout = d["arms"]["treatment"], d["arms"]["holdout"]
    return (
        f"Of {count(treatment['measured'])} customers chosen for contact, {count(treatment['churned'])} left "
        f"({_rate(treatment)}); of {count(holdout['measured'])} like them left alone, {count(holdout['churned'])} did "
        f"({_rate(holdout)})."
    )


def _earned(d: Document) -> str:
    currency, net = d["currency"], d["money"]["net_profit"]
    low, high, value = (money(net[end], currency, cents=False) for end in ("low", "high", "value"))
    if net["low"] > 0:
        return f"That earned {value} net of all costs, between {low} and {high}."
    if net["high"] < 0:
        lost, least, most = (money(-net[end], currency, cents=False) for end in ("value", "high", "low"))
        return f"It cost more than it brought: {lost} lost net, between {least} and {most}."
    word = "earned" if net["value"] >= 0 else "lost"
    best = money(abs(net["value"]), currency, cents=False)
    return (
        f"In money: {best} net {word} as the best guess, anywhere from {money(-net['low'], currency, cents=False)} lost "
        f"to {high} earned."
    )


def _story(d: Document) -> list[tuple[str, str | None]]:
    if d["status"] != "measured":
        return [("costs", _costs(d)), ("model", _model(d))]
    return [
        ("effect", _effect(d)),
        ("costs", _costs(d)),
        ("cuped", _cuped(d)),
        ("delivered", _delivered(d)),
        ("ledger", _ledger(d)),
        ("model", _model(d)),
        *inside(d),
    ]


def _effect(d: Document) -> str:
    effect = d["effect"]
    how = "within strata of risk, as they were drawn" if effect["method"].startswith("stratified") else "as assigned"
    return f"Effect: {span(effect)} of churn avoided, arms compared {how}, whoever was reached or not."


def _cuped(d: Document) -> str | None:
    found = d["cuped"]
    if found is None:
        return None
    return f"Allowing for the risk each customer had before (CUPED): {span(found)}; that removed {percent(max(found['variance_removed'], 0.0))} of the noise."


def _delivered(d: Document) -> str | None:
    found, treatment = d["delivered"], d["arms"]["treatment"]
    if found is None:
        return "Nobody told us whom the campaign reached, so all those chosen are taken to have been contacted."
    reached = f"{count(treatment['delivered'])} of {count(treatment['assigned'])} were reached ({percent(found['share_treatment'])})"
    effect = found["effect"]
    if effect is None:
        return f"{reached}, no more than of those left alone: nothing can be said about being reached."
    return f"{reached}. On those, the effect is {span(effect)}."


def _costs(d: Document) -> str | None:
    costs, currency = (d["money"] or {}).get("costs"), d["currency"]
    if costs is None:
        return None
    contacted = "as told by outcomes" if costs["contact_basis"] == "outcomes" else "all those chosen, as nobody told"
    text = f"Costs: {money(costs['contact_cost'], currency)} for {count(costs['contacted'])} contacted ({contacted})"
    basis = {
        "outcomes": "as told by outcomes",
        "stayers": "all contacted who stayed, as the plan assumed; no acceptances were told",
        "everyone": "all contacted, as the plan assumed; no acceptances were told",
    }.get(costs["incentive_basis"])
    if basis:
        text += f", {money(costs['incentive_cost'], currency)} for {count(costs['used'])} incentives used ({basis})"
    return f"{text}."


def _ledger(d: Document) -> str:
    found, currency = d["ledger"], d["currency"]
    net = found["net_profit"]
    fits = (
        "the plan lies within what was measured"
        if found["is_profit_within"]
        else "the plan lies outside what was measured"
    )
    saves = ""
    if found["expected_saves"] is not None:
        saves = f"{count(found['expected_saves'])} saves and "
    return (
        f"Save ledger: the plan expected {saves}{money(found['expected_profit'], currency, cents=False)} net; measured are "
        f"{_people(d['money']['saves']['value'])} and {money(net['value'], currency, cents=False)}: {fits}."
    )


def _model(d: Document) -> str | None:
    found = d["ledger"]
    if not found or not found["holdout"]:
        return None
    return (
        f"Model: of {count(found['holdout'])} left alone it expected {count(found['holdout_expected_churned'])} to leave; "
        f"{count(found['holdout_churned'])} did."
    )


def _people(saves: float) -> str:
    return f"{count(-saves)} driven away" if round(saves) < 0 else f"{count(saves)} kept"


def _rate(arm: Mapping[str, Any]) -> str:
    return "-" if arm["churn_rate"] is None else percent(arm["churn_rate"], 1)


def _sure(d: Document) -> str:
    return percent(d["confidence"], 0)
