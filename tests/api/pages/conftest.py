"""The pages as their users see them: a served company, Chromium, accessibility checks, screenshots.

A test asks for `visitor` (signed in, may do everything) or `stranger` (nobody), and walks:

    def test_the_front_page_names_the_target(visitor):
        visitor.visit("/")
        visitor.see("Churn target")
        visitor.assert_accessible()
        visitor.screenshot("overview")
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from churn.accounts.sign_in import create_link
from churn.api import create_app
from churn.bootstrap import build_context
from churn.config import load_settings
from churn.context import Context
from tests.company import Company, copy_home

CHROMIUM = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))
WIDTHS = {"desktop": (1280, 900), "phone": (390, 844)}
SCHEMES = ("light", "dark")
LEFT = (
    "htmx:sendAbort",
    "htmx:afterRequest",
)  # a page was left while it asked: a request that fails says more than these


@dataclass
class Served:
    """A service on a free port, over a home of its own."""

    address: str
    context: Context
    home: Path


def serve(context: Context) -> Iterator[Served]:
    """Serve `context` from a thread until the generator is closed."""
    import uvicorn

    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(
        uvicorn.Config(create_app(context), log_config=None, access_log=False, ws="none", server_header=False)
    )
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    deadline = time.monotonic() + 60
    while not server.started:
        assert thread.is_alive(), "the service did not start"
        assert time.monotonic() < deadline, "the service did not start in time"
        time.sleep(0.02)
    try:
        yield Served(f"http://127.0.0.1:{listening.getsockname()[1]}", context, context.settings.home)
    finally:
        server.should_exit = True
        thread.join(timeout=30)
        listening.close()


def context_of(home: Path, **environ: str) -> Context:
    """A context over `home` with its own settings, away from this machine's."""
    config = home / "churn.toml"
    return build_context(
        settings=load_settings(config=config if config.is_file() else None, home=home, environ=environ)
    )


