"""Files are written whole or not at all, whoever notices that the disk is full."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from churn.demo.writers import write_frame
from churn.errors import ResourceError

FULL = Path("/dev/full")


@pytest.mark.skipif(not FULL.exists(), reason="this system has no device that is always full")
@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_full_disk_is_told_as_such_and_leaves_nothing(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"payments.{ending}"
    path.with_name(path.name + ".partial").symlink_to(FULL)
    with pytest.raises(ResourceError, match="No space left") as caught:
        write_frame(pl.DataFrame({"payment_id": range(100_000)}), path)
    assert str(path) in str(caught.value)
    assert list(tmp_path.iterdir()) == []
