"""The model of uplift that serves, and how it is kept: in a folder without pickle, whole or absent.

manifest.json      format, and the SHA-256 of every other file
uplift.json        learner, candidate, features, encoder, harmful groups
NAME.skops         each estimator of the learner, or NAME.ubj
out_of_fold.parquet the campaign's customers with arm, outcome, and uplift by models that did not see them
result.json        what was found, with provenance
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from churn.documents.uplift import HarmedGroup, UpliftDocument, UpliftPart
from churn.errors import ModelError
from churn.modeling.candidates import candidate
from churn.modeling.encoding.columns import Floats
from churn.modeling.encoding.encoder import Encoder
from churn.modeling.serving.bundles import (
    load_estimator,
    read_document,
    save_estimator,
    verify,
    write_json,
    write_whole,
)
from churn.modeling.uplift.contest import Fitted
from churn.modeling.uplift.harm import HarmfulGroup, harmed_by
from churn.modeling.uplift.learners import LEARNERS
from churn.warehouse.models.sql_models import FeatureDoc

_RELEARN = "Learn it again with `churn uplift`."


@dataclass(frozen=True)
class Scale:
    """uplift = effect + slope (prediction - centre); slope 0 says that the spread meant nothing."""

    centre: float
    slope: float
    effect: float

    def __call__(self, prediction: Floats) -> Floats:
        """Return predictions (n,) as uplift, within -1..1."""
        return np.clip(self.effect + self.slope * (prediction - self.centre), -1.0, 1.0)


@dataclass(frozen=True)
class UpliftModel:
    """A learner fitted on a whole campaign, with the groups that contact was found to harm.

    Predictions are scaled: their mean on the campaign's customers is the measured effect, and they spread about it by
    what the spread out of fold was worth (`Scale`), so that they can be turned into money.
    """

    fitted: Fitted
    scale: Scale
    features: tuple[FeatureDoc, ...]
    harmful_groups: tuple[HarmfulGroup, ...]

    @property
    def learner(self) -> str:
        """Name of the learner, such as `x_learner`."""
        return self.fitted.learner.name

    @property
    def base(self) -> str:
        """Name of the candidate inside."""
        return self.fitted.entry.name

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The features a frame must hold, in order."""
        return self.fitted.encoder.features

    def predict(self, frame: pl.DataFrame) -> Floats:
        """Return tau (n,) = P(churn | no contact) - P(churn | contact) of each row.

        Raises ModelError naming features that are absent.
        """
        if frame.is_empty():
            return np.empty(0)
        return self.scale(self.fitted.uplift(self.fitted.encoder.transform(frame)))

    def do_not_contact(self, frame: pl.DataFrame) -> pl.Series:
        """Return why each row's customer is better left alone, in words; null for the others.

        Raises ModelError naming features that are absent.
        """
        return harmed_by(self.harmful_groups, frame, self.predict(frame))


class KeptUplift(UpliftPart):
    """uplift.json: the model without its estimators."""

    learner: str
    base: str
    treated_share: float
    scale: Scale
    features: tuple[FeatureDoc, ...]
    encoder: Encoder
    harmful_groups: tuple[HarmedGroup, ...]


def save_uplift(model: UpliftModel, result: UpliftDocument, out_of_fold: pl.DataFrame, folder: Path) -> None:
    """Write the bundle to `folder`, which must not exist yet. Raises ModelError where it does, ResourceError."""

    def write(scratch: Path) -> None:
        fitted = model.fitted
        kept = KeptUplift(
            learner=model.learner,
            base=model.base,
            treated_share=fitted.treated_share,
            scale=model.scale,
            features=model.features,
            encoder=fitted.encoder,
            harmful_groups=tuple(group.document() for group in model.harmful_groups),
        )
        write_json(scratch / "uplift.json", kept.as_json())
        for name in fitted.learner.parts:
            save_estimator(fitted.entry, fitted.estimators[name], scratch, name)
        out_of_fold.write_parquet(scratch / "out_of_fold.parquet")
        # Its instant has a space between day and hour, as in the bundles that are there already.
        write_json(scratch / "result.json", {**result.as_json(), "learnt_at": str(result.learnt_at)})

    write_whole(folder, write)


def load_uplift(folder: Path) -> tuple[UpliftModel, UpliftDocument]:
    """Return the model in `folder` and what was found when it was learnt.

    Raises ModelError where a file is missing or altered, or an estimator's file holds types not known to be harmless.
    """
    verify(folder)
    kept = read_document(folder / "uplift.json", KeptUplift, remedy=_RELEARN)
    if kept.learner not in LEARNERS:
        raise ModelError(f"no learner is called `{kept.learner}`", where=str(folder), remedy=_RELEARN)
    entry, learner = candidate(kept.base), LEARNERS[kept.learner]
    estimators = {name: load_estimator(entry, folder, name) for name in learner.parts}
    model = UpliftModel(
        Fitted(learner, entry, kept.encoder, estimators, kept.treated_share),
        kept.scale,
        kept.features,
        tuple(HarmfulGroup.of(group) for group in kept.harmful_groups),
    )
    return model, read_document(folder / "result.json", UpliftDocument, remedy=_RELEARN)
