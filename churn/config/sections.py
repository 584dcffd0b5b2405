"""The sections of churn.toml: each a frozen model whose field descriptions are the comments that `churn init` writes."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, field_validator, model_validator

from churn.config.formulas import NUMBER, FormulaText, TermName, kind_of
from churn.config.web import WebSettings

Share = Annotated[float, Field(ge=0, le=1)]
Money = Annotated[float, Field(ge=0, allow_inf_nan=False)]
MoneyOrFormula = Annotated[Annotated[Money, Tag(NUMBER)] | FormulaText, Discriminator(kind_of)]
ShareOrFormula = Annotated[Annotated[Share, Tag(NUMBER)] | FormulaText, Discriminator(kind_of)]
Days = Annotated[int, Field(ge=0, le=3650)]

ChurnDefinition = Literal["any", "voluntary", "involuntary", "inactivity"]
Direction = Literal["rises", "falls"]
SelectionMetric = Literal["net_profit", "auc", "empc", "recall_at_budget"]
ProfitModel = Literal["case_study", "incentive", "uplift"]


class Section(BaseModel):
    """A section of churn.toml: frozen, and strict about its keys."""

    # Deferred: validators are built once for all sections together, not again for each.
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class BusinessSettings(Section):
    """[business]: how money is counted."""

    currency: str = Field("USD", description="Shown beside every amount.")
    margin_rate: Share = Field(1.0, description="Share of the monthly fee that is margin.")
    value: Literal["constant", "survival"] = Field(
        "constant",
        description="How long a kept customer pays: value_months for everybody, or each one's own (docs/lifetime.md).",
    )
    value_months: int = Field(3, ge=1, le=120, description="Months of margin that a save is worth.")
    hazard_after_save: Share = Field(0.08, description="Monthly churn of a customer once saved.")
    discount_rate: Share = Field(0.0, description="Monthly discount rate.")
    default_monthly_fee: Money = Field(25.0, description="Used where a customer's fee is not known.")
    churn_target: Share = Field(0.06, description="Monthly churn the company aims for.")


class ChurnSettings(Section):
    """[churn]: what counts as churn, and when."""

    definition: ChurnDefinition = Field(
        "any", description="Whose loss counts; losses of the other kind count as stays."
    )
    horizon_days: Annotated[int, Field(ge=1, le=730)] = Field(30, description="Length of the label window.")
    lead_days: Days = Field(2, description="Time the team needs to act before the label window opens.")
    grace_days: Days = Field(7, description="A subscription resumed within these days never ended.")
    dated_by: Literal["decision", "end_of_service"] = Field("decision", description="Which date is the churn date.")
    inactivity_days: Annotated[int, Field(ge=1, le=730)] = Field(90, description="Silence that counts as churn.")
    activity_table: Literal["sessions", "payments", "events"] = Field("sessions", description="Whose silence.")
    told_by: Literal["subscriptions", "churn_events"] = Field(
        "subscriptions", description="Which source says who left: how subscriptions end, or a table of who left when."
    )
    exclude: str | list[str] = Field(
        default_factory=list, description="Plans that are no contract, such as trial: in no population and no label."
    )
    exclude_free: bool = Field(
        default=False, description="Whether subscriptions with a fee of 0 are no contract either."
    )
    max_lag_days: Days = Field(
        7, description="The newest fact may lie this many days before a date that is scored; beyond that it is refused."
    )

    @property
    def excluded_plans(self) -> list[str]:
        """The plans of `exclude`, be it one or several."""
        return [self.exclude] if isinstance(self.exclude, str) else self.exclude


class SourceSettings(Section):
    """[sources.NAME]: where a canonical table comes from. NAME is the table's name."""

    path: str | list[str] | None = Field(
        None, description="File, glob, or s3:// address; CSV, Parquet, JSON or a workbook."
    )
    format: Literal["csv", "parquet", "json", "excel", "combined", "delta", "iceberg", "spark"] | None = Field(
        None,
        description="Told from the ending if not given; excel is any workbook, combined the access log of a web server. Lakes: delta (path), iceberg (catalog, table). What [engine]'s Spark reads: spark (table or query).",
    )
    version: Annotated[int, Field(ge=0)] | None = Field(
        None, description="Version of a lake's table (Iceberg: snapshot id); the newest if not given."
    )
    catalog: str | None = Field(
        None,
        description="Address of an Iceberg catalogue: sqlite:///, postgresql:// (its password: CHURN_SOURCE_<NAME>_DSN) or https:// (REST).",
    )
    table: str | None = Field(None, description="Table of that catalogue, or of Spark's, such as crm.customers.")
    url: str | None = Field(None, description="Address of a web service that answers JSON; see `web`.")
    web: WebSettings = Field(default_factory=WebSettings, description="How the web service is asked.")
    dsn: str | None = Field(
        None,
        description="Address of PostgreSQL, MySQL or MariaDB without a password (that is PGPASSWORD, MYSQL_PWD or CHURN_SOURCE_<NAME>_DSN).",
    )
    query: str | None = Field(
        None, description="What to select from the database; the table of that name if not given."
    )
    columns: dict[str, str] = Field(
        default_factory=dict, description="Ours = theirs: a column's name, or an SQL expression over theirs."
    )
    where: str | None = Field(None, description="SQL condition over their columns; other rows are left out.")
    # Free: DuckDB's readers take them, and each reader has its own.
    options: dict[str, Any] = Field(
        default_factory=dict, description="Reader options: delim, header, skip, names, nullstr, ..."
    )
    dates: str | dict[str, str] | None = Field(
        None,
        description='How dates are written, such as "%d/%m/%Y": one strptime form, or one for each column of ours.',
    )
    pivot_year: Annotated[int, Field(ge=1970, le=2100)] | None = Field(
        None, description="The latest year that two digits mean: with 2030, 26 is 2026 and 55 is 1955."
    )
    zone: str | dict[str, str] | None = Field(
        None, description="Zone of times without an offset, such as Europe/Madrid; UTC if not given. Or one per column."
    )
    codes: dict[str, dict[str, bool | str | float]] = Field(
        default_factory=dict, description="What the words of a column of ours mean: { ja = true, nein = false }."
    )
    static: list[str] = Field(
        default_factory=list,
        description="Columns of your own that never change: of customers, subscriptions or support_tickets.",
    )
    rows_at: str | None = Field(
        None, description="JSON: the key below which the rows lie, such as data or result.items."
    )
    most_shrink: Share = Field(
        0.5, description="A file that comes again with this share of its rows missing, or more, is refused."
    )
    keep_gone: bool | None = Field(
        None,
        description="Whether rows stay that are gone from a file that comes whole again: if it drops who has left.",
    )

    @model_validator(mode="after")
    def _one_place(self) -> SourceSettings:
        if self.format == "spark":
            return self._of_spark()
        if self.format == "iceberg" or self.catalog is not None or self.table is not None:
            return self._of_catalogue()
        has_database = self.dsn is not None or self.query is not None
        if [self.path is not None, has_database, self.url is not None].count(True) != 1:
            raise ValueError("give either `path` or `dsn`/`query` or `url`")
        if self.format == "delta" and not isinstance(self.path, str):
            raise ValueError("a Delta table is one `path`: its folder, or its s3:// address")
        if self.version is not None and self.format != "delta":
            raise ValueError('`version` is of a lake\'s table: format = "delta" or "iceberg"')
        if self.url is not None and not self.url.startswith(("http://", "https://")):
            raise ValueError("`url` must begin with http:// or https://")
        if self.url is not None and "@" in self.url.split("/")[2]:
            raise ValueError("`url` holds a name or password: secrets belong into CHURN_SOURCE_<NAME>_SECRET")
        if self.dsn and "@" in self.dsn and ":" in self.dsn.split("@")[0].partition("://")[2]:
            variable = "MYSQL_PWD" if self.dsn.startswith(("mysql", "mariadb")) else "PGPASSWORD"
            raise ValueError(f"`dsn` holds a password: put it in {variable} or CHURN_SOURCE_<NAME>_DSN")
        return self

    @model_validator(mode="after")
    def _known_zones(self) -> SourceSettings:
        for zone in [self.zone] if isinstance(self.zone, str) else (self.zone or {}).values():
            try:
                ZoneInfo(zone)
            except (ZoneInfoNotFoundError, ValueError, OSError) as error:
                raise ValueError(f"`zone`: there is no zone `{zone}`; write one such as Europe/Madrid") from error
        return self

    def _of_spark(self) -> SourceSettings:
        elsewhere = (self.path, self.dsn, self.url, self.catalog, self.version)
        if (self.table is None) == (self.query is None) or any(given is not None for given in elsewhere):
            raise ValueError('format = "spark" takes either `table` or `query`, and no other place')
        return self

    def _of_catalogue(self) -> SourceSettings:
        if self.format != "iceberg" or not self.table:
            raise ValueError('an Iceberg table is format = "iceberg", `catalog` and `table`')
        if self.path is not None or self.dsn is not None or self.query is not None or self.url is not None:
            raise ValueError("an Iceberg table is found by its `catalog`: leave `path`, `dsn`, `query` and `url` out")
        if self.catalog is not None and "://" in self.catalog and urlsplit(self.catalog).password:
            raise ValueError("`catalog` holds a password: put the address into CHURN_SOURCE_<NAME>_DSN")
        return self


