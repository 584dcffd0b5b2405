"""The product's settings: `churn.toml`, then environment variables `CHURN_*`; one frozen object, built in bootstrap.

Secrets come from the environment only. An unknown key or variable is an error that suggests the nearest known one.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field, ValidationError, ValidationInfo, field_validator

from churn.config.connectors import ConnectorSettings, connector_kinds
from churn.config.engine import EngineSettings
from churn.config.environment import HOME, overlay, variable_of
from churn.config.formulas import TAGS
from churn.config.lineage import LineageSettings
from churn.config.mlflow import MlflowSettings
from churn.config.publish import PublishSettings
from churn.config.schedule import (
    AlertSettings,
    ReportingSettings,
    RetentionSettings,
    ScheduleSettings,
    WebhookSettings,
)
from churn.config.sections import (
    ApiSettings,
    BusinessSettings,
    CampaignSettings,
    ChurnDefinition,
    ChurnSettings,
    Days,
    Direction,
    Money,
    MonitoringSettings,
    ProfitModel,
    ResourceSettings,
    RiskBands,
    Section,
    SelectionMetric,
    SelectionSettings,
    Share,
    SimulationSettings,
    SourceSettings,
    TrainingSettings,
)
from churn.config.sso import SsoSettings
from churn.config.tracing import TracingSettings
from churn.errors import ConfigError
from churn.languages.catalogue import languages
from churn.resources import layered

LONGEST_NAME = 60  # of a connector: it is part of the names of files and variables

__all__ = [
    "AlertSettings",
    "ApiSettings",
    "BusinessSettings",
    "CampaignSettings",
    "ChurnDefinition",
    "ChurnSettings",
    "ConnectorSettings",
    "Days",
    "Direction",
    "EngineSettings",
    "LineageSettings",
    "MlflowSettings",
    "Money",
    "MonitoringSettings",
    "ProfitModel",
    "PublishSettings",
    "ReportingSettings",
    "ResourceSettings",
    "RetentionSettings",
    "RiskBands",
    "ScheduleSettings",
    "Section",
    "SelectionMetric",
    "SelectionSettings",
    "Settings",
    "Share",
    "SimulationSettings",
    "SourceSettings",
    "SsoSettings",
    "TracingSettings",
    "TrainingSettings",
    "WebhookSettings",
    "load_settings",
]


class Settings(Section):
    """Everything a run needs to know. `home` holds the warehouse, the store, models and reports."""

    home: Path = Path(".churn")
    store_url: str | None = Field(None, description="SQLAlchemy URL; SQLite in the home if not given.", repr=False)
    business: BusinessSettings = Field(default_factory=BusinessSettings)
    churn: ChurnSettings = Field(default_factory=ChurnSettings)
    sources: dict[str, SourceSettings] = Field(default_factory=dict)
    training: TrainingSettings = Field(default_factory=TrainingSettings)
    selection: SelectionSettings = Field(default_factory=SelectionSettings)
    risk_bands: RiskBands = Field(default_factory=RiskBands)
    simulation: SimulationSettings = Field(default_factory=SimulationSettings)
    campaigns: CampaignSettings = Field(default_factory=CampaignSettings)
    connectors: dict[str, ConnectorSettings] = Field(default_factory=dict)
    api: ApiSettings = Field(default_factory=ApiSettings)
    reporting: ReportingSettings = Field(default_factory=ReportingSettings)
    schedule: ScheduleSettings = Field(default_factory=ScheduleSettings)
    alerts: AlertSettings = Field(default_factory=AlertSettings)
    retention: RetentionSettings = Field(default_factory=RetentionSettings)
    monitoring: MonitoringSettings = Field(default_factory=MonitoringSettings)
    webhooks: dict[str, WebhookSettings] = Field(default_factory=dict)
    sso: SsoSettings = Field(default_factory=SsoSettings)
    lineage: LineageSettings = Field(default_factory=LineageSettings)
    tracing: TracingSettings = Field(default_factory=TracingSettings)
    publish: PublishSettings = Field(default_factory=PublishSettings)
    mlflow: MlflowSettings = Field(default_factory=MlflowSettings)
    resources: ResourceSettings = Field(default_factory=ResourceSettings)
    engine: EngineSettings = Field(default_factory=EngineSettings)

    @field_validator("connectors")
    @classmethod
    def _short_names(cls, value: dict[str, ConnectorSettings]) -> dict[str, ConnectorSettings]:
        if long := [name for name in value if len(name) > LONGEST_NAME]:
            raise ValueError(f"[connectors.{long[0]}]: a name has {LONGEST_NAME} characters at most")
        return value

    @field_validator("reporting")
    @classmethod
    def _language_with_words(cls, value: ReportingSettings, info: ValidationInfo) -> ReportingSettings:
        code, known = value.language, languages()
        home = info.data.get("home", Path())
        if code not in known and f"words/{code}" not in layered("reports", home, ".toml"):
            raise ValueError(
                f"there are no words for the language `{code}`, only for {', '.join(known)}; "
                f"another one is a file reports/words/{code}.toml in the home"
            )
        return value

    @property
    def warehouse_path(self) -> Path:
        """The embedded database of analytics."""
        return self.home / "warehouse.duckdb"

    @property
    def models_path(self) -> Path:
        """One folder per registered model version."""
        return self.home / "models"

    @property
    def tables_path(self) -> Path:
        """Where the published tables lie."""
        return self.home / "tables"

    @property
    def reports_path(self) -> Path:
        """Where HTML and exported files go."""
        return self.home / "reports"

    @property
    def database_url(self) -> str:
        """The store's SQLAlchemy URL."""
        return self.store_url or f"sqlite:///{(self.home / 'store.sqlite').as_posix()}"


