"""The section [mlflow]: the tracking server that shows every training and the model that serves."""

from __future__ import annotations

from urllib.parse import urlsplit

from pydantic import Field, field_validator

from churn.config.sections import Section

TRACKING_URI = "MLFLOW_TRACKING_URI"


class MlflowSettings(Section):
    """[mlflow]: trainings as runs and the registry as a registered model of an MLflow server."""

    tracking_uri: str | None = Field(
        None,
        description="Address of the tracking server, such as `https://mlflow.example`; else the variable MLFLOW_TRACKING_URI.",
    )
    experiment: str = Field("churn", min_length=1, description="Experiment that takes the runs; made if it is missing.")
    model: str = Field(
        "churn",
        min_length=1,
        description="Registered model, one per home; its alias `champion` is the version that serves.",
    )
    seconds: float = Field(
        60.0,
        gt=0,
        le=3600,
        description="Longest that a training or a promotion waits for the server; the night catches up.",
    )

    @field_validator("tracking_uri")
    @classmethod
    def _without_password(cls, uri: str | None) -> str | None:
        if uri is not None and "://" in uri and urlsplit(uri).password:
            raise ValueError("an address must not hold a password: MLFLOW_TRACKING_PASSWORD is for it")
        return uri
