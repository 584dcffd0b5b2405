"""Says what a money answer assumes, in sentences with figures: nobody should act on a number without them.

Severity: `note` is to be known, `caution` may change the decision, `wrong` means that the number should not be used.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from churn.decisions.calibration import prior_shift
from churn.decisions.choices import Weight
from churn.decisions.profit import Economics, break_even_probability, expected_profit
from churn.decisions.simulation import SimulationResult
from churn.languages.words import in_english
from churn.wording import count, money, percent

# A field experiment with 65,000 customers (Ascarza, Iyengar and Schleicher 2016): contacting people made more leave.
FIELD_CONTROL, FIELD_CONTACTED = 0.064, 0.100
_POSSIBLE = 0.05  # a loss that is likelier is said


@dataclass(frozen=True)
class AuditFinding:
    """One thing that the result assumes or that speaks against it, with the figures its sentence uses."""

    code: str
    severity: Weight
    sentence: str
    figures: Mapping[str, float]


@in_english
def audit(
    result: SimulationResult,
    economics: Economics,
    *,
    currency: str,
    value_is_given: bool,
    has_own_months: bool = False,
) -> list[AuditFinding]:
    """Return what any simulation assumes, the worst first.

    `value_is_given`: typed in, not derived from margins; `has_own_months`: each customer's months are their own.
    """
    findings = [
        _own_months(result, currency)
        if has_own_months and not value_is_given
        else _value_window(result, economics, currency, value_is_given=value_is_given),
        _success_is_incremental(economics),
        _assumption(economics),
        _break_even(result, economics, currency),
        _ceiling(result, currency),
        *_last_contact(result, economics, currency),
        *_about_optimum(result, currency),
        *_about_outcomes(result),
    ]
    if result.splits_ties:
        findings.append(
            AuditFinding(
                "ties_split",
                "note",
                f"Several customers share the probability {percent(result.point.threshold, 2)} at the cut; "
                "a random part of them is contacted.",
                {"threshold": result.point.threshold},
            )
        )
    if result.loss_probability > _POSSIBLE:
        findings.append(_loss(result))
    return by_severity(findings)


def _loss(result: SimulationResult) -> AuditFinding:
    chance = result.loss_probability
    sentence = f"This campaign loses money in {percent(chance)} of the draws."
    return AuditFinding("loss_possible", "caution", sentence, {"loss_probability": chance})


@in_english
def audit_offer(
    result: SimulationResult, economics: Economics, *, currency: str, is_measured: bool, notes: Sequence[str]
) -> list[AuditFinding]:
    """Return what the simulation of an offer on its own terms assumes, the worst first; `notes` are said of its terms."""
    value = result.average_value
    findings = [
        AuditFinding(
            "value_window",
            "note",
            f"A save is worth {money(value, currency)} on average, each customer's as the offer or the settings value it.",
            {"value_of_save": value},
        ),
        *([] if is_measured else [_success_is_incremental(economics)]),
        *(AuditFinding("offer_terms", "note", note, {}) for note in notes),
        _ceiling(result, currency),
        *_about_optimum(result, currency),
        *_about_outcomes(result),
    ]
    if result.loss_probability > _POSSIBLE:
        findings.append(_loss(result))
    return by_severity(findings)


@in_english
def audit_case_study(
    result: SimulationResult, economics: Economics, *, margin: float, currency: str
) -> list[AuditFinding]:
    """Return what the arithmetic of the case study assumes: a cut of 0.65, one month of margin, 40 % success."""
    from scipy.special import ndtr, ndtri

    base = result.churners / result.customers
    cut = result.point.threshold
    risk = float(prior_shift([cut], 0.5, base)[0])
    value, rate, cost = result.average_value, economics.success_rate, economics.cost_of_contact
    gain = float(expected_profit([risk], value, economics)[0])
    endless = replace(economics, value_months=float("inf")).value_of_save(margin)
    values = {"one_month": margin, "three_months": 3 * margin, "until_they_leave": endless}
    pays = {name: float(break_even_probability(v, economics)) for name, v in values.items()}
    precision = 0.8
    per_contact = float(expected_profit([precision], value, economics)[0])
    needed = max(result.point.net_profit, 0.0) / per_contact if per_contact > 0 else 0.0
    enough = f" {money(result.point.net_profit, currency)} needs, say, {count(needed)} contacts at {percent(precision)} precision."
    hit, false_alarm = result.point.recall or 0.0, result.point.false_positives / (result.customers - result.churners)
    auc = float(ndtr((ndtri(hit) - ndtri(false_alarm)) / 2**0.5))
    return by_severity(
        [
            AuditFinding(
                "score_is_not_a_probability",
                "wrong",
                f"A cut at {cut:g} cannot be a probability of a class-weighted model: at a churn rate of {percent(base)} "
                f"a balanced score of {cut:g} is a true risk of {percent(risk, 1)}. At {money(value, currency)} a save, "
                f"{percent(rate)} success and {money(cost, currency)} a contact, that contact "
                f"{'loses' if gain < 0 else 'earns'} {money(abs(gain), currency)}.",
                {"threshold": cut, "base_rate": base, "true_risk": risk, "profit_of_contact": gain},
            ),
            AuditFinding(
                "break_even",
                "note",
                "Break-even is cost / (success x value), as a calibrated probability: "
                f"{_pays(pays['one_month'], 2)} at {money(margin, currency)} (one month of margin), "
                f"{_pays(pays['three_months'], 3)} at {money(3 * margin, currency)} (three months), "
                f"{_pays(pays['until_they_leave'], 3)} at {money(endless, currency)} (until they leave, at "
                f"{percent(economics.hazard_after_save)} a month).",
                {f"break_even_{name}": p for name, p in pays.items()},
            ),
            AuditFinding(
                "ceiling",
                "caution",
                f"At {money(value, currency)} a save even a perfect model earns at most "
                f"{money(result.perfect_profit, currency)} a month: all {count(result.churners)} churners contacted and "
                f"nobody else.{enough if needed else ''}",
                {"perfect_profit": result.perfect_profit, "contacts_needed": needed, "precision": precision},
            ),
            AuditFinding(
                "ranking_is_very_good",
                "caution",
                f"{percent(hit, 1)} of churners among {percent(result.point.contacts / result.customers, 1)} of customers "
                f"takes a ranking of about AUC {auc:.2f} (normal scores of equal spread); good churn models reach "
                ".84 to .87.",
                {"recall": hit, "false_positive_rate": false_alarm, "auc": auc},
            ),
            _success_is_incremental(economics),
            _assumption(economics),
            _value_window(result, economics, currency, value_is_given=False),
            AuditFinding(
                "optimum_unknown",
                "note",
                "Counts at one threshold say nothing about a better one: the optimum needs scores of every customer.",
                {},
            ),
        ]
    )


def _pays(probability: float, digits: int) -> str:
    return f"{probability:.{digits}f}" if probability <= 1.0 else "never"


def by_severity(findings: list[AuditFinding]) -> list[AuditFinding]:
    """Return the findings, the worst first, otherwise in their order."""
    order = {"wrong": 0, "caution": 1, "note": 2}
    return sorted(findings, key=lambda finding: order[finding.severity])


def _value_window(
    result: SimulationResult, economics: Economics, currency: str, *, value_is_given: bool
) -> AuditFinding:
    value, months = result.average_value, economics.value_months
    figures = {"value_of_save": value, "months": months, "hazard_after_save": economics.hazard_after_save}
    if value_is_given:
        sentence = f"A save is taken to be worth {money(value, currency)}, as given, the same for every customer."
    elif months == 1:
        sentence = (
            f"A save is counted as one month of margin, {money(value, currency)}; a saved customer may stay longer."
        )
    else:
        window = "all months to come" if months == float("inf") else f"{months:g} months of margin"
        sentence = (
            f"A save is counted as {window}, {money(value, currency)} on average, with "
            f"{percent(economics.hazard_after_save)} of the saved leaving every month after."
        )
    return AuditFinding("value_window", "note", sentence, figures)


def _own_months(result: SimulationResult, currency: str) -> AuditFinding:
    value = result.average_value
    sentence = (
        f"A save is counted as the months of margin that each customer is expected to stay after it, two years at most: "
        f"{money(value, currency)} on average."
    )
    return AuditFinding("value_window", "note", sentence, {"value_of_save": value})


def _success_is_incremental(economics: Economics) -> AuditFinding:
    return AuditFinding(
        "success_must_be_incremental",
        "caution",
        f"The {percent(economics.success_rate)} success must be incremental: churners who stay because of the contact, "
        "not those who would have stayed anyway. In a field experiment with 65,000 customers churn rose from "
        f"{percent(FIELD_CONTROL, 1)} (left alone) to {percent(FIELD_CONTACTED, 1)} (contacted). Keep a holdout from the "
        "first campaign on.",
        {
            "success_rate": economics.success_rate,
            "experiment_control": FIELD_CONTROL,
            "experiment_contacted": FIELD_CONTACTED,
        },
    )


def _assumption(economics: Economics) -> AuditFinding:
    share = percent(economics.success_rate)
    if economics.profit_model == "incentive":
        code = "stayers_take_the_incentive"
        words = "every contacted stayer takes the incentive, and so does every churner who is saved"
    else:
        code = "uplift_is_assumed"
        words = f"contact avoids {share} of each customer's churn risk (churn avoided = success x p)"
        if economics.profit_model == "uplift":
            words += "; no uplift has been measured"
    name = economics.profit_model.replace("_", " ")
    return AuditFinding(
        code, "note", f"The {name} profit model assumes that {words}.", {"success_rate": economics.success_rate}
    )


def _break_even(result: SimulationResult, economics: Economics, currency: str) -> AuditFinding:
    at, value = result.break_even, result.average_value
    if not at <= 1.0:
        terms = f"{percent(economics.success_rate)} success and {money(value, currency)} a save"
        return AuditFinding("never_pays", "wrong", f"No contact can pay: at {terms} it costs more than it brings.", {})
    sentence = f"A contact pays from a churn probability of {percent(at, 1)} on, at {money(value, currency)} a save."
    return AuditFinding("break_even", "note", sentence, {"break_even": at, "value_of_save": value})


def _ceiling(result: SimulationResult, currency: str) -> AuditFinding:
    best, net = result.perfect_profit, result.point.net_profit
    share = f"; this campaign earns {percent(max(net, 0.0) / best)} of that" if best > 0 else ""
    return AuditFinding(
        "ceiling",
        "note",
        f"A perfect model, contacting churners alone, would earn {money(best, currency)} here{share}.",
        {"perfect_profit": best, "net_profit": net},
    )


def _last_contact(result: SimulationResult, economics: Economics, currency: str) -> list[AuditFinding]:
    cut, at, best = result.point.threshold, result.break_even, result.optimum
    if result.mode == "contacts" and best is not None and result.point.contacts > best.point.contacts:
        lost = best.point.net_profit - result.point.net_profit
        return [
            AuditFinding(
                "more_than_pay",
                "caution",
                f"Only the first {count(best.point.contacts)} contacts are expected to earn their cost; the others lose "
                f"{money(lost, currency)}.",
                {"paying_contacts": best.point.contacts, "loss_of_the_others": lost},
            )
        ]
    if result.mode != "threshold" or result.point.contacts <= 0 or not cut < at <= 1.0:
        return []
    loss = (
        economics.cost_of_contact
        + economics.cost_of_taker
        - cut / at * (economics.cost_of_contact + economics.cost_of_taker)
    )
    return [
        AuditFinding(
            "threshold_below_break_even",
            "caution",
            f"The cut at {percent(cut, 1)} lies below break-even ({percent(at, 1)}): the last contacts lose about "
            f"{money(loss, currency)} each.",
            {"threshold": cut, "break_even": at, "loss_of_last_contact": loss},
        )
    ]


def _about_optimum(result: SimulationResult, currency: str) -> list[AuditFinding]:
    best = result.optimum
    if best is None:
        return []
    if best.point.contacts >= result.customers:
        sentence = "Profit still rises at the last customer: the optimum lies beyond the data. Check value and costs."
        return [AuditFinding("optimum_beyond_data", "caution", sentence, {"contacts": best.point.contacts})]
    if best.point.contacts <= 0:
        return [AuditFinding("nobody_pays", "caution", "No threshold earns money: the best campaign is none.", {})]
    if result.outcomes == "known":
        sentence = (
            "The optimum was picked on the same outcomes that price it; picking overstates its net profit by about "
            f"{money(best.optimism, currency)}."
        )
        return [AuditFinding("optimum_is_optimistic", "note", sentence, {"optimism": best.optimism})]
    return []


def _about_outcomes(result: SimulationResult) -> list[AuditFinding]:
    if result.outcomes != "expected":
        return []
    sentence = "Who will churn is not known yet: churners are expected numbers, drawn from the probabilities."
    return [AuditFinding("outcomes_expected", "note", sentence, {"churners": result.churners})]
