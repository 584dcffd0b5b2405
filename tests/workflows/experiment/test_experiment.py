from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from churn.bootstrap import build_context
from churn.context import Context
from churn.errors import CampaignError, ConfigError, ContractBroken, NotFound
from churn.views.experiments import experiment as kept_experiment
from churn.views.experiments import experiments
from churn.workflows.experiment import ExperimentFile, analyse_experiment, apply_experiment, read_experiment
from churn.workflows.learn_uplift import latest_learning, latest_uplift
from tests.modeling.uplift.experiments import experiment

QUICK = {"learners": ("t_learner", "x_learner"), "bases": ("logistic_regression",)}


@pytest.fixture
def context(tmp_path: Path) -> Context:
    return build_context(home=tmp_path / "home")


def write(path: Path, *, count: int = 3_000, seed: int = 1, **truth: float) -> pl.DataFrame:
    """Write an experiment's file and return it with the truth, tau: churn avoided by contact."""
    frame = experiment(count, seed=seed, **truth)
    frame.select(
        "customer_id",
        pl.when("is_treated").then(pl.lit("mail")).otherwise(pl.lit("none")).alias("arm"),
        (~pl.col("is_retained")).cast(pl.Int8).alias("left"),
        "silent_days",
        "usage",
        "plan",
        pl.col("usage").round(2).alias("fee"),
        pl.lit("=1+1").alias("note"),
        pl.col("is_retained").cast(pl.Int8).alias("paid_later"),
    ).write_csv(path)
    return frame


def file_of(path: Path, **more: object) -> ExperimentFile:
    given: dict[str, object] = {"treated": "mail", "is_unwanted": True, "exclude": ("paid_later",), "name": "trial"}
    return ExperimentFile(path, "arm", "left", **(given | more))  # type: ignore[arg-type]  # a test's own choice


@pytest.fixture
def trial(tmp_path: Path) -> ExperimentFile:
    """An experiment in which contact moves the silent and drives plan gold away."""
    write(tmp_path / "Spring trial.csv", spread=0.25, effect=0.1, harm=0.25)
    return file_of(tmp_path / "Spring trial.csv", name=None)


def test_a_treatment_that_helps_some_and_harms_others_is_aimed(context, tmp_path) -> None:
    truth = write(tmp_path / "a.csv", count=6_000, spread=0.25, effect=0.05)
    done = analyse_experiment(context, file_of(tmp_path / "a.csv", value=100.0, cost=2.0, planned_share=0.5), **QUICK)
    document = done.document
    assert (document.verdict, document.advice) == ("works", "contact_some")
    assert document.effect is not None
    assert document.effect.low <= 0.05 <= document.effect.high
    everybody, some, nobody = (document.policy(name) for name in ("everybody", "some", "nobody"))
    assert everybody is not None
    assert some is not None
    assert nobody is not None
    tau = truth["tau"].to_numpy()
    best = float(np.clip(100 * tau - 2, 0, None).sum())
    assert everybody.gain.low < (100 * tau - 2).sum() < everybody.gain.high
    assert 0.7 * best < some.gain.value < 1.15 * best
    assert some.over_everybody.low > 0
    assert some.is_out_of_fold
    assert nobody.gain.value == 0
    assert (
        nobody.total.low
        < 100 * (1 - truth.filter(~pl.col("is_treated"))["is_retained"].not_().mean()) * 6_000
        < nobody.total.high
    )  # type: ignore[operator]
    assert document.words.headline.startswith("It works")
    assert document.words.headline in re.sub(r"&#39;", "'", done.page.read_text(encoding="utf-8")).replace("\n", " ")


def test_a_file_that_repeats_customers_or_lacks_what_the_model_goes_by_is_not_decided(context, tmp_path) -> None:
    write(tmp_path / "a.csv", count=3_000, spread=0.3, effect=0.05)
    terms = file_of(tmp_path / "a.csv", value=100.0, cost=2.0, planned_share=0.5, customer="customer_id")
    analyse_experiment(context, terms, **QUICK)
    others = pl.read_csv(tmp_path / "a.csv").head(50)
    pl.concat([others, others.head(2)]).write_csv(tmp_path / "twice.csv")
    with pytest.raises(ContractBroken, match="2 customers stand in more than one row"):
        apply_experiment(context, "trial", tmp_path / "twice.csv", tmp_path / "list.csv")
    others.with_columns(silent_days=pl.lit(None, dtype=pl.Int64)).write_csv(tmp_path / "empty.csv")
    with pytest.raises(ContractBroken, match="`silent_days` is empty for all 50 customers"):
        apply_experiment(context, "trial", tmp_path / "empty.csv", tmp_path / "list.csv")
    others.write_csv(tmp_path / "good.csv")
    assert apply_experiment(context, "trial", tmp_path / "good.csv", tmp_path / "list.csv").customers == 50


