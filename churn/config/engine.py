"""[engine]: where features are built and customers are scored: in this process, or on a Spark cluster."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from churn.config.sections import Section


class EngineSettings(Section):
    """[engine]: this process by default; `spark` shares the customers out among the tasks of a cluster."""

    kind: Literal["embedded", "spark"] = Field(
        "embedded",
        description="embedded: this process; spark: tasks of a Spark cluster, each with some of the customers.",
    )
    master: str = Field(
        "local[*]",
        pattern=r"^(local(\[.+\])?|yarn|(spark|k8s):/{2}.+)$",
        description="Spark's master: local[*], spark://localhost:7077, yarn, or that of Kubernetes.",
    )
    buckets: int = Field(
        16, ge=1, le=100_000, description="Into how many buckets customers are cut; a task works on one."
    )
    work: str | None = Field(
        None,
        description="A folder that driver and workers all see, or an address: s3://, hdfs://; inside the home if not given, for local[*].",
    )

    @field_validator("work", mode="before")
    @classmethod
    def _is_known(cls, work: object) -> object:
        if isinstance(work, Path):
            return str(work)
        if isinstance(work, str) and "://" in work and not work.startswith(("s3://", "hdfs://")):
            raise ValueError(
                f"`{work}` is an address of a kind that is not known: name a folder that driver and workers mount at the"
                " same place, s3://bucket/folder, or hdfs://host/folder"
            )
        return work

    settings: dict[str, str] = Field(
        default_factory=dict, description='Spark\'s own settings, such as { "spark.executor.memory" = "4g" }.'
    )
