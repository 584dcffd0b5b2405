"""What charts and tables of a model are made of: its curves on the test rows, and what it goes by."""

from __future__ import annotations

from typing import Literal

from churn.documents.document import Document

Direction = Literal["more", "less"]


class CalibrationBin(Document):
    """Test customers of like probability: what was predicted, how many left, and the 95 % interval of that (Wilson)."""

    predicted: float
    observed: float
    low: float
    high: float
    customers: int


class RocPoint(Document):
    """One point of the ROC curve."""

    false_positive_rate: float
    recall: float


class PrecisionRecallPoint(Document):
    """One point of the precision-recall curve."""

    recall: float
    precision: float


class GainsPoint(Document):
    """What contacting the riskiest share of customers finds and earns; `threshold` is the probability it ends at."""

    contacts_share: float
    recall: float
    net_profit: float
    threshold: float


class ContactCut(Document):
    """Contacting everybody from `threshold` on: how many that is, how many churners it finds, and what it earns.

    `threshold` is None where nobody is contacted; precision, recall and lift are None where they are not defined.
    """

    share: float
    threshold: float | None
    contacts: float
    found: float
    precision: float | None
    recall: float | None
    lift: float | None
    net_profit: float


class EvaluationCurves(Document):
    """A model on its test rows. Money is each row's own value of a save, at the terms of the model's card.

    `calibration` has bins of equal mass. `cuts` are tenths of the customers, riskiest first, `thresholds` the cuts at
    round probabilities. `chosen` is the cut at the model's threshold, None where nobody would be contacted.
    """

    customers: int
    churners: int
    base_rate: float
    calibration: tuple[CalibrationBin, ...]
    roc: tuple[RocPoint, ...]
    precision_recall: tuple[PrecisionRecallPoint, ...]
    cuts: tuple[ContactCut, ...]
    gains: tuple[GainsPoint, ...]
    chosen: ContactCut | None
    thresholds: tuple[ContactCut, ...] = ()


class FeatureWeight(Document):
    """What one feature does to customers' risk. `points` 0.021: it moves a probability by 2.1 points on average.

    `direction` is `more` where customers with more of it are at more risk, `less` where at less, None where neither is
    clear.
    """

    feature: str
    group: str
    description: str
    is_actionable: bool
    points: float
    direction: Direction | None


class GroupWeight(Document):
    """What a group of features does together; `share` is of all groups' points, `features` how many have a part."""

    group: str
    points: float
    features: int
    share: float


class ModelWeights(Document):
    """Features and groups of features that matter, strongest first.

    Features that say nearly the same share their points out among themselves, so groups, whose parts are summed first,
    are the steadier view.
    """

    features: tuple[FeatureWeight, ...]
    groups: tuple[GroupWeight, ...]


class ModelFigures(Document):
    """All that is worked out once for a model version and kept: `format` and `fingerprint` tell what it is of."""

    format: int
    fingerprint: str
    curves: EvaluationCurves
    importance: ModelWeights