def load_settings(
    *, config: Path | None = None, home: Path | None = None, environ: dict[str, str] | None = None
) -> Settings:
    """Read `config` (or `churn.toml` here or in the home), then `CHURN_*` variables, then `home`.

    A home that is named, by `home` or by $CHURN_HOME, has its own file read before one that happens to lie here.
    A variable names its place with double underscores: `CHURN_TRAINING__SEED=3`. Relative source paths are read
    from the folder of the file that declares them. Raises ConfigError naming key, place, and the nearest known key.
    """
    environ = dict(os.environ) if environ is None else environ
    chosen_home = home or Path(environ.get(HOME, ".churn"))
    path = _config_path(config, chosen_home, is_named=home is not None or HOME in environ)
    values: dict[str, Any] = {}  # whatever the file holds, until Settings validates it
    if path is not None:
        values = _read_toml(path)
        _anchor_sources(values, path.parent)
    overlay(values, environ, Settings)
    values["home"] = chosen_home
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        raise _explain(error, str(path or "environment"), environ) from error


def _config_path(config: Path | None, home: Path, *, is_named: bool) -> Path | None:
    if config is not None:
        if not config.is_file():
            raise ConfigError("no such configuration file", where=str(config), remedy="Write one with `churn init`.")
        return config
    is_elsewhere = is_named and home.resolve() != Path.cwd()
    places = (home, Path()) if is_elsewhere else (Path(), home)
    return next((place / "churn.toml" for place in places if (place / "churn.toml").is_file()), None)


def _read_toml(path: Path) -> dict[str, Any]:  # not validated yet
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"not valid TOML: {error}", where=str(path), remedy="Mend the line named.") from error
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", where=str(path)) from error


def _anchor_sources(values: dict[str, Any], folder: Path) -> None:  # not validated yet
    sources = values.get("sources")
    if not isinstance(sources, dict):
        return
    for source in sources.values():
        paths = source.get("path") if isinstance(source, dict) else None
        if isinstance(paths, str):
            source["path"] = _anchor(paths, folder)
        elif isinstance(paths, list):
            source["path"] = [_anchor(p, folder) if isinstance(p, str) else p for p in paths]


def _anchor(path: str, folder: Path) -> str:
    return path if "://" in path or Path(path).is_absolute() else str(folder / path)


def _explain(error: ValidationError, where: str, environ: Mapping[str, str]) -> ConfigError:
    faults = error.errors()
    # A missing key is often present but misspelt, so name the unknown key first.
    first = next((fault for fault in faults if fault["type"] == "extra_forbidden"), faults[0])
    variables = (variable_of(first["loc"][:depth]) for depth in range(len(first["loc"]), 1, -1))
    where = next((name for name in variables if name in environ), where)
    # Drop the connector's kind from the place, since users write keys directly under [connectors.NAME].
    place = ".".join(
        str(part)
        for n, part in enumerate(first["loc"])
        if part not in TAGS and (n != 2 or first["loc"][0] != "connectors")
    )
    if first["type"] == "extra_forbidden":
        key, parents = str(first["loc"][-1]), first["loc"][:-1]
        near = difflib.get_close_matches(key, _known_keys(parents), n=1, cutoff=0.5)
        hint = f"Did you mean `{near[0]}`?" if near else f"Known here: {', '.join(sorted(_known_keys(parents)))}."
        return ConfigError(f"unknown key `{place}`", where=where, remedy=hint)
    message = first["msg"].removeprefix("Value error, ")
    return ConfigError(
        f"`{place}` is wrong: {message}", where=where, remedy="See the comments that `churn init` writes."
    )


def _known_keys(parents: tuple[int | str, ...]) -> list[str]:
    model: type[BaseModel] = Settings
    for part in parents:
        if part in {"sources", "webhooks"}:
            model = SourceSettings if part == "sources" else WebhookSettings
            continue
        if parents[0] == "connectors" and str(part) in connector_kinds():
            model = connector_kinds()[str(part)]
            continue
        field = model.model_fields.get(str(part))
        if field is not None and isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            model = field.annotation
    return [name for name in model.model_fields if name not in {"home", "store_url"}]
