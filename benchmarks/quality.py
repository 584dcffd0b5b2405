"""Model quality beside regularised HistGradientBoosting, LightGBM, CatBoost and FLAML: same folds, same minutes, one thread."""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.measuring import ROOT
from churn.config import load_settings

if TYPE_CHECKING:
    import polars as pl

    from churn.context import Context
    from churn.snapshots.dataset import TrainingSet

FOLDS = 5
SEED = 7
CUSTOMERS: Final = 4_000  # of a set, at most, drawn once: the contenders' minutes are few
ROWS: Final = 10_000  # of those, at most: the newest snapshots
# Their files, as docs/examples name them; the company is simulated.
DATA_SETS: Final[dict[str, tuple[str, ...]]] = {
    "mlc_churn": ("mlc_churn.csv",),
    "telco_ibm": ("telco.csv",),
    "fightchurn_socialnet7": ("account.parquet", "subscription.parquet", "event.parquet"),
    "cdnow": ("CDNOW_master.txt",),
    "company": (),
}
PAGE = ROOT / "docs" / "model-quality.md"
FIGURES = Path(__file__).parent / "quality.json"
MARK: Final = "<!-- The rest is written by `python -m benchmarks.quality`. -->"
Floats = NDArray[np.float64]
Contender = Callable[["TrainingSet", "pl.DataFrame", float], Floats]
Draw = Callable[[np.random.Generator], dict[str, Any]]  # a library's own arguments
Figures = dict[str, list[dict[str, float]]]
LAST: list[str] = []
CHOSEN: dict[str, list[str]] = {}  # which candidate ours selected, by data set, fold by fold


@dataclass(frozen=True)
class Gap:
    """How far a contender is from ours in one figure: the mean over folds, and half its 95 % interval."""

    mean: float
    half: float

    @property
    def is_reliable(self) -> bool:
        """Whether the interval excludes zero."""
        return abs(self.mean) > self.half


