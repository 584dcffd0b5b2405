"""What every test can ask for, and which tests one worker keeps together."""

from __future__ import annotations

import functools
import gc
import os
import re
import sys
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
# So would every run of the tests compile their modules anew, which takes each worker five seconds.
sys.dont_write_bytecode = False

# Garbage is collected seldom: each collection looks at all that the libraries hold.
gc.set_threshold(100_000, 20, 100)

# Property tests try the same examples on every machine: a deadline would fail them for the machine's load, and examples
# by chance for a defect that was there before.
settings.register_profile("steady", deadline=None, derandomize=True, database=None, max_examples=60)
settings.load_profile("steady")

pytest_plugins = ["tests.disk", "tests.fast", "tests.prepared", "tests.postgres", "tests.mariadb", "tests.company"]

SHARING = ("tests/api/pages/", "tests/workflows/privacy/")  # their conftest.py makes companies once per module
# Files of more than five seconds of a core, and more than .4 a test: stories of killed processes, clusters, servers,
# browsers, notebooks, an installed wheel, trainings. `make test` does without them, `make test-long` runs them alone.
# In this order before everything else: begun late, one worker would wait for it alone at the end. The first makes the finished
# company while the second does without; a worker that asked for it would wait. Tests with a browser follow one another, for
# each of them would open it anew after one without.
LONG = (
    "tests/api/pages/simulator/test_simulator.py",
    "tests/workflows/monitor/test_story.py",
    "tests/distributed/test_equality.py",
    "tests/distributed/test_cluster.py",
    "tests/distributed/test_jdbc.py",
    "tests/distributed/test_object_store.py",
    "tests/distributed/test_reading.py",
    "tests/distributed/test_hive.py",
    "tests/distributed/test_build.py",
    "tests/workflows/test_training_share.py",
    "tests/sql/test_names.py",
    "tests/workflows/mirror/test_mirror.py",
    "tests/docs/test_notebooks.py",
    "tests/workflows/refresh/test_refused.py",
    "tests/workflows/monitor/test_rows.py",
    "tests/faults/test_inputs.py",
    "tests/api/pages/model/test_model.py",
    "tests/api/pages/test_risk_list.py",
    "tests/api/pages/test_walks.py",
    "tests/api/pages/test_german.py",
    "tests/api/pages/test_one_format.py",
    "tests/api/pages/test_plain_words.py",
    "tests/api/pages/test_campaign_editor.py",
    "tests/api/pages/test_audiences.py",
    "tests/api/pages/test_crm_preflight.py",
    "tests/api/pages/test_figures.py",
    "tests/api/pages/test_palette.py",
    "tests/api/pages/test_sso.py",
    "tests/api/pages/test_saved_views.py",
    "tests/api/pages/test_users.py",
    "tests/api/pages/test_alerts.py",
    "tests/api/pages/test_pushes.py",
    "tests/api/pages/test_campaigns.py",
    "tests/api/pages/customer/test_customer.py",
    "tests/api/pages/customer/test_rights.py",
    "tests/api/pages/test_jobs.py",
    "tests/api/pages/test_overview.py",
    "tests/api/pages/test_reports.py",
    "tests/api/pages/test_sign_in.py",
    "tests/api/pages/test_prefix.py",
    "tests/api/pages/test_errors.py",
    "tests/api/pages/test_insights.py",
    "tests/jobs/test_processes.py",
    "tests/faults/test_killed.py",
    "tests/faults/test_killed_service.py",
    "tests/faults/test_store_away.py",
    "tests/api/test_two_processes.py",
    "tests/packaging/test_wheel.py",
    "tests/jobs/test_night.py",
    "tests/faults/test_backup.py",
    "tests/faults/test_proxies.py",
    "tests/api/test_api_page.py",
    "tests/api/test_contract.py",
    "tests/api/test_generated_client.py",
    "tests/api/routes/test_experiments.py",
    "tests/api/pages/test_pages.py",
    "tests/faults/test_full_disk.py",
    "tests/faults/test_read_only.py",
    "tests/workflows/privacy/test_erasing.py",
    "tests/workflows/learn_uplift/test_learn_uplift.py",
    "tests/workflows/explore/test_explore_data.py",
    "tests/workflows/demo/test_demo_campaigns.py",
    "tests/workflows/experiment/test_experiment.py",
    "tests/cli/test_monitor.py",
    "tests/docs/test_first_hour.py",
    "tests/workflows/score/test_frame.py",
    "tests/workflows/score/test_lifetime.py",
    "tests/faults/test_model_and_neighbours.py",
    "tests/snapshots/test_point_in_time.py",
    "tests/warehouse/facts/test_compacting.py",
    "tests/workflows/report/test_publish_report.py",
    "tests/api/pages/test_page_actions.py",
    "tests/api/test_money_gate_walk.py",
    "tests/test_home.py",
    "tests/warehouse/models/test_checks.py",
    "tests/cli/test_campaigns.py",
    "tests/workflows/simulate/test_simulate_offer.py",
    "tests/workflows/refresh/test_company_time.py",
    "tests/modeling/test_training.py",
    "tests/workflows/simulate/test_agreement.py",
    "tests/warehouse/models/test_build.py",
    "tests/modeling/test_tuning.py",
    "tests/faults/test_resources.py",
    "tests/faults/test_modes.py",
    "tests/workflows/refresh/test_history.py",
    "tests/workflows/refresh/test_nights.py",
    "tests/workflows/publish/test_publish.py",
    "tests/workflows/plan/test_rounds.py",
    "tests/workflows/plan/test_plan_learnt.py",
    "tests/workflows/test_check_features.py",
    "tests/modeling/uplift/test_hillstrom.py",
    "tests/api/pages/test_language.py",
    "tests/snapshots/test_own_columns.py",
    "tests/workflows/foresee/test_loop.py",
    "tests/api/routes/test_programmes.py",
    "tests/cli/test_flat_files.py",
    "tests/api/test_security_routes.py",
    "tests/api/test_proxy.py",
    "tests/workflows/plan/test_plan_campaign.py",
    "tests/warehouse/models/test_staging.py",
    "tests/workflows/measure/test_measure_campaign.py",
    "tests/warehouse/loading/test_earlier.py",
    "tests/warehouse/loading/test_late.py",
    "tests/snapshots/test_share.py",
    "tests/workflows/test_init_from_files.py",
    "tests/decisions/test_height.py",
    "tests/warehouse/loading/test_tombstones.py",
    "tests/warehouse/loading/test_wide_tables.py",
    "tests/demo/test_play.py",
    "tests/packaging/test_airflow.py",
    "tests/workflows/test_init_flat.py",
    "tests/workflows/test_init_deletions.py",
    "tests/workflows/experiment/test_strata.py",
    "tests/warehouse/reading/test_rotated_logs.py",
    "tests/warehouse/models/test_rows_of_an_id.py",
    "tests/languages/test_errors.py",
    "tests/reports/test_monthly.py",
    "tests/store/test_migration.py",
    "tests/store/test_concurrency.py",
    "tests/warehouse/facts/test_parts.py",
    "tests/docs/test_files_page.py",
)
GROUP = re.compile(r'^pytestmark = [^\]]*?xdist_group\("(.+?)"\)', re.MULTILINE)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add what the tests of pages can be asked for."""
    parser.addoption("--screenshots", type=Path, metavar="FOLDER", help="keep pictures of the pages in this folder")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave long files unread where they are not wanted."""
    return True if config.option.markexpr == "not long" and _is_long(collection_path) else None


