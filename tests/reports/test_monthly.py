from __future__ import annotations

import re
from datetime import date, datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest

from churn.documents.campaign_profit import BroughtProfit, PromisedProfit, SavedProfit
from churn.documents.candidate_figures import CandidateFigures
from churn.documents.document import Range
from churn.documents.exploration import ColumnInsight, InsightsDocument
from churn.documents.measurement import EffectInterval
from churn.documents.model_figures import CalibrationBin
from churn.documents.monitoring import Finding, MonitoringDocument
from churn.documents.month_facts import (
    AheadFacts,
    BandAhead,
    BandFacts,
    ChurnFacts,
    CohortAge,
    FirstReason,
    KnownDecision,
    LedgerMonth,
    LedgerPromise,
    ModelFacts,
    MonthFacts,
    NightFacts,
    ReportedCampaign,
    ReportedOffer,
    ReportedProgramme,
    RiskFacts,
    TrendMonth,
    UnknownDecision,
)
from churn.documents.quality import QualityDocument, RuleFinding
from churn.documents.simulation import SimulatedInterval
from churn.errors import ConfigError
from churn.reports.language import languages, read_language
from churn.reports.monthly import grouped_findings, render_monthly, sections

JULY = date(2026, 7, 1)
MIDNIGHT = datetime(2026, 7, 1)
NOTHING = MonthFacts(
    month="2026-06",
    first_day=date(2026, 6, 1),
    next_month=JULY,
    is_whole=True,
    is_newest=True,
    known_until=None,
    data_cutoff=MIDNIGHT,
    currency="USD",
    target=0.06,
    definition="any",
    horizon_days=30,
    lead_days=2,
    grace_days=7,
    is_simulated=False,
    churn=None,
    cohorts=(),
    risk=None,
    campaigns=(),
    saved=None,
    spent=0,
    ledger=(),
    model=None,
    monitoring=None,
    nights=NightFacts(done=0, failed=()),
    decision=UnknownDecision(code="nothing_scored", why="nothing has been scored yet"),
    insights=None,
    quality=None,
    is_in_time=True,
)


def _months(rate: float) -> tuple[TrendMonth, ...]:
    return tuple(
        TrendMonth(
            month=date(2026, month, 1),
            customers=1000,
            voluntary_churners=round(1000 * rate * 0.75),
            involuntary_churners=round(1000 * rate * 0.25),
            churn_rate=rate,
            monthly_revenue=25_000.0,
            monthly_revenue_lost=25_000.0 * rate,
        )
        for month in range(1, 7)
    )


def _churn(rate: float, *, before: float, excess_revenue: float) -> ChurnFacts:
    months = _months(rate)
    return ChurnFacts(
        now=months[-1],
        before=months[-2].model_copy(update={"churn_rate": before}),
        year_before=None,
        gap=rate - 0.06,
        excess_revenue=excess_revenue,
        trend=months,
    )


def _figures() -> CandidateFigures:
    undefined = dict.fromkeys(CandidateFigures.model_fields)
    intervals = {name: (None, None) for name in undefined if name.endswith("_interval")}
    known = {
        "name": "xgboost",
        "title": "XGBoost",
        "is_baseline": False,
        "auc": 0.85,
        "lift": 5.0,
        "fit_seconds": 1.0,
        "rows_per_second": 1000,
        "calibration": "isotonic",
        "is_calibrated": True,
        "calibration_slope": 1.02,
        "params": {},
        "trials": 1,
    }
    return CandidateFigures.model_validate(undefined | intervals | known)


def _finding(monitor: str, severity: str, sentence: str, money: float | None) -> Finding:
    return Finding.model_validate(
        {"monitor": monitor, "subject": "", "severity": severity, "sentence": sentence, "money_at_risk": money}
    )