def test_proven_harm_says_do_not_contact_and_never_go_by_risk(context, tmp_path) -> None:
    write(tmp_path / "a.csv", effect=-0.118)
    done = analyse_experiment(context, file_of(tmp_path / "a.csv", value=100.0), **QUICK)
    document = done.document
    assert (document.verdict, document.advice) == ("harms", "contact_nobody")
    assert "Do not contact." in document.words.headline
    page = done.page.read_text(encoding="utf-8")
    assert "Do not contact." in page
    assert "risk" not in document.words.model_dump_json()
    applied = apply_experiment(context, "trial", tmp_path / "a.csv", tmp_path / "list.csv")
    assert applied.contacted == 0
    assert not pl.read_csv(tmp_path / "list.csv")["contact"].any()
    learnt = latest_learning(context, "trial")
    assert learnt is not None
    assert learnt.is_harmful
    assert "nobody is to be contacted" in learnt.sentence


def test_what_may_be_nothing_is_not_rolled_out(context, tmp_path) -> None:
    write(tmp_path / "a.csv", effect=0.0, seed=5)
    document = analyse_experiment(context, file_of(tmp_path / "a.csv", value=100.0, cost=1.0), **QUICK).document
    assert (document.verdict, document.advice) == ("no_proof", "contact_nobody")
    assert document.detectable is not None
    assert f"{100 * document.detectable:.2f} points four times in five" in document.words.advice


@pytest.mark.parametrize(
    ("off", "state", "verdict"),
    [(0.0, "as_planned", "works"), (2.9, "suspicious", "works"), (4.0, "broken", "split_broken")],
)
def test_the_split_is_held_to_the_planned_share(context, tmp_path, off, state, verdict) -> None:
    share = float(write(tmp_path / "a.csv", effect=0.15)["is_treated"].mean())  # type: ignore[arg-type]  # a share
    planned = share + off * (0.25 / 3_000) ** 0.5  # so many standard errors: p = 1, .004, .00006
    document = analyse_experiment(context, file_of(tmp_path / "a.csv", planned_share=planned), **QUICK).document
    assert document.split.state == state
    assert document.verdict == verdict
    assert (document.effect is None) == (state == "broken")
    assert (document.policies == ()) == (state == "broken")
    assert any("such a difference comes by chance" in note for note in document.words.notes) == (state == "suspicious")


def test_a_broken_split_gives_no_list(context, tmp_path) -> None:
    write(tmp_path / "a.csv", effect=0.15)
    analyse_experiment(context, file_of(tmp_path / "a.csv", planned_share=0.9), **QUICK)
    with pytest.raises(CampaignError, match="its split is broken"):
        apply_experiment(context, "trial", tmp_path / "a.csv", tmp_path / "list.csv")


def test_the_effect_is_over_all_rows_also_without_any_other_column(context, tmp_path) -> None:
    rows = {"arm": [1.0] * 500 + [0.0] * 500, "left": [1] * 50 + [0] * 450 + [1] * 100 + [0] * 400}
    pl.DataFrame(rows).write_csv(tmp_path / "a.csv")
    document = analyse_experiment(
        context, ExperimentFile(tmp_path / "a.csv", "arm", "left", control="0", treated="1", is_unwanted=True)
    ).document
    assert document.effect is not None
    assert document.effect.delta == pytest.approx(0.1)
    assert (document.effect.low, document.effect.high) == pytest.approx((0.0562, 0.1437), abs=1e-3)
    assert document.unit == "outcomes"
    assert document.unlearnt == "the file holds no other column"
    assert (document.verdict, document.advice) == ("works", "contact_everybody")
    everybody = document.policy("everybody")
    assert everybody is not None
    assert everybody.gain.value == pytest.approx(100.0)


