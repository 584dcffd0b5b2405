"""Shows trainings and the registry on an MLflow server, which may be away: nothing waits for it long, nothing is lost."""

from churn.workflows.mirror.mirror import (
    CATCH_UP_SECONDS,
    MirrorResult,
    mirror_beside,
    mirror_if_configured,
    mirror_models,
    mirrors_models,
    reach_mlflow,
)

__all__ = [
    "CATCH_UP_SECONDS",
    "MirrorResult",
    "mirror_beside",
    "mirror_if_configured",
    "mirror_models",
    "mirrors_models",
    "reach_mlflow",
]