def _insights() -> InsightsDocument:
    insight = ColumnInsight(
        rank=1,
        sentence="They leave.",
        words="no login for 14 days",
        note=None,
        condition="days_since_last_login >= 14",
        features=("days_since_last_login",),
        churn_rate=0.22,
        interval=(0.2, 0.24),
        rest_rate=0.056,
        lift=3.9,
        lift_interval=(3.0, 4.8),
        share=0.09,
        customers=90,
        money_at_risk_monthly=495.0,
        involuntary_share=0.0,
        searched_rate=0.22,
        tested_rows=900,
        tested_churned=198,
        tested_on=(date(2026, 4, 1), date(2026, 5, 1)),
        p_value=0.001,
        p_adjusted=0.01,
    )
    return InsightsDocument(
        snapshot_date=JULY,
        explored_at=MIDNIGHT,
        currency="USD",
        horizon_days=30,
        customers=1000,
        churn_rate=0.08,
        headline="One group leaves more.",
        tally="1 of 40.",
        method=None,
        tested_on=(date(2026, 4, 1), date(2026, 5, 1)),
        is_simulated=False,
        notes=(),
        insights=(insight,),
    )


def _campaigns() -> tuple[ReportedCampaign, ReportedCampaign]:
    brought = BroughtProfit(
        value=1200.0,
        low=100.0,
        high=2300.0,
        verdict="works",
        saves=Range(value=20.0, low=2.0, high=38.0),
        is_mature=True,
        measured_at=MIDNIGHT,
    )
    return (
        ReportedCampaign(
            name="payment",
            title="Help to fix a failed payment",
            treatment=126,
            holdout=84,
            expected=PromisedProfit(profit=1895.0, low=1090.0, high=2729.0, cost=252.0, saves=30.0),
            realised=brought,
            stage="measured",
        ),
        ReportedCampaign(
            name="call", title="Call <b>", treatment=10, holdout=5, expected=None, realised=None, stage="running"
        ),
    )


def full() -> MonthFacts:
    """Facts with every part filled in."""
    parts = {
        "churn": _churn(0.08, before=0.075, excess_revenue=500.0),
        "cohorts": tuple(
            CohortAge(cohort_month=date(2026, month, 1), months_since=age, customers=100, retained=100 - 9 * age)
            for month in range(1, 5)
            for age in range(7 - month)
        ),
        "risk": RiskFacts(
            snapshot_date=JULY,
            compared_with=date(2026, 6, 1),
            model_version="m1",
            run_id="20260701-abc",
            customers=1000,
            expected_churners=81.4,
            listed=120,
            bands=tuple(
                BandFacts(band=band, customers=250, expected_churners=20.0, expected_profit=90.0, before=240)
                for band in ("critical", "high", "medium", "low")
            ),
            reasons=(FirstReason(feature="days_since_last_login", is_actionable=True, customers=60, share=0.5),),
            ahead=AheadFacts(
                within_90d=0.21,
                within_360d=0.555,
                months_kept=8.7,
                bands=tuple(
                    BandAhead(
                        band=band,
                        customers=250,
                        within_90d=0.3,
                        within_180d=0.45,
                        within_360d=0.62,
                        months_kept=7.5,
                        months_after_save=9.8,
                    )
                    for band in ("critical", "high", "medium", "low")
                ),
            ),
        ),
        "insights": _insights(),
        "campaigns": _campaigns(),
        "saved": SavedProfit(value=1200.0, low=100.0, high=2300.0, saves=20.0, measured=1, waiting=1),
        "spent": 252.0,
        "decision": KnownDecision(
            contacts=300,
            threshold=0.071,
            cost=600.0,
            net_profit=1458.0,
            net_profit_interval=SimulatedInterval(low=583.0, median=1400.0, high=2421.0),
            loss_probability=0.01,
            profit_model="case_study",
            success_rate=0.4,
            contact_cost=2.0,
            run_snapshot_date=JULY,
        ),
        "model": ModelFacts(
            version="m1",
            kind="xgboost",
            created_at=datetime(2026, 6, 1),
            metrics=_figures(),
            calibration=tuple(
                CalibrationBin(predicted=p, observed=p, low=0.9 * p, high=1.1 * p, customers=100)
                for p in (0.02, 0.1, 0.3)
            ),
            features={"days_since_last_login": "Days since the last login."},
            error=None,
        ),
        "monitoring": MonitoringDocument(
            on=JULY,
            data_cutoff=MIDNIGHT,
            monitored_at=MIDNIGHT,
            model_version="m1",
            customers=1000,
            currency="USD",
            severity="act",
            summary="One to act on.",
            findings=(
                _finding("data_drift", "act", "age moved", 900.0),
                _finding("skew", "ok", "no skew", None),
            ),
        ),
        "quality": QualityDocument(checks=(_rule("No repeats.", 12), _rule("Ok.", 0))),
        "nights": NightFacts(done=29, failed=(date(2026, 6, 11),)),
    }
    return NOTHING.model_copy(update=parts)


