from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from churn.store import open_store
from tests.company import call, churn

pytestmark = pytest.mark.slow


class _Service(BaseHTTPRequestHandler):
    status = 200

    def do_GET(self) -> None:
        body = json.dumps({"status": "ok", "path": self.path}).encode()
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def address(request: pytest.FixtureRequest) -> Iterator[str]:
    handler = type("Handler", (_Service,), {"status": getattr(request, "param", 200)})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_service_that_is_ready_ends_with_code_0(tmp_path, address):
    done = churn("health", "--url", address, "--json", cwd=tmp_path)
    assert done.returncode == 0
    assert json.loads(done.stdout) == {"what": "service", "status": "ok", "path": "/readyz"}


@pytest.mark.parametrize("address", [503], indirect=True)
def test_a_service_that_is_not_ready_ends_with_code_6(tmp_path, address):
    done = call("health", "--url", address, cwd=tmp_path)
    assert done.returncode == 6
    assert "it answers 503" in done.stderr


def test_no_service_ends_with_code_6_and_says_how_to_start_one(tmp_path):
    done = call("health", "--url", "http://127.0.0.1:1", cwd=tmp_path)
    assert done.returncode == 6
    assert "churn serve" in done.stderr


def test_a_scheduler_is_there_while_it_gives_signs_of_life(tmp_path):
    assert call("health", "--scheduler", cwd=tmp_path).returncode == 6
    with open_store(f"sqlite:///{tmp_path}/.churn/store.sqlite") as store:
        store.schedule.seen("night watch", datetime.now(UTC).replace(tzinfo=None))
    done = call("health", "--scheduler", "--json", cwd=tmp_path)
    assert done.returncode == 0
    assert json.loads(done.stdout)["schedulers"][0]["owner"] == "night watch"
