"""What every test can ask for, and which tests one worker keeps together."""

from __future__ import annotations

import functools
import os
import re
from pathlib import Path

import pytest
from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling

from tests import ROOT

# The workers fill the cores: threads inside each, and inside the commands it starts, would wait for one another. Without
# workers the number is told too: scikit-learn would start a process to count the cores, which no fast test may.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1" if "PYTEST_XDIST_WORKER" in os.environ else str(os.cpu_count() or 1))

# The commands that tests start would compile the package anew, each by itself, where the machine forbids to keep it.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# Property tests try the same examples on every machine: a deadline would fail them for the machine's load, and examples
# by chance for a defect that was there before.
settings.register_profile("steady", deadline=None, derandomize=True, database=None, max_examples=60)
settings.load_profile("steady")

pytest_plugins = ["tests.fast", "tests.prepared", "tests.postgres", "tests.mariadb", "tests.company"]

SHARING = ("tests/api/pages/", "tests/workflows/privacy/")  # their conftest.py makes companies once per module
GROUP = re.compile(r'^pytestmark = .*xdist_group\("(.+?)"\)', re.MULTILINE)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add what the tests of pages can be asked for."""
    parser.addoption("--screenshots", type=Path, metavar="FOLDER", help="keep pictures of the pages in this folder")


class Together(LoadScopeScheduling):
    """Keeps tests that share what is made once on one worker, the large groups first; the rest goes where there is time.

    The plugin's own grouping writes into an attribute of tests that pytest 9.2 no longer reads, and so groups nothing.
    """

    def _split_scope(self, nodeid: str) -> str:
        return _group(nodeid.partition("::")[0]) or nodeid


@functools.cache
def _group(path: str) -> str | None:
    text = (ROOT / path).read_text(encoding="utf-8")
    if named := GROUP.search(text):
        return named[1]
    return path if 'scope="module"' in text or path.startswith(SHARING) else None


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> LoadScopeScheduling | None:
    """Return the scheduler above where groups are wanted."""
    return Together(config, log) if config.getoption("dist") == "loadgroup" else None