def test_amounts_that_come_with_the_outcome_are_added_up_as_assigned(context, tmp_path) -> None:
    rows = {
        "arm": ["T"] * 400 + ["C"] * 400,
        "bought": [1] * 80 + [0] * 320 + [1] * 40 + [0] * 360,
        "spent": [50.0] * 80 + [0.0] * 320 + [60.0] * 40 + [0.0] * 360,
    }
    pl.DataFrame(rows).write_csv(tmp_path / "a.csv")
    document = analyse_experiment(
        context,
        ExperimentFile(tmp_path / "a.csv", "arm", "bought", control="C", value="spent", cost=1.0, incentive=5.0),
    ).document
    everybody = document.policy("everybody")
    assert everybody is not None
    # A treated customer brings (80 x 50 - 80 x 5) / 400 - 1, an untreated one 40 x 60 / 400.
    assert everybody.gain.value == pytest.approx(800 * (9.0 - 1.0 - 6.0))
    assert not document.worth.is_known_before
    assert document.worth.value == pytest.approx((80 * 50 + 40 * 60) / 120)


def test_a_few_amounts_without_the_outcome_make_no_value_known_before_and_are_told(context, tmp_path) -> None:
    rows = {
        "arm": ["T"] * 400 + ["C"] * 400,
        "bought": [1] * 80 + [0] * 320 + [1] * 40 + [0] * 360,
        "spent": [50.0] * 80 + [-20.0] * 3 + [0.0] * 317 + [60.0] * 40 + [0.0] * 360,  # three gave back what they had
    }
    pl.DataFrame(rows).write_csv(tmp_path / "a.csv")
    document = analyse_experiment(
        context, ExperimentFile(tmp_path / "a.csv", "arm", "bought", control="C", value="spent", cost=1.0)
    ).document
    assert not document.worth.is_known_before
    assert document.worth.value == pytest.approx((80 * 50 + 40 * 60) / 120)
    assert document.worth.not_counted == 3
    assert any(
        "`spent` holds amounts for 3 customers whose `bought` is not as wanted" in note for note in document.words.notes
    )


def test_the_policy_is_applied_to_new_customers_with_their_own_values(context, tmp_path) -> None:
    write(tmp_path / "a.csv", count=6_000, spread=0.25, effect=0.05)
    truth = write(tmp_path / "new.csv", count=4_000, seed=9, spread=0.25, effect=0.05)
    analyse_experiment(context, file_of(tmp_path / "a.csv", value="fee", cost=0.5), **QUICK)
    applied = apply_experiment(context, "trial", tmp_path / "new.csv", tmp_path / "list.csv")
    listed = pl.read_csv(tmp_path / "list.csv")
    assert listed.columns == ["customer_id", "contact", "reason", "uplift", "expected_gain", "is_harmed"]
    assert applied.customers == 4_000
    assert applied.contacted == listed["contact"].sum()
    worth = truth["tau"].to_numpy() * truth["usage"].to_numpy() - 0.5
    chosen = listed["contact"].to_numpy()
    assert worth[chosen].sum() > 0.8 * np.clip(worth, 0, None).sum()
    assert listed.filter("contact")["expected_gain"].min() > 0  # type: ignore[operator]
    with pytest.raises(NotFound, match="Did you mean `trial`"):
        apply_experiment(context, "trail", tmp_path / "new.csv", tmp_path / "list.csv")
    pl.read_csv(tmp_path / "new.csv").drop("fee").write_csv(tmp_path / "less.csv")
    with pytest.raises(ConfigError, match="no column `fee`"):
        apply_experiment(context, "trial", tmp_path / "less.csv", tmp_path / "list.csv")
    by_sql_too = {"value": "1.0 * fee", "cost": "0.25 + 0.25", "exclude": ("paid_later", "fee")}
    analyse_experiment(context, file_of(tmp_path / "a.csv", **by_sql_too), **QUICK)
    by_sql = apply_experiment(context, "trial", tmp_path / "new.csv", tmp_path / "list.csv")
    assert (by_sql.contacted, by_sql.expected_gain) == (applied.contacted, pytest.approx(applied.expected_gain))
    with pytest.raises(ConfigError, match="no column `fee`, by which the experiment told --value"):
        apply_experiment(context, "trial", tmp_path / "less.csv", tmp_path / "list.csv")


