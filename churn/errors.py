"""Every error a user can meet, and the exit code each one ends a command with.

    ChurnError                    anything we raise on purpose
      ConfigError                 churn.toml, environment, command line, or a definition file is wrong
        ListChanged               a cursor belongs to a list that is no longer the current one
      DataError                   the data is refused
        NotFound                  what was asked for is not there
        ContractBroken            a source lacks a required column, is empty, or has the wrong types
        FutureLeak                a feature would see facts from after its snapshot date
        QualityBlocked            a blocking quality rule found defects
        WarehouseBusy             another process holds the warehouse
        StoreBusy                 another process keeps the store locked
        SyncBusy                  another push to the same system is under way
      ModelError                  the model is refused
        NotEnoughData             too few churners, stayers or snapshots to learn from
        NoChampion                no model has been promoted yet
        NotCalibrated             probabilities are off, so money answers would be wrong
      CampaignError               a campaign cannot be planned or measured as asked
      ConnectorError              a remote system failed
        AuthFailed                it refuses our credentials
        RateLimited               it asks us to slow down
        Unreachable               it does not answer
          StoreAway               the database server of our own store does not
        RecordRejected            it refuses one record
      ResourceError               the machine is short of disk or memory

A message says what is wrong, where, and what to do. Foreign exceptions are translated once, at the boundary,
with `from`. The command line reads `exit_code`, the service `http_status` and `code`; nothing else decides how a command ends
or a request is answered.
"""

from __future__ import annotations

import re


class ChurnError(Exception):
    """Anything raised on purpose; `where` names the file, table or field, `remedy` what to do about it."""

    exit_code: int = 1
    http_status: int = 500

    def __init__(self, what: str, *, where: str | None = None, remedy: str | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.remedy = remedy

    @property
    def code(self) -> str:
        """The class's name as programs know it: NotCalibrated is `not_calibrated`."""
        return re.sub(r"(?<!^)(?=[A-Z])", "_", type(self).__name__).lower()

    def __str__(self) -> str:
        """Return one line: where, what, remedy."""
        line = f"{self.where}: {self.what}" if self.where else self.what
        return f"{line.rstrip('.')}. {self.remedy}" if self.remedy else line


class ConfigError(ChurnError):
    """Settings, command line, or a definition file is wrong."""

    exit_code = 2
    http_status = 422


class ListChanged(ConfigError):
    """A cursor belongs to a list that is no longer the current one."""

    http_status = 409


class DataError(ChurnError):
    """The data is refused."""

    exit_code = 3
    http_status = 409


class NotFound(DataError):
    """What was asked for is not there."""

    http_status = 404


class ContractBroken(DataError):
    """A source lacks a required column, is empty, or holds the wrong types."""


class FutureLeak(DataError):
    """A feature would see facts from after its snapshot date."""


class QualityBlocked(DataError):
    """A blocking quality rule found defects, so nothing is scored or pushed."""


class WarehouseBusy(DataError):
    """Another process holds the warehouse."""

    exit_code = 5
    http_status = 503


class StoreBusy(DataError):
    """Another process keeps the store locked."""

    exit_code = 5
    http_status = 503


class SyncBusy(DataError):
    """Another push to the same system is under way."""

    exit_code = 5


class ModelError(ChurnError):
    """The model is refused."""

    exit_code = 4
    http_status = 409


class NotEnoughData(ModelError):
    """Too few churners, stayers, or snapshots to learn from."""


class NoChampion(ModelError):
    """No model has been promoted yet."""


class NotCalibrated(ModelError):
    """The probabilities are off, so any money answer built on them would be wrong."""


class CampaignError(ChurnError):
    """A campaign cannot be planned or measured as asked."""

    exit_code = 2
    http_status = 422


class ConnectorError(ChurnError):
    """A remote system failed; `has_progressed` when part of what was asked is done and need not be asked again."""

    exit_code = 6
    http_status = 502
    has_progressed = False


class AuthFailed(ConnectorError):
    """The remote system refuses our credentials."""


class RateLimited(ConnectorError):
    """The remote system asks us to slow down; `retry_after` is its wish in seconds, None when it names none."""

    def __init__(
        self, what: str, *, where: str | None = None, remedy: str | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(what, where=where, remedy=remedy)
        self.retry_after = retry_after


class Unreachable(ConnectorError):
    """The remote system does not answer; `is_unknown` when it may have carried out what we asked all the same."""

    def __init__(
        self, what: str, *, where: str | None = None, remedy: str | None = None, is_unknown: bool = False
    ) -> None:
        super().__init__(what, where=where, remedy=remedy)
        self.is_unknown = is_unknown


class StoreAway(Unreachable):
    """The database server of the store does not answer; each request asks it anew, so nothing need be restarted."""

    http_status = 503


class RecordRejected(ConnectorError):
    """The remote system refuses one record."""


class ResourceError(ChurnError):
    """The machine is short of disk space or memory, or a file cannot be written."""

    exit_code = 7
    http_status = 507
