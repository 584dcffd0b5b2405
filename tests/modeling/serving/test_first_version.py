"""A bundle that the first version of churn wrote is read to the letter, and written again to the byte."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from churn.errors import ModelError
from churn.modeling import card_markdown, load_bundle, load_card, load_evaluation
from churn.modeling.serving import bundles
from churn.modeling.serving.registry import ModelFile
from tests.modeling.made_up import customers

FOLDER = Path(__file__).parent / "first_version"


def test_its_model_scores_as_it_did() -> None:
    kept = load_evaluation(FOLDER)
    rows = customers(count=250).join(kept.select("customer_id", "snapshot_date"), on=["customer_id", "snapshot_date"])
    predicted = load_bundle(FOLDER).predict(rows)
    order = rows.select("customer_id", "snapshot_date").with_row_index("place")
    place = kept.join(order, on=["customer_id", "snapshot_date"], maintain_order="left")["place"].to_numpy()
    np.testing.assert_allclose(predicted.raw_score[place], kept["raw_score"], rtol=1e-12)
    np.testing.assert_allclose(predicted.churn_probability[place], kept["churn_probability"], rtol=1e-12)


@pytest.mark.parametrize("name", ["card.json", "model.json"])
def test_its_files_are_written_again_to_the_byte(name: str, tmp_path: Path) -> None:
    kind = ModelFile if name == "model.json" else type(load_card(FOLDER))
    bundles.write_json(tmp_path / name, bundles.read_document(FOLDER / name, kind).as_json())
    assert (tmp_path / name).read_bytes() == (FOLDER / name).read_bytes()


def test_its_card_reads_the_same() -> None:
    assert card_markdown(load_card(FOLDER)) == (FOLDER / "card.md").read_text(encoding="utf-8")


def _changed(folder: Path, name: str, change: dict[str, Any]) -> Path:
    """Copy the bundle with some keys of one file changed, and seal it again: only the shape is wrong."""
    shutil.copytree(FOLDER, folder)
    values = json.loads((folder / name).read_text(encoding="utf-8")) | change
    (folder / name).write_text(json.dumps(values), encoding="utf-8")
    bundles.reseal(folder / name)
    return folder


@pytest.mark.parametrize(
    ("name", "change", "read"),
    [
        ("card.json", {"candidates": [{"name": "logistic_regression"}]}, load_card),
        ("card.json", {"counts": "many"}, load_card),
        ("model.json", {"calibrator": {"method": "wishful"}}, load_bundle),
        ("model.json", {"encoder": {"recipe": "linear", "features": [], "plans": [{"kind": "hash"}]}}, load_bundle),
        ("model.json", {"kind": "oracle"}, load_bundle),
        ("model.json", {"more": 1}, load_bundle),
    ],
)
def test_metadata_of_another_shape_is_refused(name: str, change: dict[str, Any], read: Any, tmp_path: Path) -> None:
    folder = _changed(tmp_path / "bundle", name, change)
    with pytest.raises(ModelError, match="cannot be read"):
        read(folder)


def test_what_a_later_version_adds_to_a_card_is_kept(tmp_path: Path) -> None:
    card = load_card(_changed(tmp_path / "bundle", "card.json", {"of another release": [1, 2]}))
    assert card.as_json()["of another release"] == [1, 2]
    assert card.chosen.name == card.selected
