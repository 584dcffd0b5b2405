"""Scores and explains rows, each of which gives the same whoever the others are: here, or in the tasks of a cluster."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, cast

import numpy as np

from churn.errors import ModelError
from churn.modeling import Explanation, LifetimeFigures, explain_encoded, reasons_json

if TYPE_CHECKING:
    import polars as pl
    from numpy.typing import NDArray

    from churn.modeling import Lifetime, ServedModel
    from churn.modeling.reasons.explain import Method

TOP_REASONS = 5


@dataclass(frozen=True)
class ExplainedRows:
    """What a model says of n customers: why each scores so, the involuntary part, months ahead, and the reasons as JSON."""

    explanation: Explanation
    involuntary: NDArray[np.float64] | None
    ahead: LifetimeFigures | None
    reasons: pl.Series


@dataclass(frozen=True)
class ExplainRows:
    """Scores rows with `model`, and with `lifetime` looks months ahead where there is one.

    A product of matrices rounds by its shape and by the number of threads. So rows are worked on in blocks of `rows` by
    one thread of linear algebra: parts that are cut between blocks give the bits of the whole.
    """

    version: str
    model: ServedModel
    lifetime: Lifetime | None
    discount_rate: float
    rows: int = 16_384

    @property
    def key(self) -> str:
        """The version, which names a bundle that never changes, and what else the figures follow from."""
        return f"{self.version} {self.model.fingerprint} {self.lifetime is not None} {self.discount_rate!r}"

    def __call__(self, frame: pl.DataFrame) -> ExplainedRows:
        """Score and explain every row of `frame`. Raises ModelError when the model returns something other than numbers."""
        from threadpoolctl import threadpool_limits

        model = self.model
        blocks = [slice(first, first + self.rows) for first in range(0, max(frame.height, 1), self.rows)]
        with threadpool_limits(1, "blas"):
            matrix = model.matrix(frame)
            raw_score = np.concatenate([model.raw_scores(matrix[block]) for block in blocks])
            _refuse_non_numbers(raw_score, self.version)
            explanation = _joined([explain_encoded(model, matrix[block], raw_score[block]) for block in blocks])
            p = explanation.churn_probability
            _refuse_non_numbers(p, self.version)
            shares = [model.involuntary_probability(frame[block], p[block]) for block in blocks]
            known = [share for share in shares if share is not None]
            involuntary = np.concatenate(known) if known else None
            ahead = None
            if self.lifetime is not None:
                figures = [
                    self.lifetime.figures(
                        matrix[block],
                        p[block],
                        None if involuntary is None else involuntary[block],
                        discount_rate=self.discount_rate,
                    )
                    for block in blocks
                ]
                names = [field.name for field in fields(LifetimeFigures)]
                ahead = LifetimeFigures(*(np.concatenate([getattr(part, name) for part in figures]) for name in names))
        reasons = reasons_json(explanation, frame, model.features, top=TOP_REASONS)
        return ExplainedRows(explanation, involuntary, ahead, reasons)

    def pack(self, done: ExplainedRows) -> pl.DataFrame:
        """Return one row for each customer."""
        import polars as pl

        explanation = done.explanation
        columns: dict[str, object] = {
            "raw_score": explanation.raw_score,
            "churn_probability": explanation.churn_probability,
            "reasons": done.reasons,
            **{f"contribution {n}": explanation.contributions[:, n] for n in range(explanation.contributions.shape[1])},
            **{
                f"points {n}": explanation.probability_points[:, n]
                for n in range(explanation.probability_points.shape[1])
            },
        }
        if done.involuntary is not None:
            columns["involuntary"] = done.involuntary
        if done.ahead is not None:
            columns |= {f"within {n}": done.ahead.within[:, n] for n in range(done.ahead.within.shape[1])}
            columns |= {name: getattr(done.ahead, name) for name in _MONTHS}
        return pl.DataFrame(columns).with_columns(
            base_score=pl.lit(explanation.base_score),
            base_probability=pl.lit(explanation.base_probability),
            method=pl.lit(explanation.method),
        )

    def unpack(self, packed: pl.DataFrame) -> ExplainedRows:
        """Return what was packed."""
        features = range(len(self.model.feature_names))
        explanation = Explanation(
            feature_names=tuple(self.model.feature_names),
            base_score=float(packed["base_score"][0]),
            base_probability=float(packed["base_probability"][0]),
            contributions=packed.select(f"contribution {n}" for n in features).to_numpy(),
            probability_points=packed.select(f"points {n}" for n in features).to_numpy(),
            raw_score=packed["raw_score"].to_numpy(),
            churn_probability=packed["churn_probability"].to_numpy(),
            method=cast("Method", packed["method"][0]),
        )
        ahead = None
        if self.lifetime is not None:
            within = [name for name in packed.columns if name.startswith("within ")]
            ahead = LifetimeFigures(packed.select(within).to_numpy(), *(packed[name].to_numpy() for name in _MONTHS))
        involuntary = packed["involuntary"].to_numpy() if "involuntary" in packed.columns else None
        return ExplainedRows(explanation, involuntary, ahead, packed["reasons"])


_MONTHS = tuple(field.name for field in fields(LifetimeFigures) if field.name != "within")


def _refuse_non_numbers(scores: NDArray[np.float64], version: str) -> None:
    count = int(np.count_nonzero(~np.isfinite(scores)))
    if count:
        raise ModelError(
            f"{count:,} scores are not numbers",
            where=version,
            remedy="Roll back with `churn models rollback`, or train again.",
        )


def _joined(parts: Sequence[Explanation]) -> Explanation:
    """Return the explanation of all rows, whose parts follow one another."""
    if len(parts) == 1:
        return parts[0]
    return replace(
        parts[0],
        contributions=np.concatenate([part.contributions for part in parts]),
        probability_points=np.concatenate([part.probability_points for part in parts]),
        raw_score=np.concatenate([part.raw_score for part in parts]),
        churn_probability=np.concatenate([part.churn_probability for part in parts]),
    )
