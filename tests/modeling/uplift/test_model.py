from __future__ import annotations

import pickle

import numpy as np
import pytest

from churn.errors import ModelError
from churn.modeling.candidates import CANDIDATES
from churn.modeling.uplift.learners import LEARNERS
from churn.modeling.uplift.model import load_uplift, save_uplift
from tests.modeling.uplift.experiments import experiment, fit

FRAME = experiment(600, spread=0.15, harm=0.3)
LEFT = FRAME.select("customer_id")
PAIRS = [(name, "logistic_regression") for name in LEARNERS] + [("x_learner", c.name) for c in CANDIDATES[1:]]


@pytest.fixture(scope="module", params=PAIRS)
def model(request):
    return fit(FRAME, *request.param)


@pytest.fixture
def bundle(model, tmp_path):
    save_uplift(model, {"campaign": "trial"}, LEFT, tmp_path / "trial" / "v1")
    return tmp_path / "trial" / "v1"


def test_a_loaded_model_predicts_to_the_same_bytes_and_leaves_the_same_alone(model, bundle):
    loaded, result = load_uplift(bundle)
    assert np.array_equal(loaded.predict(FRAME), model.predict(FRAME))
    assert loaded.do_not_contact(FRAME).equals(model.do_not_contact(FRAME), null_equal=True)
    assert loaded.harmful_groups == model.harmful_groups
    assert loaded.features == model.features
    assert result == {"campaign": "trial"}


def test_a_bundle_holds_no_pickle(bundle):
    for path in bundle.iterdir():
        with pytest.raises(Exception):  # noqa: B017, PT011 (whatever pickle raises, it must not succeed)
            pickle.loads(path.read_bytes())


def test_an_altered_bundle_is_refused(bundle):
    path = bundle / "uplift.json"
    path.write_text(path.read_text().replace('"treated_share"', '"treated_part"'))
    with pytest.raises(ModelError, match=r"uplift\.json was altered"):
        load_uplift(bundle)


def test_a_bundle_is_never_overwritten(model, bundle):
    with pytest.raises(ModelError, match="already there"):
        save_uplift(model, {}, LEFT, bundle)
    assert load_uplift(bundle)[1] == {"campaign": "trial"}
