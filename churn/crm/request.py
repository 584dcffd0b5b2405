"""What a push is asked to do, and what it reports: the request and the report of one run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from churn.config.connectors import ConnectorSection
from churn.crm.connector import WriteMode
from churn.crm.preview import Preview
from churn.crm.rows import OnLeave

if TYPE_CHECKING:
    import polars as pl

PUSH_ONE = "push_one"  # the action of a run that pushes some customers of a list and no others
Mode = Literal["update", "upsert", "insert", "mirror"]


@dataclass(frozen=True)
class SyncRequest:
    """What shall hold: `wanted`, one row per customer in the order of sending, with our fields; theirs by `fields`.

    `on_leave` is what happens to whoever is no longer on the list; `forbidden` are those whom nobody may contact any
    more: what we wrote of them is emptied, whatever `on_leave` says. `settings` is the connector's section. With `only`
    nobody else's record is touched.
    """

    connector: str
    campaign: str
    run_id: str
    wanted: pl.DataFrame
    fields: Mapping[str, str]
    settings: ConnectorSection
    mode: Mode = "update"
    on_leave: OnLeave = "nothing"
    model_version: str | None = None
    score_run_id: str | None = None
    who: str = "nobody"
    holder: str = "churn sync"
    action: str = "push"
    is_campaign: bool = True
    forbidden: frozenset[str] = frozenset()
    only: frozenset[str] | None = None
    is_full: bool = False
    is_forced: bool = False
    constants: Mapping[str, str] = field(default_factory=dict)

    @property
    def write_mode(self) -> WriteMode:
        """How rows are written: a mirror creates what is missing."""
        return "upsert" if self.mode == "mirror" else self.mode

    @property
    def leaving(self) -> OnLeave:
        """What happens on leaving: a mirror holds the list and nothing else of ours."""
        return "clear" if self.mode == "mirror" and self.on_leave == "nothing" else self.on_leave

    @property
    def where(self) -> str:
        """How errors name it."""
        return f"campaign {self.campaign} to connector {self.connector}"


@dataclass(frozen=True)
class SyncReport:
    """What a push did, or (with `preview`) would do. `resumed`: the killed runs it took up; `seconds` of wall time.

    `refused`: the rows that the system refuses as of now, those left alone since an earlier push included; unless there
    are none, nothing is in step.
    """

    run_id: str
    state: str
    counts: dict[str, int]
    skipped: dict[str, int]
    seconds: float
    resumed: tuple[str, ...] = ()
    preview: Preview | None = None
    warnings: tuple[str, ...] = ()
    refused: int = 0


@dataclass(frozen=True)
class CheckedField:
    """One mapped field of one record: what it holds, and what a push would have it hold; `kind` where it can be asked."""

    ours: str
    theirs: str
    kind: str | None
    holds: str | int | bool | None
    would_hold: str | int | bool | None


@dataclass(frozen=True)
class Checked:
    """One customer of a list as the system holds them: the ids of the records with their key, and every mapped field."""

    customer_id: str
    remote_ids: tuple[str, ...]
    fields: tuple[CheckedField, ...]