def _rule(message: str, defects: int) -> RuleFinding:
    return RuleFinding(
        rule="no_repeats",
        level="warn",
        defect_count=defects,
        example={},
        message=message,
        checked_at=MIDNIGHT,
        as_of=MIDNIGHT,
    )


class _Page(HTMLParser):
    """Collects what a reader sees, the tags, and what would be fetched."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.tags: list[str] = []
        self.links: list[str] = []
        self._hidden = 0
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in {"href", "src", "xlink:href"}]
        self._hidden += tag in {"style", "svg"}

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in {"style", "svg"}

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))


def page(document: MonthFacts, home: Path, language: str = "en") -> _Page:
    return _Page(render_monthly(document, home=home, language=language))


def test_the_headline_tells_churn_against_the_target_money_lost_and_saved_and_what_to_decide(tmp_path):
    text = page(full(), tmp_path).text
    assert "8.0 % of customers left in June 2026, 2.0 points above the target of 6 %." in text
    assert "80 of 1,000 customers left: 60 by their own decision, 20 because payments failed." in text
    assert "That is 0.5 points more than in May 2026." in text
    assert "brought $1,200 net ($100 to $2,300 with 95 % confidence) for $252 spent" in text
    assert (
        "Contact the 300 customers of highest expected profit, at a risk of 7.1 % and more: cost $600, expected net profit $1,458"
        in text
    )


def test_a_month_of_which_nothing_is_known_says_so_in_every_section(tmp_path):
    found = page(NOTHING, tmp_path)
    for sentence in (
        "Churn by month cannot be told",
        "No campaign has been measured yet",
        "No recommendation: nothing has been scored yet",
        "No score run of that month",
        "Nothing has been explored yet",
        "No campaign has been planned yet",
        "No model is in use yet",
        "No monitor has run yet",
        "quality of the data has not been checked",
    ):
        assert sentence in found.text
    assert "svg" not in found.tags
    assert not re.search(r"\b(None|nan|inf)\b", found.text)


def test_when_customers_leave_is_told_in_a_sentence_and_by_band_where_it_is_known(tmp_path):
    text = page(full(), tmp_path).text
    assert "21 % of the customers leave within three months and 56 % within twelve" in text
    assert "a customer is expected to stay 8.7" in text
    assert "Critical 250 30 % 45 % 62 % 7.5 9.8" in text
    risk = full().risk
    assert risk is not None
    unknown = full().model_copy(update={"risk": risk.model_copy(update={"ahead": None})})
    assert "When they leave" not in page(unknown, tmp_path).text


def test_zero_churn_keeps_the_target_and_draws_nothing(tmp_path):
    document = full().model_copy(update={"churn": _churn(0.0, before=0.075, excess_revenue=0.0)})
    text = page(document, tmp_path).text
    assert "0.0 % of customers left in June 2026: the target of 6 % is kept." in text
    assert "Churn kept its target in each of the last 6 months" in text
    assert "Nobody left in the 6 months on record, so there is nothing to draw." in text
    assert "Bars of monthly churn" not in render_monthly(document, home=tmp_path)


def test_a_month_that_is_not_over_says_so_first(tmp_path):
    document = full().model_copy(update={"is_whole": False})
    assert "June 2026 is not over: the figures reach 1 July 2026." in page(document, tmp_path).text


def test_the_report_needs_nothing_but_itself(tmp_path):
    text = render_monthly(full(), home=tmp_path)
    found = _Page(text)
    assert "script" not in found.tags
    assert not [link for link in found.links if not link.startswith("#")]
    assert len(text.encode()) < 1_000_000
    assert found.tags.count("h1") == 1


def test_every_chart_says_in_words_what_it_shows(tmp_path):
    text = render_monthly(full(), home=tmp_path)
    labels = re.findall(r'<svg role="img" aria-label="([^"]+)"', text)
    assert len(labels) == text.count("<svg") == 8  # four charts, each wide and narrow
    assert any("Bars of monthly churn from January 2026 to June 2026" in label for label in labels)


def test_titles_say_what_was_found(tmp_path):
    text = page(full(), tmp_path).text
    for title in (
        "Churn was above its target in each of the last 6 months",
        "Newer customers stay no longer than earlier ones",
        "81 of 1,000 customers are expected to leave",
        "Some customers leave up to 3.9 times as often as the rest",
        "Proven to keep customers: 1 of 1 measured campaigns",
        "The predictions can be believed",
        "To act on: 1 of the monitors' findings",
    ):
        assert title in text


def test_findings_of_one_monitor_share_a_row_worst_first():
    findings = [
        _finding("sync", "watch", "a", None),
        _finding("skew", "act", "b", 5.0),
        _finding("sync", "watch", "c", 7.0),
        _finding("data", "ok", "d", 9.0),
    ]
    rows = grouped_findings(findings)
    assert [(row.monitor, row.sentence, row.more) for row in rows] == [("skew", "b", 0), ("sync", "c", 1)]
    assert grouped_findings(()) == []


def test_a_month_long_past_says_what_is_not_on_record(tmp_path):
    gone = {"decision": UnknownDecision(code="past", why=""), "insights": None, "quality": None, "is_in_time": False}
    document = full().model_copy(update={**gone, "known_until": date(2026, 7, 31), "is_newest": False})
    text = page(document, tmp_path).text
    assert "what was recommended then is not on record" in text
    assert "What exploring found at that time is not on record" in text
    assert "What the rules found at that time is not on record" in text
    assert "as measured until 31 July 2026" in text


def test_the_save_ledger_adds_up_by_month_of_plan(tmp_path):
    waiting = LedgerMonth(
        first=date(2026, 6, 1),
        last=date(2026, 6, 1),
        campaigns=1,
        treatment=60,
        holdout=40,
        promised=None,
        measured=None,
        waiting=1,
    )
    known = {
        "first": date(2026, 4, 1),
        "last": date(2026, 5, 1),
        "promised": LedgerPromise(profit=3381.0, low=1229.0, high=5822.0),
        "measured": Range(value=1923.0, low=-308.0, high=4217.0),
        "waiting": 0,
    }
    document = full().model_copy(update={"ledger": (waiting, waiting.model_copy(update=known))})
    text = page(document, tmp_path).text
    assert "April 2026 to May 2026 1 60 $3,381 $1,229 to $5,822 $1,923 −$308 to $4,217" in text  # noqa: RUF001  # true minus
    assert "June 2026 1 60 – outcomes not in yet" in text  # noqa: RUF001  # the dash of nothing


def test_names_from_outside_are_escaped(tmp_path):
    assert "Call &lt;b&gt;" in render_monthly(full(), home=tmp_path)


def test_the_same_facts_give_the_same_bytes(tmp_path):
    assert render_monthly(full(), home=tmp_path) == render_monthly(full(), home=tmp_path)


def test_another_language_changes_words_numbers_and_months(tmp_path):
    text = page(full(), tmp_path, "de").text
    assert "8,0 % der Kunden gingen im Juni 2026, 2,0 Punkte über dem Ziel von 6 %." in text
    assert "1.200 $" in text
    assert "customers" not in text


def test_nothing_english_is_left_in_the_german_report_but_what_is_marked_as_english(tmp_path):
    named = tuple(row.model_copy(update={"title": f"Aktion {row.name}"}) for row in full().campaigns)
    document = full().model_copy(update={"campaigns": named})  # names are their owners'
    html = render_monthly(document, home=tmp_path, language="de")
    assert '<html lang="de">' in html
    unmarked = re.sub(r'<(\w+)[^>]*lang="en"[^>]*>.*?</\1>', " ", html, flags=re.DOTALL)
    words = set(re.findall(r"[A-Za-z]+", _Page(unmarked).text)) | set(
        re.findall(r"[A-Za-z]+", " ".join(re.findall(r"<text[^>]*>([^<]*)</text>", html)))
    )
    words |= set(re.findall(r"[A-Za-z]+", " ".join(re.findall(r'(?:aria|data)-label="([^"]*)"', html))))
    english = (
        "the of and to customers left leave month churn Target Predicted Did Net profit Months since Joined All measured "
        "Risk Measured May Oct Dec"
    )
    assert not words & set(english.split())
    assert "Vorhergesagt" in words
    labels = re.findall(r"<text[^>]*>([^<]*)</text>", html)
    assert any(re.fullmatch(r"\d+\u00a0%", label) for label in labels)
    assert any(re.fullmatch(r"1,5 Tsd\.\u00a0\$|1 Tsd\.\u00a0\$|500\u00a0\$", label) for label in labels)


def test_both_languages_have_the_same_keys_asking_for_the_same_figures(tmp_path):
    assert languages(tmp_path) == ["de", "en"]
    asked = {}
    for code in ("de", "en"):
        words = read_language(code, tmp_path).words
        asked[code] = {
            (section, key): sorted(re.findall(r"{(\w+)}", text))
            for section, keys in words.items()
            for key, text in keys.items()
        }
    assert asked["de"] == asked["en"]


def test_a_language_of_ones_own_is_a_file_and_lacks_nothing(tmp_path):
    (tmp_path / "reports" / "words").mkdir(parents=True)
    (tmp_path / "reports" / "words" / "fr.toml").write_text('[headline]\ndecide = "À décider"\n', encoding="utf-8")
    text = page(full(), tmp_path, "fr").text
    assert "À décider" in text
    assert "Contact the 300 customers" in text


def test_a_language_without_words_names_those_there_are(tmp_path):
    with pytest.raises(ConfigError, match="no words for the language `xx`") as caught:
        render_monthly(full(), home=tmp_path, language="xx")
    assert "de, en" in (caught.value.remedy or "")


def test_a_section_is_added_by_one_template(tmp_path):
    (tmp_path / "reports" / "monthly").mkdir(parents=True)
    (tmp_path / "reports" / "monthly" / "45_ours.html.j2").write_text("<p>{{ d.month }} is ours</p>", encoding="utf-8")
    names = sections(tmp_path)
    assert names == sorted(names)
    assert "monthly/45_ours.html" in names
    assert "2026-06 is ours" in page(full(), tmp_path).text


def test_the_facts_are_written_flat_in_the_order_that_scripts_know():
    keys = """month first_day next_month is_whole is_newest known_until data_cutoff currency target definition horizon_days
    lead_days grace_days is_simulated churn cohorts risk campaigns saved spent ledger measured_plans model monitoring nights
    decision insights quality is_in_time"""
    written = full().as_json()
    assert list(written) == keys.split()
    assert (NOTHING.as_json()["spent"], repr(written["spent"])) == (0, "252.0")
    assert isinstance(NOTHING.as_json()["spent"], int)
    assert written["data_cutoff"] == "2026-07-01T00:00:00"
    assert MonthFacts.read(written, where="facts") == full()


def test_a_programme_is_told_with_its_offers_in_every_language(tmp_path: Path):
    offers = (
        ReportedOffer(
            title="Call them",
            contacted=40,
            holdout=5,
            effect=EffectInterval(delta=0.031, low=-0.004, high=0.066),
            net_profit=Range(value=1200.0, low=-300.0, high=2700.0),
            is_off=False,
        ),
        ReportedOffer(title="Mail them", contacted=9, holdout=1, effect=None, net_profit=None, is_off=True),
    )
    programme = ReportedProgramme(
        name="keep",
        title="Keep customers",
        rounds=2,
        contacted=49,
        committed=300.0,
        slice_cost=20.0,
        promised=900.0,
        net_profit=Range(value=1200.0, low=-300.0, high=2700.0),
        offers=offers,
    )
    document = full().model_copy(update={"programmes": (programme,)})
    text = render_monthly(document, home=tmp_path)
    assert "Programme: Keep customers" in text
    assert "2 rounds contacted 49 customers" in text
    assert "off: it drives customers away" in text
    assert "Programm: Keep customers" in render_monthly(document, home=tmp_path, language="de")
