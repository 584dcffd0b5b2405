"""The section [monitoring]: how sure an alarm must be, when a model is renewed, and who decides on its promotion."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from churn.config.sections import Days, Section, Share


class MonitoringSettings(Section):
    """[monitoring]: how sure an alarm must be, when a model is renewed, and who decides on its promotion."""

    decay_level: Annotated[float, Field(ge=0.9, lt=1)] = Field(
        0.99, description="A cohort of a model that has not changed raises no alarm with this probability."
    )
    cohorts: int = Field(6, ge=1, le=36, description="Matured snapshot dates looked at, the newest ones.")
    retrain: Literal["suggest", "automatic"] = Field(
        "suggest", description="What follows when the policy asks for a new model: a word, or the training itself."
    )
    promotion: Literal["approval", "automatic"] = Field(
        "approval", description="Who makes a challenger champion that has surely earned more: a person, or the monitor."
    )
    max_age_days: Days = Field(365, description="A model older than this is trained anew.")
    new_data_share: float = Field(
        1.0, gt=0, description="New labelled customers, as a share of those learnt from, that are worth a training."
    )
    cooldown_days: Days = Field(28, description="No second training within these days, whatever happens.")
    recent_snapshots: int = Field(
        3, ge=1, le=120, description="After a decay, learn from this many snapshot dates, the newest."
    )
    drift_importance: Share = Field(
        0.10, description="Features that drifted count as a reason to train when they carry this share of the model."
    )
    sync_silent_days: Days = Field(7, description="Nothing sent to a CRM for longer is told.")
    rejected_share: Share = Field(0.05, description="A push with more rejected rows is told.")
