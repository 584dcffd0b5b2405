from __future__ import annotations

import json
import os
import pickle
import shutil

import numpy as np
import polars as pl
import pytest

from churn.errors import ModelError, ResourceError
from churn.modeling import load_bundle, load_card, load_evaluation, load_unlearnt, save_bundle
from churn.modeling.candidates import CANDIDATES
from churn.modeling.serving import bundles
from tests.modeling.made_up import customers, train

FRAME = customers(count=250)


@pytest.fixture(scope="module", params=[c.name for c in CANDIDATES])
def trained(request):
    return train(FRAME, candidates=[request.param])


@pytest.fixture(scope="module")
def logistic():
    return train(FRAME, candidates=["logistic_regression"])


@pytest.fixture
def bundle(logistic, tmp_path):
    save_bundle(logistic, tmp_path / "models" / "v1")
    return tmp_path / "models" / "v1"


def rewrite_manifest(folder):
    files = {p.name: bundles.digest(p) for p in folder.iterdir() if p.name != "manifest.json"}
    (folder / "manifest.json").write_text(json.dumps({"format": 1, "files": files}))


def test_a_loaded_model_scores_to_the_same_bytes(trained, tmp_path):
    save_bundle(trained, tmp_path / "v1")
    model = load_bundle(tmp_path / "v1")
    one, other = model.predict(FRAME), trained.model.predict(FRAME)
    assert np.array_equal(one.raw_score, other.raw_score)
    assert np.array_equal(one.churn_probability, other.churn_probability)
    assert model.feature_names == trained.model.feature_names
    assert model.policy == trained.model.policy
    assert model.features == trained.model.features
    assert np.array_equal(model.background, trained.model.background)
    assert model.threshold == trained.model.threshold


def test_a_bundle_holds_no_pickle(trained, tmp_path):
    save_bundle(trained, tmp_path / "v1")
    for path in (tmp_path / "v1").iterdir():
        with pytest.raises(Exception):  # noqa: B017, PT011 (whatever pickle raises, it must not succeed)
            pickle.loads(path.read_bytes())


def test_the_evaluation_set_and_the_card_come_back(logistic, bundle):
    assert load_evaluation(bundle).equals(logistic.evaluation)
    assert load_unlearnt(bundle).equals(logistic.unlearnt)
    assert load_card(bundle).reason == logistic.selection.reason
    assert logistic.selection.reason in (bundle / "card.md").read_text(encoding="utf-8")


def test_a_missing_bundle_is_named(tmp_path):
    with pytest.raises(ModelError, match="no such model bundle"):
        load_bundle(tmp_path / "v9")


def test_an_altered_file_is_refused(bundle):
    path = bundle / "model.json"
    path.write_text(path.read_text().replace('"kind"', '"kind" '))
    with pytest.raises(ModelError, match=r"model\.json was altered"):
        load_bundle(bundle)


def test_a_missing_file_is_refused(bundle):
    (bundle / "evaluation.parquet").unlink()
    with pytest.raises(ModelError, match=r"lacks evaluation\.parquet"):
        load_evaluation(bundle)


def test_another_format_is_refused(bundle):
    (bundle / "manifest.json").write_text('{"format": 99, "files": {}}')
    with pytest.raises(ModelError, match="format 99"):
        load_bundle(bundle)


def test_types_that_are_not_trusted_are_refused_before_anything_runs(bundle):
    import skops.io
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import FunctionTransformer

    hostile = LogisticRegression()
    hostile.extra = FunctionTransformer(shutil.rmtree)
    skops.io.dump(hostile, bundle / "estimator.skops")
    rewrite_manifest(bundle)
    with pytest.raises(ModelError, match=r"not trusted: shutil\.rmtree"):
        load_bundle(bundle)


@pytest.mark.parametrize("content", [b"", b"not a zip", pickle.dumps({"a": 1})])
def test_a_file_that_is_no_estimator_is_refused(bundle, content):
    (bundle / "estimator.skops").write_bytes(content)
    rewrite_manifest(bundle)
    with pytest.raises(ModelError, match="cannot be read"):
        load_bundle(bundle)


