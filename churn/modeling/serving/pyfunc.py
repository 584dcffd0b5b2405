"""A model as MLflow's `python_function`: the name of this module stands in every model that was mirrored, so it must stay.

MLflow calls `_load_pyfunc` with the folder of the bundle, then `predict` with a pandas frame. It is not imported here, and
nothing is unpickled: the bundle is read as ever, so that the same libraries give the same bits.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from churn.modeling.reasons.explain import explain
from churn.modeling.reasons.sentences import reasons_json
from churn.modeling.serving.registry import load_bundle

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from churn.modeling.serving.served import ServedModel

LOADER: Final = "churn.modeling.serving.pyfunc"
REASONS: Final = "reasons"  # parameters of predict
TOP: Final = "top"
TOP_DEFAULT: Final = 5


class PythonFunction:
    """What MLflow serves: features in, calibrated probabilities out, with reasons on request."""

    def __init__(self, model: ServedModel) -> None:
        self._model = model

    # `params` is MLflow's own: what a caller wrote beside the rows.
    def predict(self, model_input: Any, params: Mapping[str, Any] | None = None) -> pd.DataFrame:
        """Return churn_probability and raw_score of each row, under the frame's own index; with `reasons` true, why.

        `model_input` is a frame of pandas or polars, or rows as mappings. Reasons are lists of feature, value, text,
        points and is_actionable, `top` of them, strongest first. Raises ModelError naming features that are absent.
        """
        import pandas as pd

        frame = _polars(model_input)
        index = model_input.index if isinstance(model_input, pd.DataFrame) else pd.RangeIndex(frame.height)
        given = dict(params or {})
        if not given.get(REASONS):
            predictions = self._model.predict(frame)
            values = {"churn_probability": predictions.churn_probability, "raw_score": predictions.raw_score}
            return pd.DataFrame(values, index=index)
        explanation = explain(self._model, frame)
        top = int(given.get(TOP, TOP_DEFAULT))
        texts = reasons_json(explanation, frame, self._model.features, top=top)
        return pd.DataFrame(
            {
                "churn_probability": explanation.churn_probability,
                "raw_score": explanation.raw_score,
                "reasons": pd.Series([json.loads(text) for text in texts], index=index, dtype=object),
            },
            index=index,
        )


def _load_pyfunc(path: str) -> PythonFunction:
    """Return the model of the bundle in `path`; MLflow knows the function by this name."""
    return PythonFunction(load_bundle(Path(path)))


def _polars(rows: Any) -> pl.DataFrame:
    if isinstance(rows, pl.DataFrame):
        return rows
    import pandas as pd

    frame = rows if isinstance(rows, pd.DataFrame) else pd.DataFrame(rows)
    own = pl.from_pandas(frame.reset_index(drop=True))
    words = [name for name, kind in own.schema.items() if kind in (pl.Categorical, pl.Enum)]
    return own.with_columns(pl.col(name).cast(pl.String) for name in words)