def test_values_and_costs_may_be_sql_over_columns_and_come_to_the_same_as_a_column_of_them(tmp_path) -> None:
    write(tmp_path / "a.csv", count=400)
    rows = pl.read_csv(tmp_path / "a.csv").with_columns(
        worth=3.0 * pl.col("fee") + 20.0,
        cost=pl.when(pl.col("plan") == "gold").then(0.5).otherwise(2.0),
    )
    rows.write_csv(tmp_path / "b.csv")
    by_column = read_experiment(file_of(tmp_path / "b.csv", value="worth", cost="cost", incentive=1.5))
    sql = {"value": "3 * FEE + 20", "cost": "case when plan = 'gold' then 0.5 else 2 end", "incentive": "3 / 2.0"}
    by_sql = read_experiment(file_of(tmp_path / "a.csv", **sql))
    assert by_sql.is_value_known_before
    for name in ("value", "expected_value", "contact_cost", "incentive_cost"):
        assert getattr(by_sql.prices, name) == pytest.approx(getattr(by_column.prices, name))
    assert {"fee", "plan"} <= {feature.name for feature in by_sql.features}  # known before, so they are learnt from
    spent = read_experiment(file_of(tmp_path / "a.csv", value="10 * paid_later", exclude=()))
    assert not spent.is_value_known_before
    assert "paid_later" not in {feature.name for feature in spent.features}


def test_groups_that_are_harmed_are_told_as_exploratory_and_left_alone(context, trial, tmp_path) -> None:
    document = analyse_experiment(context, trial, **QUICK).document
    assert document.name == "spring_trial_mail_left"
    assert document.ranking is not None
    assert any(group.text == "plan is gold" for group in document.ranking.groups)
    assert any(part.sentence.startswith("Exploratory") for part in document.words.story)
    apply_experiment(context, document.name, trial.path, tmp_path / "list.csv")
    listed = pl.read_csv(tmp_path / "list.csv")
    golden = listed.join(pl.read_csv(trial.path), on="customer_id").filter(pl.col("plan") == "gold")
    assert not golden["contact"].any()


def test_the_finding_is_kept_and_plans_of_that_name_go_by_it(context, trial) -> None:
    first = analyse_experiment(context, trial, **QUICK).document
    second = analyse_experiment(context, trial, **QUICK).document
    assert first.version != second.version
    assert kept_experiment(context, second.name) == second
    assert [row.version for row in experiments(context)] == [second.version]
    loaded = latest_uplift(context, second.name)
    assert loaded is not None
    assert loaded.version == second.uplift_version
    assert first.model_copy(update={"version": "", "uplift_version": "", "analysed_at": None, "seconds": 0}) == (
        second.model_copy(update={"version": "", "uplift_version": "", "analysed_at": None, "seconds": 0})
    )


def test_the_arms_are_named_or_recognised(trial) -> None:
    rows = read_experiment(trial)
    assert {feature.name for feature in rows.features} == {"silent_days", "usage", "plan", "fee", "note"}
    assert rows.frame.equals(read_experiment(replace(trial, treated=None, control="none")).frame)


@pytest.mark.parametrize(
    ("given", "what"),
    [
        ({"treated": None, "control": "nobody"}, "--control: `arm` has no value `nobody`"),
        ({"treated": "mial"}, "--treated: `arm` has no value `mial`"),
        ({"treated": "none", "control": "none"}, "--control: --treated and --control are the same arm, `none`"),
    ],
)
def test_a_wrong_arm_is_named_by_its_option(trial, given, what) -> None:
    with pytest.raises(ConfigError, match=re.escape(what)):
        read_experiment(replace(trial, **given))


@pytest.mark.parametrize("written", [[1, 0], [1.0, 0.0], ["1", "0"], [True, False], ["1.0", "0.0"]])
@pytest.mark.parametrize("named", ["1", "1.0"])
def test_1_is_the_same_arm_however_it_is_written(tmp_path, written, named) -> None:
    path = tmp_path / "a.parquet"
    pl.DataFrame({"arm": written * 30, "stayed": [1, 0] * 30}).write_parquet(path)
    rows = read_experiment(ExperimentFile(path, "arm", "stayed", control="0", treated=named))
    assert rows.frame["is_treated"].to_list() == [True, False] * 30


