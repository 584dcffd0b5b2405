"""The section [publish]: where the published tables are copied to, for BI and analysts."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from churn.config.sections import Section

PUBLISH_DSN = "CHURN_PUBLISH_DSN"
PUBLISH_ICEBERG_DSN = "CHURN_PUBLISH_ICEBERG_DSN"
_NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}")


class PublishSettings(Section):
    """[publish]: the tables of docs/tables.md, copied after each night."""

    dsn: str | None = Field(
        None,
        description="Address of a PostgreSQL without a password (that is PGPASSWORD, or all of it CHURN_PUBLISH_DSN).",
    )
    database_schema: str = Field("churn", description="The schema that the tables lie in there; made if it is missing.")
    reader: str | None = Field(
        None, description="Role that may read them but for the columns that name customers; made if it is missing."
    )
    folder: Path | None = Field(None, description="Folder that takes them as Parquet files.")
    delta: str | None = Field(
        None, description="Folder or s3:// address that takes them as Delta tables, one folder each."
    )
    iceberg: str | None = Field(
        None, description="Folder or s3:// address that takes the files of Iceberg tables, which iceberg_catalog names."
    )
    iceberg_catalog: str | None = Field(
        None,
        description="Catalogue of these tables: sqlite:///file, postgresql://user@host/database or https:// (REST); "
        "with a password it is CHURN_PUBLISH_ICEBERG_DSN.",
    )
    iceberg_namespace: str = Field("churn", description="Namespace of the tables in that catalogue; made if missing.")
    with_customers: bool = Field(
        default=True, description="Whether columns that name customers are copied; without, they stay in the home."
    )

    @field_validator("database_schema", "reader", "iceberg_namespace")
    @classmethod
    def _plain_name(cls, name: str | None) -> str | None:
        if name is not None and not _NAME.fullmatch(name):
            raise ValueError(f"`{name}` is no plain name: small letters, digits and underscores")
        return name

    @field_validator("dsn")
    @classmethod
    def _postgres(cls, dsn: str | None) -> str | None:
        if dsn is not None and "://" in dsn:
            parts = urlsplit(dsn)
            if parts.scheme not in {"postgresql", "postgres"}:
                raise ValueError(f"`{parts.scheme}` is no PostgreSQL: write postgresql://user@host/database")
            if parts.password:
                raise ValueError("an address must not hold a password: secrets come from the environment")
        return dsn

    @field_validator("iceberg_catalog")
    @classmethod
    def _known_catalog(cls, catalog: str | None) -> str | None:
        kinds = ("sqlite:///", "postgresql://", "postgres://", "http://", "https://")
        if catalog is not None and not catalog.startswith(kinds):
            raise ValueError("a catalogue is sqlite:///file, postgresql://user@host/database, or https://")
        if catalog is not None and "sqlite" not in catalog and urlsplit(catalog).password:
            raise ValueError(f"an address must not hold a password: put all of it into {PUBLISH_ICEBERG_DSN}")
        return catalog

    @model_validator(mode="after")
    def _somewhere(self) -> Self:
        if self.reader is not None and self.dsn is None:
            raise ValueError("reader is a role of the database: name it by dsn")
        return self