def main() -> int:
    """Run every contender on the same folds of each data set; write docs/model-quality.md and quality.json as sets end."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with telco_ibm/telco.csv and the others")
    parser.add_argument("--minutes", type=float, default=1.0, help="minutes for each contender on each fold")
    parser.add_argument(
        "--sets", nargs="+", choices=[*DATA_SETS], default=[*DATA_SETS], help="only these, the rest kept"
    )
    parser.add_argument(
        "--contenders", nargs="+", choices=[*CONTENDERS], default=[*CONTENDERS], help="only these, the rest kept"
    )
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    kept = json.loads(FIGURES.read_text(encoding="utf-8"))
    sets: dict[str, Figures] = {name: kept["sets"][name] for name in DATA_SETS if name in kept["sets"]}
    CHOSEN.update(kept["chosen"])
    for name in options.sets:
        measured = _compare(name, options.data.resolve() / name, options.minutes, options.contenders)
        rows = {**sets.get(name, {}), **measured}
        sets[name] = {contender: rows[contender] for contender in CONTENDERS if contender in rows}
        ordered = {key: sets[key] for key in DATA_SETS if key in sets}
        values = {"minutes": options.minutes, "chosen": CHOSEN, "sets": ordered}
        FIGURES.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")
        _write({key: rows for key, rows in ordered.items() if set(rows) == set(CONTENDERS)}, options.minutes)
    return 0


def _compare(name: str, folder: Path, minutes: float, contenders: Sequence[str]) -> Figures:
    from threadpoolctl import threadpool_limits

    data = training_set(name, folder)
    y = data.frame["has_churned"].to_numpy().astype(float)
    value = value_of(data)
    fold = _folds(data)
    figures: Figures = {}
    if "churn" in contenders:
        CHOSEN[name] = []
    waited = (
        1.0  # wall clock per second of work: other work on the machine must not shorten the one budget in wall clock
    )
    for number in range(FOLDS):
        train = replace(data, frame=data.frame.filter(fold != number))
        test = data.frame.filter(fold == number)
        for contender in contenders:
            predict = CONTENDERS[contender]
            began, wall = time.process_time(), time.monotonic()
            with threadpool_limits(limits=1):
                p = predict(train, test, minutes * (waited if contender == "FLAML" else 1.0))
            took = time.process_time() - began
            waited = max(1.0, (time.monotonic() - wall) / max(took, 0.1))
            row = _judge(p, y[fold == number], value[fold == number])
            figures.setdefault(contender, []).append({**row, "seconds": took})
            sys.stderr.write(f"{name} fold {number + 1} {contender}: {row} in {took:.0f} s\n")
            if contender == "churn":
                CHOSEN[name].append(LAST[-1])
    return figures


def _folds(data: TrainingSet) -> NDArray[np.int64]:
    """Number the fold of each row: all rows of a customer are in the same."""
    people = data.frame["customer_id"].rank("dense").to_numpy().astype(np.int64) - 1
    if people.size == len(np.unique(people)):  # a row each: in their own order
        return np.asarray(np.random.default_rng(SEED).permutation(people.size) % FOLDS, dtype=np.int64)
    shuffled = np.random.default_rng(SEED).permutation(int(people.max()) + 1)
    return np.asarray(shuffled[people] % FOLDS, dtype=np.int64)


def training_set(name: str, folder: Path) -> TrainingSet:
    """Return the labelled rows of a data set, `folder` holding its files."""
    from churn.workflows.refresh import refresh_warehouse
    from churn.workflows.train.train import assemble_training_set

    with tempfile.TemporaryDirectory() as home:
        context = _company(Path(home)) if name == "company" else _example(name, folder, Path(home))
        refresh_warehouse(context)
        with context.open_warehouse("benchmarks.quality") as warehouse:
            data = assemble_training_set(context, warehouse)
    return replace(data, frame=_some(data.frame.filter(data.frame["has_churned"].is_not_null())))


def _example(name: str, folder: Path, home: Path) -> Context:
    from churn.bootstrap import build_context

    text = (ROOT / "docs" / "examples" / f"{name}.toml").read_text(encoding="utf-8")
    for file in DATA_SETS[name]:
        text = text.replace(f'"{file}"', f'"{(folder / file).as_posix()}"')
    (home / "churn.toml").write_text(text, encoding="utf-8")
    return build_context(settings=load_settings(config=home / "churn.toml", home=home, environ={}))


def _company(home: Path) -> Context:
    from churn.bootstrap import build_context
    from churn.demo import generate_company, sources_toml

    made = generate_company(home / "data", customers=6_000, months=14, seed=SEED)
    text = f"[business]\nvalue_months = 6\n[training]\nsnapshots = 6\n{sources_toml(made)}"
    (home / "churn.toml").write_text(text, encoding="utf-8")
    settings = load_settings(config=home / "churn.toml", home=home, environ={})
    return replace(
        build_context(settings=settings), clock=lambda: datetime.combine(made.cutoff_date, datetime.min.time())
    )


def _some(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of as many customers as the minutes are enough for, the newest rows first where they are many."""
    people = np.sort(frame["customer_id"].unique().to_numpy())
    if frame.height <= ROWS and people.size <= 2 * CUSTOMERS:
        return frame
    drawn = np.random.default_rng(SEED).choice(people, size=min(CUSTOMERS, people.size), replace=False)
    some = frame.filter(frame["customer_id"].is_in(drawn.tolist())).sort("snapshot_date", "customer_id")
    return some.tail(ROWS)


def value_of(data: TrainingSet) -> Floats:
    """Return what saving each customer is worth, (n,)."""
    from churn.decisions.profit import Economics

    terms = Economics(value_months=3, hazard_after_save=0.08)
    return terms.value_of_save(data.frame["monthly_margin"].to_numpy())