def test_readers_options_of_sources_apply(tmp_path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("kunde;arm;blieb;wert\n007;Größe;1;1.234,50\n008;ohne;0;12,5\n".encode("cp1252"))
    rows = read_experiment(
        ExperimentFile(
            path,
            "arm",
            "blieb",
            control="ohne",
            customer="kunde",
            value="wert",
            options={"delim": ";", "decimal_separator": ",", "encoding": "cp1252"},
        )
    )
    assert rows.frame["customer_id"].to_list() == ["007", "008"]
    assert rows.prices.value.tolist() == [1234.5, 12.5]
    with pytest.raises(ConfigError, match=r"no option `delimiter` for csv.*Did you mean"):
        read_experiment(ExperimentFile(path, "arm", "blieb", options={"delimiter": ";"}))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"treated": None}, r"--treated: it is not said which arm of `arm` this is\. It holds `mail`, `none`"),
        ({"treated": "post"}, "`arm` has no value `post`"),
        ({"treated": "mail", "control": "mail"}, "--treated and --control are the same arm, `mail`"),
        ({"treatment": "arms"}, "no column `arms`. Did you mean `arm`"),
        ({"exclude": ("spend",)}, "no column `spend`"),
        ({"is_unwanted": None}, r"not said whether 1 in `left`.*--unwanted"),
        ({"cost": 2.0}, "a cost is named and no value"),
        ({"value": 5.0, "cost": -2.0}, "a cost is an amount of 0 or more"),
        ({"value": "plan"}, "column `plan` holds text, not amounts"),
        ({"value": "2 * fe"}, "--value, Spring trial.csv: no column `fe`. Did you mean `fee`"),
        ({"value": "fee || 'x'"}, r"may not be used in a term"),
        ({"value": "case when fee > 1 then 'much' end"}, "--value: the amount is string, not a number"),
        ({"value": 5.0, "cost": "plan * 2"}, "--cost: the amount cannot be computed"),
        ({"value": 5.0, "incentive": "0 - fee - 1"}, "--incentive: a cost is an amount of 0 or more"),
        ({"planned_share": 50.0}, "no share between 0 and 1"),
    ],
)
def test_what_is_said_of_the_columns_must_fit_them(trial, change, message) -> None:
    with pytest.raises(ConfigError, match=message):
        read_experiment(replace(trial, **change))


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ({"stayed": [1, None, 0]}, r"`stayed` is empty for 1 customers \(0 treated, 1 control\)"),
        ({"stayed": [1, 2, 0]}, "`stayed` holds '2', not 0 and 1.*--value stayed"),
        ({"customer_id": ["a", "a", "b"]}, "1 customers stand in more than one row, such as `a`"),
    ],
)
def test_rows_that_cannot_be_compared_are_refused(tmp_path, rows, message) -> None:
    path = tmp_path / "a.csv"
    pl.DataFrame({"customer_id": ["a", "b", "c"], "arm": [1, 0, 1], "stayed": [1, 0, 1], **rows}).write_csv(path)
    with pytest.raises(ContractBroken, match=message):
        read_experiment(ExperimentFile(path, "arm", "stayed", control="0"))


def test_a_file_that_cannot_be_read_is_named(tmp_path) -> None:
    with pytest.raises(ConfigError, match=r"gone\.csv: there is no such file"):
        read_experiment(ExperimentFile(tmp_path / "gone.csv", "arm", "stayed"))
    (tmp_path / "letter.docx").touch()
    with pytest.raises(ConfigError, match=r"cannot tell the format of letter\.docx"):
        read_experiment(ExperimentFile(tmp_path / "letter.docx", "arm", "stayed"))


def test_a_column_that_tells_the_outcome_alone_is_given_to_no_model_and_named(context, tmp_path) -> None:
    write(tmp_path / "a.csv")
    document = analyse_experiment(context, file_of(tmp_path / "a.csv", exclude=()), **QUICK).document
    assert document.known_afterwards == ("paid_later",)
    assert "paid_later" not in document.columns
    assert any(note.startswith("`paid_later` tells `left` almost by itself") for note in document.words.notes)
    assert document.ranking is not None
    rows = analyse_experiment(context, file_of(tmp_path / "a.csv"), **QUICK).document
    assert rows.known_afterwards == ()
    assert rows.ranking == document.ranking  # as if it had not been there