class TrainingSettings(Section):
    """[training]: what models learn from."""

    every: Literal["1mo", "1w", "2w", "1d"] = Field("1mo", description="Spacing of snapshot dates.")
    snapshots: int = Field(12, ge=1, le=520, description="At most this many snapshot dates, the newest ones.")
    max_snapshot_rows: int = Field(
        1_000_000,
        ge=100,
        description="Rows (a customer at a date) built for a training, about; of more customers a share is taken, by a hash.",
    )
    split: Literal["auto", "temporal", "random"] = "auto"
    candidates: list[str] = Field(
        default=[
            "logistic_regression",
            "random_forest",
            "shallow_xgboost",
            "xgboost",
            "hist_gradient_boosting",
            "mlp",
            "average",
        ],
        description="Which candidates compete.",
    )
    max_rows: int = Field(
        120_000, ge=100, description="Training rows at most: all churners kept, stayers sampled, weights corrected."
    )
    tune_minutes: float = Field(
        1.5, ge=0, le=10_000, description="Tuning budget for all candidates together; 0 means none."
    )
    min_churners: int = Field(500, ge=2)
    min_stayers: int = Field(500, ge=2)
    calibration: Literal["auto", "isotonic", "platt"] = "auto"
    exclude_features: list[str] = Field(default_factory=list, description="Features that models may not see.")
    trusted_features: list[str] = Field(
        default_factory=list, description="Features that the leakage scan lets pass, for you know them to be honest."
    )
    monotone: dict[str, Direction] = Field(
        default_factory=dict,
        description='Features with which risk only "rises" or only "falls"; only models of trees compete then.',
    )
    leakage_auc: Share = Field(0.95, description="A single feature above this AUC stops training.")
    seed: int = 7