def _judge(p: Floats, y: Floats, value: Floats) -> dict[str, float]:
    """AUC, log loss, and the profit per 1,000 customers of contacting whoever is expected to pay, as it turned out."""
    from sklearn.metrics import log_loss, roc_auc_score

    from churn.decisions.profit import Economics, expected_profit

    # An offer dear enough that some are better left alone: a tenth of what a median save is worth.
    terms = Economics(contact_cost=0.1 * float(np.median(value)))
    contacted = expected_profit(p, value, terms) > 0
    profit = float((expected_profit(y, value, terms) * contacted).sum())
    return {
        "auc": float(roc_auc_score(y, p)),
        "log_loss": float(log_loss(y, np.clip(p, 1e-6, 1 - 1e-6))),
        "profit": 1000 * profit / len(y),
    }


def _ours(train: TrainingSet, test: pl.DataFrame, minutes: float) -> Floats:
    from churn.config import SelectionSettings, TrainingSettings
    from churn.decisions.profit import Economics
    from churn.modeling import train_candidates

    result = train_candidates(
        train,
        training=TrainingSettings(tune_minutes=minutes, min_churners=100, min_stayers=100),
        selection=SelectionSettings(),
        economics=Economics(),
        currency="USD",
        split="random",
    )
    LAST.append(result.model.kind.replace("_", " "))
    return result.model.predict(test).churn_probability


def _matrices(train: TrainingSet, test: pl.DataFrame) -> tuple[Any, Floats, Any]:
    """Return what the references learn from: numbers as they are, words one-hot, as most people would do it."""
    import polars as pl

    names = [doc.name for doc in train.features]
    both = pl.concat([train.frame.select(names), test.select(names)])
    # What is all missing, or one value throughout, tells nothing, and the libraries' binning stumbles over it.
    names = [
        name for name in names if train.frame[name].drop_nulls().n_unique() > 1 or train.frame[name].null_count() > 0
    ]
    names = [name for name in names if train.frame[name].null_count() < train.frame.height]
    both = both.select(names)
    words = [name for name in names if both[name].dtype in (pl.String, pl.Categorical, pl.Boolean)]
    matrix = both.with_columns(pl.col(words).cast(pl.String)).to_dummies(words).to_numpy().astype(float)
    count = train.frame.height
    return matrix[:count], train.frame["has_churned"].to_numpy().astype(int), matrix[count:]


def _searched(make: Callable[[dict[str, Any]], Any], draw: Draw, data: Any, minutes: float) -> Floats:
    """Draw settings until the minutes are over, keep those of lowest log loss on a fifth held out, and fit them on all."""
    from sklearn.metrics import log_loss

    x, y, later = data
    held = np.random.default_rng(SEED).random(len(y)) < 0.2
    rng, deadline = np.random.default_rng(SEED), time.process_time() + 60.0 * minutes
    best: tuple[float, dict[str, Any]] = (np.inf, {})
    settings: dict[str, Any] = {}  # the first are the library's own
    while True:
        model = make(settings).fit(x[~held], y[~held])
        loss = float(log_loss(y[held], np.clip(model.predict_proba(x[held])[:, 1], 1e-6, 1 - 1e-6)))
        best = min(best, (loss, settings), key=lambda pair: pair[0])
        if time.process_time() > deadline:
            break
        settings = draw(rng)
    return np.asarray(make(best[1]).fit(x, y).predict_proba(later)[:, 1], dtype=float)


def _hist_gradient_boosting(train: TrainingSet, test: pl.DataFrame, minutes: float) -> Floats:
    from sklearn.ensemble import HistGradientBoostingClassifier

    def draw(rng: np.random.Generator) -> dict[str, Any]:
        return {
            "learning_rate": float(np.exp(rng.uniform(np.log(0.02), np.log(0.2)))),
            "max_iter": int(rng.integers(50, 300)),
            "max_leaf_nodes": int(rng.integers(4, 40)),
            "min_samples_leaf": int(rng.integers(5, 60)),
            "l2_regularization": float(np.exp(rng.uniform(np.log(0.1), np.log(30.0)))),
        }

    return _searched(
        lambda settings: HistGradientBoostingClassifier(random_state=SEED, **settings),
        draw,
        _matrices(train, test),
        minutes,
    )