def test_a_column_that_hardly_anybody_without_the_outcome_lacks_is_one_too(context, tmp_path) -> None:
    """A visit comes before every purchase: its AUC is below the bound, yet whoever did not visit never bought."""
    random = np.random.default_rng(4)
    visited = random.random(6_000) < 0.2
    bought = visited & (random.random(6_000) < 0.3)
    rows = {"arm": np.arange(6_000) % 2, "visit": visited, "bought": bought, "age": random.integers(18, 80, 6_000)}
    pl.DataFrame(rows).write_csv(tmp_path / "a.csv")
    trial = ExperimentFile(tmp_path / "a.csv", "arm", "bought", treated="1")
    assert analyse_experiment(context, trial, **QUICK).document.known_afterwards == ("visit",)


def test_an_outcome_in_words_is_read_as_told_or_refused_with_the_way_to_tell_it(tmp_path) -> None:
    pl.DataFrame({"arm": ["a", "b"] * 4, "kauf": ["Ja", "nein", "ja", "NEIN"] * 2}).write_csv(tmp_path / "a.csv")
    trial = ExperimentFile(tmp_path / "a.csv", "arm", "kauf", treated="a", control="b")
    with pytest.raises(ContractBroken) as refused:
        read_experiment(trial)
    assert refused.value.remedy is not None
    assert """--option 'codes={ "kauf" = { "ja" = true, "nein" = false } }'""" in refused.value.remedy
    codes = {"codes": {"kauf": {"ja": True, "nein": False}}}
    assert read_experiment(replace(trial, options=codes)).happened.tolist() == [1, 0, 1, 0] * 2
    with pytest.raises(ContractBroken, match="'nein', not 0 and 1"):
        read_experiment(replace(trial, options={"codes": {"kauf": {"ja": True}}}))
    with pytest.raises(ConfigError, match="says of a column what its words mean"):
        read_experiment(replace(trial, options={"codes": {"kauf": "ja"}}))
    pl.DataFrame({"arm": ["a", "b"] * 4, "kauf": ["Yes", "no", "yes", "NO"] * 2}).write_csv(tmp_path / "a.csv")
    assert read_experiment(trial).happened.tolist() == [1, 0, 1, 0] * 2


def test_stores_assigned_as_a_whole_are_judged_as_stores(context, tmp_path) -> None:
    """Four hundred customers of a store leave alike: by customers it is proof of harm, by stores it is nothing."""
    rng = np.random.default_rng(4)
    store = np.repeat(np.arange(12), 400)
    churn = 0.15 + np.linspace(-0.06, 0.06, 12)
    arm = np.isin(np.arange(12), [1, 3, 6, 7, 9, 10, 11]).astype(int)
    pl.DataFrame(
        {
            "store": [f"store {number}" for number in store],
            "usage": rng.normal(size=store.size).round(3),
            "arm": arm[store],
            "left": (rng.random(store.size) < churn[store]).astype(int),
        }
    ).write_csv(tmp_path / "stores.csv")
    file = ExperimentFile(tmp_path / "stores.csv", "arm", "left", is_unwanted=True, value=10.0, planned_share=0.5)
    document = analyse_experiment(context, file, **QUICK).document
    by_customer = analyse_experiment(context, replace(file, exclude=("store",), planned_share=None), **QUICK).document
    assert by_customer.verdict == "harms"
    assert document.verdict == "no_proof"
    assert document.split.state == "as_planned"  # 7 of 12 stores, though 2,800 of 4,800 customers were not
    assert document.effect is not None
    assert by_customer.effect is not None
    assert document.effect.delta == by_customer.effect.delta
    everybody = document.policy("everybody")
    assert everybody is not None
    assert everybody.gain.low < 0 < everybody.gain.high
    assert document.detectable > 1.5 * by_customer.detectable
    assert document.policy("some") is None
    assert "whole groups were assigned" in document.words.notes[0]
    assert [column.is_whole for column in document.imbalances] == [True]