@pytest.hookimpl(tryfirst=True)  # before `-m` chooses
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of long files."""
    for item in items:
        if _is_long(item.path):
            item.add_marker("long")


@functools.cache  # asked for every test of a file
def _is_long(path: Path) -> bool:
    return path.is_relative_to(ROOT) and path.relative_to(ROOT).as_posix() in LONG


def pytest_collection_finish() -> None:
    """Leave what was imported out of garbage collections."""
    gc.freeze()


def pytest_sessionfinish() -> None:
    """Let the interpreter take down at its end what it has frozen: libraries complain of what is left."""
    gc.unfreeze()


class Together(LoadScopeScheduling):
    """Keeps tests that share what is made once on one worker, what is long or large first; the rest goes where there is time.

    The plugin's own grouping writes into an attribute of tests that pytest 9.2 no longer reads, and so groups nothing.
    """

    def __init__(self, config: pytest.Config, log: object) -> None:
        super().__init__(config, log)
        self._is_ordered = False

    def _split_scope(self, nodeid: str) -> str:
        return _group(nodeid.partition("::")[0]) or nodeid

    def _assign_work_unit(self, node: object) -> None:
        if not self._is_ordered:
            self._is_ordered = True
            places = {path: place for place, path in enumerate(LONG)}
            first_files = {scope: next(iter(tests)).partition("::")[0] for scope, tests in self.workqueue.items()}
            for scope in sorted(self.workqueue, key=lambda scope: places.get(first_files[scope], len(LONG))):
                self.workqueue.move_to_end(scope)
        super()._assign_work_unit(node)


@functools.cache
def _group(path: str) -> str | None:
    text = (ROOT / path).read_text(encoding="utf-8")
    if named := GROUP.search(text):
        return named[1]
    return path if 'scope="module"' in text or path.startswith(SHARING) else None


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> LoadScopeScheduling | None:
    """Return the scheduler above where groups are wanted."""
    return Together(config, log) if config.getoption("dist") == "loadgroup" else None