def _lightgbm(train: TrainingSet, test: pl.DataFrame, minutes: float) -> Floats:
    from lightgbm import LGBMClassifier

    def draw(rng: np.random.Generator) -> dict[str, Any]:
        return {
            "learning_rate": float(np.exp(rng.uniform(np.log(0.02), np.log(0.2)))),
            "n_estimators": int(rng.integers(50, 300)),
            "num_leaves": int(rng.integers(4, 40)),
            "min_child_samples": int(rng.integers(5, 60)),
            "reg_lambda": float(np.exp(rng.uniform(np.log(0.1), np.log(30.0)))),
            "colsample_bytree": float(rng.uniform(0.4, 1.0)),
        }

    return _searched(
        lambda settings: LGBMClassifier(random_state=SEED, n_jobs=1, verbose=-1, **settings),
        draw,
        _matrices(train, test),
        minutes,
    )


def _catboost(train: TrainingSet, test: pl.DataFrame, minutes: float) -> Floats:
    """Give CatBoost the words as they are: its own encoding of categories is what it is known for."""
    import polars as pl
    from catboost import CatBoostClassifier

    names = [doc.name for doc in train.features]
    words = [name for name in names if train.frame[name].dtype in (pl.String, pl.Categorical, pl.Boolean)]
    numbers = [name for name in names if name not in words]
    both = pl.concat([train.frame.select(names), test.select(names)])
    ready = both.select(
        pl.col(numbers).cast(pl.Float64), pl.col(words).cast(pl.String).fill_null("missing")
    ).to_pandas()
    count = train.frame.height
    x, later = ready.iloc[:count], ready.iloc[count:]
    y = train.frame["has_churned"].to_numpy().astype(int)

    def draw(rng: np.random.Generator) -> dict[str, Any]:
        return {
            "learning_rate": float(np.exp(rng.uniform(np.log(0.02), np.log(0.2)))),
            "iterations": int(rng.integers(100, 400)),
            "depth": int(rng.integers(3, 8)),
            "l2_leaf_reg": float(np.exp(rng.uniform(np.log(1.0), np.log(30.0)))),
        }

    def make(settings: dict[str, Any]) -> Any:
        chosen = {"iterations": 200, **settings}
        return CatBoostClassifier(
            random_seed=SEED, thread_count=1, verbose=False, allow_writing_files=False, cat_features=words, **chosen
        )

    return _searched(make, draw, (x, y, later), minutes)


def _flaml(train: TrainingSet, test: pl.DataFrame, minutes: float) -> Floats:
    import polars as pl
    from flaml import AutoML

    # It prepares frames itself: words, missing values.
    names = [doc.name for doc in train.features]
    x, later = (
        frame.with_columns(pl.col(pl.Boolean).cast(pl.Int8)).to_pandas()
        for frame in (train.frame.select(names), test.select(names))
    )
    y = train.frame["has_churned"].to_numpy().astype(int)
    search = AutoML()
    search.fit(x, y, task="classification", metric="log_loss", time_budget=60 * minutes, seed=SEED, verbose=0, n_jobs=1)
    return np.asarray(search.predict_proba(later)[:, 1])


CONTENDERS: dict[str, Contender] = {
    "churn": _ours,
    "HistGradientBoosting": _hist_gradient_boosting,
    "LightGBM": _lightgbm,
    "CatBoost": _catboost,
    "FLAML": _flaml,
}