def test_groups_that_nobody_could_find_are_named(context, tmp_path) -> None:
    """Households of two who leave together are too small to be found, and stores too where a few customers changed the arm."""
    rng = np.random.default_rng(6)
    house = np.repeat(np.arange(1_500), 2)
    arm = rng.permutation(np.repeat([0, 1], 750))[house]
    left = (rng.random(1_500) < 0.2)[house].astype(int)
    frame = pl.DataFrame({"house": [f"H{number}" for number in house], "arm": arm, "left": left})
    frame.write_csv(tmp_path / "houses.csv")
    file = ExperimentFile(tmp_path / "houses.csv", "arm", "left", is_unwanted=True, planned_share=0.5, value=10.0)
    by_customer = analyse_experiment(context, replace(file, exclude=("house",)), **QUICK).document
    named = analyse_experiment(context, replace(file, group="house"), **QUICK).document
    assert named.terms.group == "house"
    assert named.groups is not None
    assert named.groups.as_json() == {"column": "house", "treated": 750, "control": 750, "mixed": 0}
    assert named.effect is not None
    assert by_customer.effect is not None
    # Two who always leave together are one: as many houses as customers would need intervals of half the customers.
    means = frame.group_by("house").agg(pl.col("arm").first(), pl.col("left").mean())
    parts = [means.filter(arm=side)["left"] for side in (0, 1)]
    half = 1.961 * sum(float(part.var()) / part.len() for part in parts) ** 0.5
    assert named.effect.high - named.effect.delta == pytest.approx(half, rel=0.01)
    assert (named.effect.high - named.effect.low) / (by_customer.effect.high - by_customer.effect.low) > 1.38
    assert named.columns == ()
    assert named.words.notes[0] == (
        "Intervals are those of groups drawn by chance: 750 of `house` were treated, 750 left alone."
    )
    moved = pl.when(pl.int_range(pl.len()) == 0).then(1 - pl.col("arm")).otherwise("arm")
    frame.with_columns(arm=moved).write_csv(tmp_path / "houses.csv")
    mixed = analyse_experiment(context, replace(file, group="house"), **QUICK).document
    assert mixed.groups is not None
    assert mixed.groups.mixed == 1
    assert "customers in both arms" in mixed.words.notes[1]
    with pytest.raises(CampaignError, match="an arm has a single group of `arm`"):
        analyse_experiment(context, replace(file, group="arm"), **QUICK)
    with pytest.raises(ConfigError, match=r"no column `houses`\. Did you mean `house`"):
        analyse_experiment(context, replace(file, group="houses"), **QUICK)


def test_an_outcome_may_be_a_condition_on_what_was_spent(tmp_path) -> None:
    path = tmp_path / "a.csv"
    spent = [0.0, 12.5, 0.0, 7.0] * 20
    pl.DataFrame({"arm": ["mail", "none"] * 40, "spent": spent, "age": list(range(80))}).write_csv(path)
    rows = read_experiment(ExperimentFile(path, "arm", "spent > 0", control="none", value="spent"))
    assert rows.happened.tolist() == [float(amount > 0) for amount in spent]
    assert rows.prices.value.tolist() == spent
    assert {feature.name for feature in rows.features} == {"age"}  # what was spent came with the outcome
    with pytest.raises(ContractBroken, match=re.escape('--outcome "spent > 0"')):
        read_experiment(ExperimentFile(path, "arm", "spent", control="none", value="spent"))
    with pytest.raises(ConfigError, match=r"no column `spend`\. Did you mean `spent`"):
        read_experiment(ExperimentFile(path, "arm", "spend > 0", control="none"))


@pytest.mark.parametrize(
    ("cost", "lift", "more", "headline", "note"),
    [
        (0.0, 0.0, 3.0, "Not proven", "gains beyond chance"),
        (4.0, 0.0, 1.0, "Not proven", "loses beyond chance"),
        (9.0, 0.1, 1.0, "It works, and costs more than it brings", None),
        (2.0, 0.1, 1.0, "It works, and is not shown to pay", None),
    ],
)
def test_money_that_is_proven_is_said_beside_an_effect_that_is_not(
    context, tmp_path, cost: float, lift: float, more: float, headline: str, note: str | None
) -> None:
    """Who is contacted spends `more` times as much, and `lift` more of them spend."""
    rng = np.random.default_rng(6)
    treated = np.arange(4_000) % 2
    bought = (np.arange(4_000) // 2 % 100 < 20 + 100 * lift * treated).astype(int)
    spent = np.where(bought == 1, rng.gamma(4, 5, 4_000) * np.where(treated == 1, more, 1.0), 0.0).round(2)
    pl.DataFrame({"arm": treated, "bought": bought, "spent": spent}).write_csv(tmp_path / "a.csv")
    file = ExperimentFile(tmp_path / "a.csv", "arm", "bought", value="spent", cost=cost, planned_share=0.5)
    words = analyse_experiment(context, file, **QUICK).document.words
    assert words.headline.startswith(headline)
    notes = [text for text in words.notes if text.startswith("In money")]
    assert len(notes) == (note is not None)
    assert note is None or note in notes[0]
