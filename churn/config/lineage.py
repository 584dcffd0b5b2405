"""The section [lineage]: where OpenLineage events go."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from pydantic import Field, field_validator

from churn.config.sections import Section

LINEAGE_KEY: Final = "CHURN_LINEAGE_KEY"


class LineageSettings(Section):
    """[lineage]: OpenLineage (docs/lineage.md)."""

    url: str | None = Field(
        None, description="Where events are posted to, such as http://127.0.0.1:5000/api/v1/lineage."
    )
    file: Path | None = Field(None, description="File that gets each event as a line of JSON; in the home if relative.")
    namespace: str = Field("churn", min_length=1, description="What this installation is called there.")

    @field_validator("url")
    @classmethod
    def _plain_address(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("http://", "https://")):
            raise ValueError(f"`{value}` is no address: write it as http://host/api/v1/lineage")
        if value is not None and "@" in value.split("//", 1)[1].split("/", 1)[0]:
            raise ValueError("an address must not hold a password: the key is CHURN_LINEAGE_KEY")
        return value

    @property
    def is_on(self) -> bool:
        """Whether events go anywhere."""
        return self.url is not None or self.file is not None