def test_a_booster_that_is_none_is_refused(tmp_path):
    save_bundle(train(FRAME, candidates=["xgboost"]), tmp_path / "v1")
    (tmp_path / "v1" / "estimator.ubj").write_bytes(b"garbage")
    rewrite_manifest(tmp_path / "v1")
    with pytest.raises(ModelError, match="cannot be read"):
        load_bundle(tmp_path / "v1")


def test_a_model_file_of_another_shape_is_refused(bundle):
    (bundle / "model.json").write_text('{"kind": "logistic_regression"}')
    rewrite_manifest(bundle)
    with pytest.raises(ModelError, match="cannot be read"):
        load_bundle(bundle)


def test_a_file_that_the_manifest_does_not_list_is_refused(bundle):
    manifest = json.loads((bundle / "manifest.json").read_text())
    del manifest["files"]["model.json"]
    (bundle / "manifest.json").write_text(json.dumps(manifest))
    for load in (load_bundle, load_evaluation, load_card):
        with pytest.raises(ModelError, match=r"model\.json is not in the bundle's list"):
            load(bundle)


@pytest.mark.parametrize("name", ["background.npy", "evaluation.parquet", "model.json"])
@pytest.mark.parametrize("content", [None, b"", b"garbage", b"[" * 100_000])
def test_a_part_that_is_missing_or_garbage_is_refused_even_if_the_manifest_was_sealed_anew(bundle, name, content):
    (bundle / name).unlink()
    if content is not None:
        (bundle / name).write_bytes(content)
    rewrite_manifest(bundle)
    with pytest.raises(ModelError):
        (load_evaluation if name == "evaluation.parquet" else load_bundle)(bundle)


def _places(value, path=()):
    """Every place of a JSON document, those of lists by their first three."""
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value[:3]) if isinstance(value, list) else ()
    for key, each in inner:
        yield from _places(each, (*path, key))


def _with(value, path, new):
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = _with(value[path[0]], path[1:], new)
    return copy


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("file", ["model.json", "manifest.json"])
def test_metadata_changed_anywhere_is_a_model_error_or_a_model_that_scores(bundle, file):
    document = json.loads((bundle / file).read_text())
    places = list(_places(document))
    rng = np.random.default_rng(1)
    values = [None, -1, 1e308, "", "x", [], {}, True, [[1]], {"kind": "x"}]
    chosen = [places[n] for n in rng.permutation(len(places))[:60]]
    for place in chosen:
        changed = _with(document, place, values[rng.integers(len(values))])
        (bundle / file).write_text(json.dumps(changed))
        if file != "manifest.json":
            rewrite_manifest(bundle)
        try:
            predicted = load_bundle(bundle).predict(FRAME)
        except ModelError:
            continue
        assert ((predicted.churn_probability >= 0) & (predicted.churn_probability <= 1)).all()


def test_a_bundle_is_never_overwritten(logistic, bundle):
    with pytest.raises(ModelError, match="already there"):
        save_bundle(logistic, bundle)


def test_a_write_that_fails_leaves_nothing_behind(logistic, tmp_path, monkeypatch):
    def full(*_args, **_kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pl.DataFrame, "write_parquet", full)
    with pytest.raises(ResourceError, match="No space left"):
        save_bundle(logistic, tmp_path / "models" / "v1")
    assert list((tmp_path / "models").iterdir()) == []


def test_what_a_killed_training_left_half_written_is_swept_by_the_next(logistic, tmp_path):
    for name, hours in ((".v1-abcd", 2), (".v2-efgh", 0)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "model.json").write_text("{")
        then = (tmp_path / name).stat().st_mtime - 3600 * hours
        os.utime(tmp_path / name, (then, then))
    save_bundle(logistic, tmp_path / "v3")
    assert {path.name for path in tmp_path.iterdir()} == {".v2-efgh", "v3"}  # one may be another training's, at work
