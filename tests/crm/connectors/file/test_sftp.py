from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import paramiko
import pytest

from churn.config.connectors import FileConnector
from churn.crm.connector import Connector, Row
from churn.crm.connectors.file.connector import connect
from churn.errors import AuthFailed, ConfigError, Unreachable
from tests.crm.connectors.file.sftp_server import SftpServer
from tests.crm.connectors.file.test_file import rows_of
from tests.crm.contract import NOW, SECRET

pytestmark = pytest.mark.slow


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SftpServer]:
    (tmp_path / "remote").mkdir()
    started = SftpServer(tmp_path / "remote", password=SECRET)
    yield started
    started.close()


@pytest.fixture(autouse=True)
def _no_known_hosts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))


def lists(server: SftpServer, secret: str = SECRET, **settings: Any) -> Connector:
    section = FileConnector(
        path=f"sftp://user@127.0.0.1:{server.port}/in/lists",
        **{"host_key": server.public_key, "timeout_seconds": 10} | settings,
    )
    return connect("crm", section, {"CHURN_CONNECTOR_CRM_SECRET": secret}, clock=lambda: NOW)


def test_lists_arrive_whole_under_their_names_and_grow(server: SftpServer) -> None:
    connector = lists(server)
    connector.check()
    rows = [Row(f"c{n}", None, {"risk_band": "high", "p": 0.5}) for n in range(2_000)]
    results = connector.write(rows, mode="update", run_id="r1")
    assert {result.state for result in results} == {"created"}
    connector.close()
    again = lists(server)
    (result,) = again.write([Row("c1", None, {"risk_band": None})], mode="update", run_id="r2")
    assert result.state == "updated"
    folder = server.folder / "in" / "lists"
    assert len(rows_of(folder / "crm.csv")) == 2_000
    assert rows_of(folder / "crm.csv")["c1"] == {"risk_band": "", "p": "0.5"}
    assert rows_of(folder / "changes" / "r2.csv") == {"c1": {"risk_band": ""}}
    assert list(folder.rglob(".*")) == []
    assert again.read(["c2", "nobody"], ["p"]) == {"c2": {"p": "0.5"}}
    again.close()


def test_a_wrong_password_is_refused_without_being_told(server: SftpServer) -> None:
    with pytest.raises(AuthFailed) as caught:
        lists(server, secret="wr0ng-s3cret").check()
    assert "wr0ng-s3cret" not in str(caught.value) + repr(caught.value.__cause__)


def test_a_server_that_is_not_known_gets_no_password(server: SftpServer) -> None:
    with pytest.raises(ConfigError, match="ssh-keyscan"):
        lists(server, host_key=None).check()


def test_a_server_with_another_key_gets_no_password(server: SftpServer) -> None:
    other = paramiko.ECDSAKey.generate()
    with pytest.raises(AuthFailed, match="not the server it was"):
        lists(server, host_key=f"{other.get_name()} {other.get_base64()}").check()


def test_a_key_file_signs_in_without_a_password(server: SftpServer, tmp_path: Path) -> None:
    server.key = paramiko.ECDSAKey.generate()
    server.key.write_private_key_file(str(tmp_path / "key"), password="phrase")
    lists(server, secret="phrase", key_file=str(tmp_path / "key")).check()


def test_nobody_there_is_said_to_be_known_to_have_done_nothing(server: SftpServer) -> None:
    connector = lists(server)
    server.close()
    with pytest.raises(Unreachable) as caught:
        connector.write([Row("c1", None, {"a": "b"})], mode="update", run_id="r1")
    assert not caught.value.is_unknown


@pytest.mark.parametrize("path", ["sftp://127.0.0.1/lists", "sftp://user:pass@127.0.0.1/lists"])
def test_an_address_without_a_user_or_with_a_password_is_refused(path: str) -> None:
    with pytest.raises(ConfigError, match=r"user|password"):
        connect("crm", FileConnector(path=path), {"CHURN_CONNECTOR_CRM_SECRET": "x"}, clock=lambda: NOW)
