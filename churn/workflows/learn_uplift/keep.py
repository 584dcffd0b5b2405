"""Keeps what campaigns taught about uplift under models/uplift/CAMPAIGN/, and finds the newest again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from churn.campaigns.rounds import offer_of_campaign
from churn.context import Context
from churn.documents.uplift import UpliftDocument
from churn.files import write_text
from churn.modeling.uplift.model import load_uplift, save_uplift
from churn.reports.uplift import render_uplift

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

    from churn.modeling.uplift.model import UpliftModel
    from churn.modeling.uplift.words import UpliftResult


@dataclass(frozen=True)
class LoadedUplift:
    """What was learnt last from a campaign, or from an earlier round of it: `campaign` says from which.

    `is_better_than_nothing`: whether contacts should go by uplift; `sentence` is the finding, to print.
    """

    campaign: str
    version: str
    model: UpliftModel
    result: UpliftDocument

    @property
    def is_better_than_nothing(self) -> bool:
        """Whether the ranking's Qini interval lies above 0."""
        return self.result.is_better_than_nothing

    @property
    def is_harmful(self) -> bool:
        """Whether contact does harm on average: the whole interval of its effect lies below 0."""
        return self.result.effect.high < 0.0

    @property
    def sentence(self) -> str:
        """The finding in words."""
        return self.result.sentence

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The features that a frame must hold."""
        return self.model.feature_names

    def predict(self, frame: pl.DataFrame) -> NDArray[np.float64]:
        """Return tau (n,) = P(churn | no contact) - P(churn | contact). Raises ModelError naming absent features."""
        return self.model.predict(frame)

    def do_not_contact(self, frame: pl.DataFrame) -> pl.Series:
        """Return why each customer is better left alone, null for the others. Raises ModelError naming absent features."""
        return self.model.do_not_contact(frame)


def latest_uplift(context: Context, campaign: str) -> LoadedUplift | None:
    """Return what `campaign` or an earlier round of it taught, if contacts should go by it; else None.

    None: nothing was learnt yet, or the Qini interval includes 0 (`latest_learning` tells which).
    Raises ModelError for a bundle that was damaged.
    """
    learnt = latest_learning(context, campaign)
    return learnt if learnt is not None and learnt.is_better_than_nothing else None


def latest_learning(context: Context, campaign: str) -> LoadedUplift | None:
    """Return what was learnt last from `campaign`, else from another round of it; None when nothing was.

    Rounds share their name up to numbers, `trial` and `pilot` at its end: `support_call`, `support_call_2026_08`.
    """
    root = _root(context)
    names = [path.name for path in root.iterdir() if path.is_dir()] if root.is_dir() else []
    rounds = [name for name in names if offer_of_campaign(name) == offer_of_campaign(campaign)]
    for same in ([campaign] if campaign in rounds else [], rounds):
        versions = sorted((folder.name, name) for name in same for folder in (root / name).glob("[0-9]*"))
        if versions:
            version, name = versions[-1]
            model, result = load_uplift(root / name / version)
            return LoadedUplift(name, version, model, result)
    return None


def keep(context: Context, result: UpliftResult, document: UpliftDocument) -> tuple[UpliftDocument, str]:
    """Write the bundle with `document` in it; return the document with its version, and that. Raises ModelError, ResourceError."""
    campaign = document.campaign
    base = f"{context.clock():%Y%m%d-%H%M%S}"
    version, number = base, 2
    while folder_of(context, campaign, version).exists():
        version, number = f"{base}-{number}", number + 1
    kept = document.model_copy(update={"version": version})
    save_uplift(result.model, kept, result.out_of_fold, folder_of(context, campaign, version))
    return kept, version


def folder_of(context: Context, campaign: str, version: str) -> Path:
    """Return where a version is kept."""
    return _root(context) / campaign / version


def _root(context: Context) -> Path:
    return context.settings.models_path / "uplift"


def write_page(context: Context, document: UpliftDocument) -> Path:
    """Write the self-contained page to reports/uplift-CAMPAIGN.html, in the language spoken. Raises ResourceError."""
    path = context.settings.reports_path / f"uplift-{document.campaign}.html"
    return write_text(path, render_uplift(document, home=context.settings.home))