class SelectionSettings(Section):
    """[selection]: how the winner is chosen."""

    metric: SelectionMetric = "net_profit"
    interpretability: list[str] = Field(
        default=[
            "logistic_regression",
            "random_forest",
            "shallow_xgboost",
            "xgboost",
            "native_xgboost",
            "hist_gradient_boosting",
            "mlp",
        ],
        description="Most interpretable first.",
    )
    recall_share: Share = Field(0.1, description="Share of customers contacted when metric is recall_at_budget.")
    bootstrap_draws: int = Field(200, ge=20, le=10_000)


class RiskBands(Section):
    """[risk_bands]: lower bounds of churn_probability for each band, and the list's hysteresis."""

    medium: Share = 0.10
    high: Share = 0.20
    critical: Share = 0.40
    margin: Share = Field(0.02, description="A customer leaves a band only below its bound minus this.")

    @model_validator(mode="after")
    def _rising(self) -> RiskBands:
        if not self.medium < self.high < self.critical:
            raise ValueError("bounds must rise: medium < high < critical")
        return self


class SimulationSettings(Section):
    """[simulation]: the offer whose return `churn simulate` computes unless told otherwise."""

    profit_model: ProfitModel = "case_study"
    contact_cost: MoneyOrFormula = Field(2.0, description="Money one contact costs; or SQL over features.")
    incentive_cost: MoneyOrFormula = Field(0.0, description="Money one incentive costs; or SQL over features.")
    success_rate: ShareOrFormula = Field(
        0.40, description="Share of contacted churners who stay because of it; or SQL over features."
    )
    success_rate_low: Share = 0.25
    success_rate_high: Share = 0.55
    value_of_save: MoneyOrFormula | None = Field(
        None,
        description="Money a save is worth, also to campaigns that do not say it; or SQL over features. Margin over [business] value_months if not given.",
    )
    requires_consent: bool = Field(default=True, description="Only those who agreed to marketing can be contacted.")
    skip_open_tickets: bool = Field(default=False, description="Leave alone whoever waits for an answer from support.")
    cooldown_days: Days = Field(30, description="Days since anyone contacted them.")
    draws: int = Field(2_000, ge=100, le=100_000)

    @property
    def formulas(self) -> dict[TermName, str]:
        """The terms that are SQL over a customer's features."""
        terms: dict[TermName, float | str | None] = {
            "contact_cost": self.contact_cost,
            "incentive_cost": self.incentive_cost,
            "success_rate": self.success_rate,
            "value_of_save": self.value_of_save,
        }
        return {name: term for name, term in terms.items() if isinstance(term, str)}


