"""Features with which risk may only rise, or only fall: what models that can keep to it are told."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from churn.config import Direction
from churn.errors import ConfigError
from churn.modeling.candidates import Candidate
from churn.modeling.encoding.columns import kind_of
from churn.modeling.encoding.encoder import Encoder
from churn.modeling.learners import Columns


def require_directions(frame: pl.DataFrame, features: Sequence[str], directions: Mapping[str, Direction]) -> None:
    """Raise ConfigError for a direction of something that is no feature, or no number."""
    for name in directions:
        if name not in features:
            near = difflib.get_close_matches(name, features, n=1, cutoff=0.4)
            raise ConfigError(
                f"no feature is called `{name}`",
                where="training.monotone",
                remedy=f"Did you mean `{near[0]}`?" if near else "See `churn models features` for the names.",
            )
        if kind_of(frame[name]) != "number":
            raise ConfigError(
                f"`{name}` is a category, which cannot rise or fall",
                where="training.monotone",
                remedy="Give directions to numbers only.",
            )


def able_to_keep(entries: Sequence[Candidate], directions: Mapping[str, Direction]) -> list[Candidate]:
    """Return the candidates that keep to directions, all where there are none. Raises ConfigError where none can."""
    able = [entry for entry in entries if entry.keeps_direction or not directions]
    if not able:
        raise ConfigError(
            f"{', '.join(entry.name for entry in entries)} cannot keep to a direction of risk",
            where="training.monotone",
            remedy="Name a candidate of trees in training.candidates, or leave training.monotone empty.",
        )
    return able


def columns_of_encoder(encoder: Encoder, directions: Mapping[str, Direction]) -> Columns:
    """Return what a learner has to know of an encoder's columns; whether a feature is missing may do either."""
    signs = {"rises": 1, "falls": -1}
    direction = np.array(
        [
            signs[directions[plan.feature]] if plan.feature in directions and name == plan.feature else 0
            for plan in encoder.plans
            for name in plan.names
        ],
        dtype=np.int8,
    )
    return Columns(encoder.is_code, direction)
