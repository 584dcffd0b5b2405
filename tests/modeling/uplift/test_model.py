from __future__ import annotations

import pickle
from datetime import datetime

import numpy as np
import pytest

from churn.documents.uplift import UpliftDocument, UpliftOrigin, UsedCustomers
from churn.errors import ModelError
from churn.modeling.candidates import CANDIDATES
from churn.modeling.uplift.learners import LEARNERS
from churn.modeling.uplift.model import load_uplift, save_uplift
from tests.modeling.uplift.experiments import experiment, fit, learn

FRAME = experiment(600, spread=0.15, harm=0.3)
LEFT = FRAME.select("customer_id")
PAIRS = [(name, "logistic_regression") for name in LEARNERS] + [("x_learner", c.name) for c in CANDIDATES[1:]]


@pytest.fixture(scope="module", params=PAIRS)
def model(request):
    return fit(FRAME, *request.param)


@pytest.fixture(scope="module")
def document():
    learnt = learn(FRAME, learners=("t_learner",), draws=20)
    counts = UsedCustomers(assigned=FRAME.height, used=FRAME.height)
    origin = UpliftOrigin(campaign="trial", learnt_at=datetime(2026, 8, 10, 6), file="trial.csv", counts=counts)
    return UpliftDocument.of(origin, learnt.figures())


@pytest.fixture
def bundle(model, document, tmp_path):
    save_uplift(model, document, LEFT, tmp_path / "trial" / "v1")
    return tmp_path / "trial" / "v1"


def test_a_loaded_model_predicts_to_the_same_bytes_and_leaves_the_same_alone(model, document, bundle):
    loaded, result = load_uplift(bundle)
    assert np.array_equal(loaded.predict(FRAME), model.predict(FRAME))
    assert loaded.do_not_contact(FRAME).equals(model.do_not_contact(FRAME), null_equal=True)
    assert loaded.harmful_groups == model.harmful_groups
    assert loaded.features == model.features
    assert result == document
    assert '"learnt_at": "2026-08-10 06:00:00"' in (bundle / "result.json").read_text(encoding="utf-8")


def test_a_bundle_holds_no_pickle(bundle):
    for path in bundle.iterdir():
        with pytest.raises(Exception):  # noqa: B017, PT011 (whatever pickle raises, it must not succeed)
            pickle.loads(path.read_bytes())


def test_an_altered_bundle_is_refused(bundle):
    path = bundle / "uplift.json"
    path.write_text(path.read_text().replace('"treated_share"', '"treated_part"'))
    with pytest.raises(ModelError, match=r"uplift\.json was altered"):
        load_uplift(bundle)


def test_a_bundle_is_never_overwritten(model, document, bundle):
    with pytest.raises(ModelError, match="already there"):
        save_uplift(model, document.model_copy(update={"campaign": "another"}), LEFT, bundle)
    assert load_uplift(bundle)[1].campaign == "trial"