def _write(sets: dict[str, Figures], minutes: float) -> None:
    kept = PAGE.read_text(encoding="utf-8").split(MARK)[0].rstrip()
    lines = [
        kept,
        "",
        MARK,
        "",
        f"Five folds of customers (`python -m benchmarks.quality --data DIR --minutes {minutes:g}`), the same for all, each contender with the same",
        "minutes of work of one thread (FLAML, which goes by the clock on the wall, with as much more as work had to wait); the three libraries search their own settings by log loss on a fifth of the training part, and are",
        "fitted again on all of it. Ours tunes, calibrates and selects inside each training part. Larger sets are cut to the",
        f"newest {ROWS:,} rows of {CUSTOMERS:,} customers. Profit is money per 1,000 customers when everyone expected to pay is contacted (a",
        "contact costs a tenth of the median value of a save, success 40 %), counted on what happened. `against ours`: mean",
        "over folds of the paired difference and its 95 % interval (t, 4 degrees of freedom).",
        "",
        "| | mean rank in log loss | mean rank in profit |",
        "|---|---:|---:|",
    ]
    ranks = {figure: _mean_ranks(sets, figure) for figure in ("log_loss", "profit")}
    lines += [f"| {name} | {ranks['log_loss'][name]:.2f} | {ranks['profit'][name]:.2f} |" for name in CONTENDERS]
    lines += ["", _verdict(sets)]
    for name, figures in sets.items():
        lines += ["", f"## {name}", "", "| | AUC | log loss | against ours | profit | against ours | seconds a fold |"]
        lines.append("|---|---:|---:|---:|---:|---:|---:|")
        for contender, rows in figures.items():
            loss, profit = _gap(figures, contender, "log_loss"), _gap(figures, contender, "profit")
            ours = contender == "churn"
            cells = [
                f"{_mean(rows, 'auc'):.4f}",
                f"{_mean(rows, 'log_loss'):.4f}",
                "" if ours else f"{loss.mean:+.4f} ± {loss.half:.4f}",
                f"{_mean(rows, 'profit'):,.0f}",
                "" if ours else f"{profit.mean:+,.0f} ± {profit.half:,.0f}",
                f"{_mean(rows, 'seconds'):.0f}",
            ]
            lines.append(f"| {contender} | {' | '.join(cells)} |")
        lines += ["", f"Selected, fold by fold: {', '.join(CHOSEN[name])}."]
    PAGE.write_text("\n".join([*lines, ""]), encoding="utf-8")


def _verdict(sets: dict[str, Figures]) -> str:
    """Say where another contender is reliably better than ours."""
    beaten = []
    for name, figures in sets.items():
        for contender in figures:
            for figure, word, sign in (("log_loss", "log loss", -1.0), ("profit", "profit", 1.0)):
                gap = _gap(figures, contender, figure)
                if contender != "churn" and gap.is_reliable and sign * gap.mean > 0:
                    beaten.append(f"{contender} on {name} in {word}")
    if not beaten:
        return "No contender is reliably better than ours on any set, in log loss or in profit."
    return f"Reliably better than ours: {'; '.join(beaten)}."


def _gap(figures: Figures, contender: str, figure: str) -> Gap:
    from scipy.stats import t

    apart = np.array([row[figure] for row in figures[contender]]) - np.array([row[figure] for row in figures["churn"]])
    half = float(t.ppf(0.975, apart.size - 1) * apart.std(ddof=1) / apart.size**0.5)
    return Gap(float(apart.mean()), half)


def _mean_ranks(sets: dict[str, Figures], figure: str) -> dict[str, float]:
    """Return each contender's mean rank over the sets, 1 for the best mean over folds."""
    places: dict[str, list[int]] = {name: [] for name in CONTENDERS}
    for figures in sets.values():
        ordered = sorted(figures, key=lambda name: _mean(figures[name], figure) * (1 if figure == "log_loss" else -1))
        for name in CONTENDERS:
            places[name].append(ordered.index(name) + 1)
    return {name: statistics.fmean(ranks) for name, ranks in places.items()}


def _mean(rows: Sequence[dict[str, float]], key: str) -> float:
    return statistics.fmean(row[key] for row in rows)


if __name__ == "__main__":
    raise SystemExit(main())