class ResourceSettings(Section):
    """[resources]: what a job may use."""

    memory_limit: str = Field(
        "4GB", pattern=r"^\d+(\.\d+)?\s?(MB|GB|MiB|GiB)$", description="DuckDB's share; beyond it work spills to disk."
    )
    threads: int | None = Field(None, ge=1, description="All cores if not given.")
    temp_directory: Path | None = Field(None, description="Where work spills to; inside the home if not given.")


class ApiSettings(Section):
    """[api]: the service. Its keys are made with `churn keys create`."""

    host: str = Field("127.0.0.1", description="Address to listen on; 0.0.0.0 in a container.")
    port: Annotated[int, Field(ge=0, le=65535)] = Field(8000, description="Port to listen on; 0 takes a free one.")
    requests_per_minute: Annotated[int, Field(ge=1)] = Field(
        12_000, description="Requests that one key may make in a minute; more are answered with 429."
    )
    max_body_kb: Annotated[int, Field(ge=1, le=1_000_000)] = Field(2_048, description="Larger bodies are refused.")
    max_upload_mb: Annotated[int, Field(ge=1, le=4_000)] = Field(
        64, description="Larger files of experiments and lists of customers are refused."
    )
    query_rows: Annotated[int, Field(ge=1, le=1_000_000)] = Field(
        10_000, description="Most rows that /v1/query answers; the answer says where there are more."
    )
    query_seconds: Annotated[float, Field(gt=0, le=600)] = Field(
        30, description="A query that takes longer is stopped."
    )
    has_open_metrics: bool | None = Field(
        default=None, description="Whether /metrics answers without a key; to this machine alone if not given."
    )
    has_open_docs: bool | None = Field(
        default=None, description="The same for /docs and /openapi.json; who is signed in sees them always."
    )
    trusted_proxies: list[str] = Field(
        default=["127.0.0.1", "::1"],
        description="Addresses or networks of proxies whose X-Forwarded-For, -Proto and -Host are believed.",
    )
    search_by: list[str] = Field(
        default_factory=list,
        description="Columns of [sources.customers], such as email and name, by which pages find customers beside their id. Personal data: kept for the pages alone, and erased with the customer.",
    )
    root_path: str = Field(
        "",
        pattern=r"^(/[A-Za-z0-9._~-]+)*$",
        description="Prefix below which a proxy publishes the service, such as /churn.",
    )

    @field_validator("trusted_proxies", mode="before")
    @classmethod
    def _networks(cls, value: object) -> object:
        entries = [entry.strip() for entry in value.split(",") if entry.strip()] if isinstance(value, str) else value
        for entry in entries if isinstance(entries, list) else []:
            try:
                ip_network(entry, strict=False)
            except ValueError as error:
                raise ValueError(f"`{entry}` is no address or network: write 10.0.0.5 or 10.0.0.0/8") from error
        return entries


class CampaignSettings(Section):
    """[campaigns]: what holds for all campaigns together."""

    global_holdout_share: Share = Field(0.0, description="Share of customers whom no campaign ever touches.")
    global_holdout_seed: int = Field(1, description="Changes who they are; leave it as it is.")
    recent_contact_days: Days = Field(14, description="Whoever was contacted in these days is left alone.")
    channel_capacity: dict[str, Annotated[int, Field(ge=0)]] = Field(
        default_factory=dict, description="Contacts that a channel can make in one plan, such as phone = 500."
    )
    unreadable_consent_is_no: bool = Field(
        default=False,
        description="Confirms that a consent nobody can read is none; without it such words stop every plan.",
    )


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
