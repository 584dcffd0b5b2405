"""The model that serves: from a frame of features to raw scores and calibrated churn probabilities."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from churn.modeling.candidates import RawUnit, candidate
from churn.modeling.causes import CauseModel
from churn.modeling.encoding.columns import Floats
from churn.modeling.encoding.encoder import Encoder, Matrix
from churn.modeling.judging.calibration import Calibrator

if TYPE_CHECKING:
    from churn.snapshots.policy import SnapshotPolicy
    from churn.warehouse.models.sql_models import FeatureDoc


@dataclass(frozen=True)
class Predictions:
    """One row per customer, (n,) each: `raw_score` in the model's raw unit, `churn_probability` calibrated."""

    raw_score: Floats
    churn_probability: Floats


@dataclass(frozen=True, eq=False)  # one loaded model is itself and no other: caches go by it
class ServedModel:
    """A fitted candidate with its encoder and calibrator.

    `kind` is the candidate's name. `raw_unit` says what a raw score is: log-odds, but for the random forest, whose is
    a probability (mean of trees). `background` (at most 200, m) are encoded training rows that stand for the
    population. `threshold` is the probability from which contacting paid most. `causes` splits the probability by
    cause, None where the data told of one cause only.
    """

    kind: str
    features: tuple[FeatureDoc, ...]
    policy: SnapshotPolicy
    fingerprint: str
    encoder: Encoder
    estimator: Any
    calibrator: Calibrator
    background: Matrix
    threshold: float
    causes: CauseModel | None = None

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The features the model was given, in order; `contributions` of an explanation follow it."""
        return self.encoder.features

    @property
    def encoded_names(self) -> tuple[str, ...]:
        """Name of each column of the encoded matrix, (m,)."""
        return self.encoder.encoded_names

    @property
    def group_of(self) -> NDArray[np.int64]:
        """For each encoded column the index of its feature in `feature_names`, (m,)."""
        return self.encoder.group_of

    @cached_property
    def raw_unit(self) -> RawUnit:
        """`log_odds` or `probability`."""
        return candidate(self.kind).raw_unit

    def matrix(self, frame: pl.DataFrame) -> Matrix:
        """Return the encoded rows, (n, m) float32 without NaN. Raises ModelError naming features that are absent."""
        return self.encoder.transform(frame)

    def raw_scores(self, matrix: Matrix) -> Floats:
        """Return the raw score of encoded rows, (n,)."""
        return candidate(self.kind).score(self.estimator, matrix)

    def involuntary_probability(self, frame: pl.DataFrame, churn_probability: Floats) -> Floats | None:
        """Return the part of each row's probability that is involuntary, (n,); None where it is not known well enough."""
        if self.causes is None or not self.causes.is_trusted:
            return None
        return churn_probability * self.causes.share(frame)

    def predict(self, frame: pl.DataFrame) -> Predictions:
        """Return raw score and calibrated probability of each row. Raises ModelError naming features that are absent."""
        raw = self.raw_scores(self.matrix(frame)) if frame.height else np.empty(0)
        return Predictions(raw, self.calibrator(raw))
