"""What goes wrong in a task of a real cluster is told as on one machine, or with what to do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from churn.config import EngineSettings
from churn.distributed.buckets import DONE, count_buckets, run_buckets
from churn.distributed.place import Place
from churn.distributed.session import open_session
from churn.errors import DataError, ResourceError
from churn.progress import SILENT
from tests.distributed.tasks import crash, refuse
from tests.spark import SETTINGS, SparkCluster

pytestmark = [pytest.mark.xdist_group("spark"), pytest.mark.slow, pytest.mark.timeout(600)]


def test_errors_of_tasks_are_those_of_the_product_or_say_what_to_do(spark: SparkCluster, tmp_path: Path) -> None:
    session = open_session(EngineSettings(kind="spark", master=spark.master, settings=SETTINGS))
    three, below = ["0", "1", "2"], Place.at(tmp_path / "refused")
    with pytest.raises(DataError, match="holds nothing to work on") as refused:
        run_buckets(session, refuse, below, three, message="Trying", progress=SILENT)
    assert (refused.value.where, refused.value.remedy) == ("bucket 1", "Load more.")
    assert count_buckets(below, three).done == 2
    assert sorted(path.parent.name for path in below.path.glob(f"*/{DONE}")) == ["0", "2"]
    assert sorted(path.parent.name for path in below.path.glob("*/try-*")) == ["0", "2"], (
        "a refused attempt leaves nothing"
    )
    with pytest.raises(ResourceError, match=re.escape("RuntimeError: bucket 0 in try-")) as crashed:
        run_buckets(session, crash, Place.at(tmp_path / "crashed"), ["0"], message="Trying", progress=SILENT)
    assert "goes on with the buckets that are left" in (crashed.value.remedy or "")