@pytest.fixture(scope="module")
def served(finished_company: Company, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The finished company, copied and served; the tests of one module share it."""
    home = tmp_path_factory.mktemp("pages") / "home"
    copy_home(finished_company.home, home)
    yield from serve(context_of(home))


@pytest.fixture(scope="module")
def served_empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A home in which nothing has happened yet, served."""
    yield from serve(context_of(tmp_path_factory.mktemp("empty") / "home"))


class _Chromium:
    """Chromium as Debian packages it: opened for the first test that needs it, closed before one that does not."""

    def __init__(self) -> None:
        self._playwright: Any = None
        self._browser: Any = None

    def opened(self) -> Any:
        if self._browser is None:
            from playwright.sync_api import sync_playwright

            self._playwright = sync_playwright().start()
            self._browser = self._playwright.chromium.launch(
                executable_path=CHROMIUM,
                args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--font-render-hinting=none"],
            )
        return self._browser

    def close(self) -> None:
        if self._browser is not None:
            self._browser.close()
            self._playwright.stop()
            self._playwright = self._browser = None


_chromium = _Chromium()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(nextitem: pytest.Item | None) -> Iterator[None]:
    """Close the browser before a test without one: Playwright's event loop must not outlive the tests that use it."""
    yield
    if "browser" not in getattr(nextitem, "fixturenames", ()):
        _chromium.close()


@pytest.fixture
def browser() -> Any:
    """A browser, the same for all tests in a row; each test opens contexts of its own in it."""
    if not CHROMIUM.exists():
        pytest.skip(f"no Chromium at {CHROMIUM}: install the package `chromium`, or name another in CHROMIUM")
    return _chromium.opened()


@dataclass
class Visitor:
    """Somebody with a browser; whatever the console complains of, or asks of another host, fails the test."""

    page: Any
    served: Served
    complaints: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    pictures: Path | None = None
    allowed: tuple[str, ...] = ()  # what the console may say: a test of errors allows the errors it provokes

    def visit(self, path: str, status: int = 200) -> Visitor:
        """Open `path`; it must answer with `status`."""
        answer = self.page.goto(f"{self.served.address}{path}")
        assert answer.status == status, f"{path}: {answer.status}"
        return self

    def sign_in(self, scopes: Sequence[str] = ("admin",)) -> Visitor:
        """Sign in by a one-time link that gives `scopes`."""
        token = create_link(self.served.context, scopes)
        answer = self.page.request.get(f"{self.served.address}/sign-in/link?token={token}", max_redirects=0)
        assert answer.status == 303, answer.text()
        return self

    def see(self, *texts: str) -> None:
        """Each text must become visible."""
        for text in texts:
            self.page.get_by_text(text).first.wait_for(state="visible", timeout=20_000)

    def size(self, width: str) -> Visitor:
        """Take a `desktop` or `phone` window."""
        self.page.set_viewport_size(dict(zip(("width", "height"), WIDTHS[width], strict=True)))
        return self

    def assert_accessible(self) -> None:
        """Axe must find nothing, in light and dark, on a desktop and on a phone; and nothing may stick out sideways."""
        from axe_playwright_python.sync_playwright import Axe

        everything = {"resultTypes": ["violations"]}  # what passes need not be described
        colours = everything | {"runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}}
        for width, scheme, rules in (
            ("desktop", "light", everything),
            ("desktop", "dark", colours),  # all else is as in the light
            ("phone", "dark", everything),
        ):
            self.size(width).page.emulate_media(color_scheme=scheme)
            overhang = self.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
            assert overhang <= 0, f"the page is {overhang} px wider than a {width}"
            found = Axe().run(self.page, options=rules)
            told = [
                f"{width}, {scheme}: {v['id']}: {v['help']}: {[n['html'][:200] for n in v['nodes'][:3]]}"
                for v in found.response["violations"]
            ]
            assert told == [], "\n".join(told)
        self.size("desktop").page.emulate_media(color_scheme="light")

    def screenshot(self, name: str) -> None:
        """Keep `NAME-desktop-light.png` and its three fellows in the folder of `--screenshots`, if there is one."""
        if self.pictures is None:
            return
        for width in WIDTHS:
            self.size(width)
            for scheme in SCHEMES:
                self.page.emulate_media(color_scheme=scheme)
                path = self.pictures / f"{name}-{width}-{scheme}.png"
                self.page.screenshot(path=path, full_page=True, animations="disabled")
        self.size("desktop").page.emulate_media(color_scheme="light")


@pytest.fixture
def visitors(browser: Any, request: pytest.FixtureRequest) -> Iterator[Callable[[Served], Visitor]]:
    """Opens browsers for people who do not know of each other; checks at the end that no console complained."""
    opened: list[tuple[Any, Visitor]] = []

    def open_(served: Served) -> Visitor:
        size = {"width": 1280, "height": 900}
        context = browser.new_context(viewport=size, color_scheme="light", ignore_https_errors=True)
        page = context.new_page()
        visitor = Visitor(page, served, pictures=request.config.getoption("screenshots"))
        page.on("console", lambda m: visitor.complaints.append(m.text) if m.type in {"error", "warning"} else None)
        page.on("pageerror", lambda error: visitor.complaints.append(str(error)))
        page.on(
            "request", lambda r: None if r.url.startswith((served.address, "data:")) else visitor.foreign.append(r.url)
        )
        opened.append((context, visitor))
        return visitor

    yield open_
    for context, _visitor in opened:
        context.close()
    for _context, visitor in opened:
        assert visitor.foreign == [], "a page asked another host"
        allowed = (*visitor.allowed, *LEFT)
        assert [c for c in visitor.complaints if not any(a in c for a in allowed)] == []


@pytest.fixture
def stranger(visitors: Callable[[Served], Visitor], served: Served) -> Visitor:
    """Nobody, in front of the finished company."""
    return visitors(served)


@pytest.fixture
def visitor(stranger: Visitor) -> Visitor:
    """Somebody who may do everything, in front of the finished company."""
    return stranger.sign_in()


@pytest.fixture
def newcomer(visitors: Callable[[Served], Visitor], served_empty: Served) -> Visitor:
    """Somebody who may do everything, where nothing has happened yet."""
    return visitors(served_empty).sign_in()
