"""Says whom a campaign or programme that is being written would reach, on the published scores: how many, who is left out, five of them."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from churn.campaigns.customer_list import load_customer_list, on_list
from churn.campaigns.eligibility import LOW_PROFIT, Eligibility, eligibility
from churn.campaigns.programmes import competing
from churn.campaigns.reading import load_campaign
from churn.context import Context
from churn.decisions.power import minimum_detectable_effect
from churn.documents.plan import RuleCount
from churn.errors import DataError, ResourceError
from churn.snapshots.conditions import known_features
from churn.snapshots.customer_terms import ROW_COLUMNS
from churn.views.serving_files import FEATURES, run_path
from churn.warehouse.models.filters import audience_filter
from churn.warehouse.models.sql_models import load_models
from churn.warehouse.published.query import QueryLimits, query_files
from churn.workflows.plan.rules import ContactRules, facts_from_words, left_out_by, read_history, unknown_facts

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

    from churn.documents.definition import CampaignDefinition
    from churn.documents.programme import ProgrammeDefinition
    from churn.store import ScoreRun

SCORE_BINS: Final = 20
_EXAMPLES: Final = 5
_LIMITS: Final = QueryLimits(seconds=10.0)
_COLUMNS: Final = ("customer_id", "churn_probability", "risk_band", "contact_facts")


@dataclass(frozen=True)
class ExampleCustomer:
    """Somebody whom the campaign would reach."""

    customer_id: str
    churn_probability: float
    risk_band: str


@dataclass(frozen=True)
class AudiencePreview:
    """The customers scored, those in the audience, those of them who may be contacted, and how many of these will leave.

    `steps` counts who is left out by which rule, in order; `examples` are those of the highest risk; `listed` are the
    customers on the audience's list, None where it names none, `unscored` those of them who have no score. What the offer earns
    with each is not asked here: a plan also leaves out whom it would lose money on. `height` is None where nobody is left to choose.
    """

    customers: int
    in_audience: int
    reachable: int
    leavers: float
    steps: tuple[RuleCount, ...]
    examples: tuple[ExampleCustomer, ...]
    listed: int | None = None
    unscored: int = 0
    height: HoldoutHeight | None = None


@dataclass(frozen=True)
class HoldoutHeight:
    """What a measurement could tell if as many were chosen as may be: those left alone by chance, and the churn that they stand for.

    `seen_from` is the churn rate of those contacted from which on downwards an effect would be found four times in five; None
    where not even the largest would be.
    """

    chosen: int
    left_alone: int
    churn_rate: float
    seen_from: float | None


@dataclass(frozen=True)
class OfferReach:
    """One offer of a programme: how many it could be made to, and how many of these would leave."""

    campaign: str
    title: str
    reachable: int
    leavers: float


@dataclass(frozen=True)
class ProgrammePreview:
    """The customers scored, those who could be made any of the offers, how many of them would leave, and each offer's own."""

    customers: int
    reachable: int
    leavers: float
    offers: tuple[OfferReach, ...]


class AudiencePreviews:
    """Answers for one definition after the other; the newest list is read once and held until there is another."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._lock = threading.Lock()
        self._held: tuple[ScoreRun, pl.DataFrame] | None = None

    def preview(self, definition: CampaignDefinition) -> AudiencePreview:
        """Return whom `definition` would reach now.

        Raises DataError before the first scores, ConfigError for a filter that cannot be asked or a list that is missing, ResourceError where one takes
        too long.
        """
        import numpy as np

        run, frame = self._list()
        ids, rule = frame["customer_id"], definition.audience
        p = frame["churn_probability"].to_numpy()
        inside, result = self._eligible(run, frame, definition)
        listed, scored = None, 0
        if rule.customer_list is not None:
            home = self._context.settings.home
            hits = on_list(home, rule.customer_list, ids)
            listed, scored = len(load_customer_list(home, rule.customer_list).ids), int(hits.sum())
        reachable = result.is_eligible
        best = np.flatnonzero(reachable)[np.argsort(-p[reachable], kind="stable")][:_EXAMPLES]
        examples = frame[best.tolist()].select("customer_id", "churn_probability", "risk_band")
        return AudiencePreview(
            customers=ids.len(),
            in_audience=int(inside.sum()),
            reachable=result.eligible,
            leavers=float(p[reachable].sum()),
            steps=tuple(step for step in result.rows(definition.name) if step.rule != LOW_PROFIT),
            examples=tuple(ExampleCustomer(*row) for row in examples.iter_rows()),
            listed=listed,
            unscored=0 if listed is None else listed - scored,
            height=_height(result.eligible, float(p[reachable].sum()), definition),
        )

    def scores(self) -> tuple[int, ...]:
        """Return how many customers have a score in each twentieth from 0 to 1; none before the first scores."""
        import numpy as np

        try:
            _, frame = self._list()
        except DataError:
            return ()
        counts, _ = np.histogram(frame["churn_probability"].to_numpy(), bins=SCORE_BINS, range=(0.0, 1.0))
        return tuple(int(count) for count in counts)

    def preview_programme(self, definition: ProgrammeDefinition) -> ProgrammePreview:
        """Return whom a round of `definition` could make an offer now. Raises as `preview`, CampaignError for an unknown offer."""
        run, frame = self._list()
        p = frame["churn_probability"].to_numpy()
        offers, anyone = [], None
        for name in definition.competing:
            campaign = competing(definition, load_campaign(self._context.settings.home, name))
            _, result = self._eligible(run, frame, campaign, is_round=True)
            mine = result.is_eligible
            anyone = mine if anyone is None else anyone | mine
            offers.append(OfferReach(name, campaign.title, result.eligible, float(p[mine].sum())))
        reachable = 0 if anyone is None else int(anyone.sum())
        leavers = 0.0 if anyone is None else float(p[anyone].sum())
        return ProgrammePreview(frame.height, reachable, leavers, tuple(offers))

    def _eligible(
        self, run: ScoreRun, frame: pl.DataFrame, definition: CampaignDefinition, *, is_round: bool = False
    ) -> tuple[NDArray[np.bool_], Eligibility]:
        """Return who is in the audience, and what every rule leaves of them; in a round nobody was assigned before."""
        import numpy as np

        ids, rule = frame["customer_id"], definition.audience
        p = frame["churn_probability"].to_numpy()
        inside = frame["risk_band"].is_in(list(rule.bands)).to_numpy()
        inside = inside & (p >= rule.min_probability) & (p <= rule.max_probability)
        if rule.filter is not None:
            inside = inside & self._matches(run, ids, rule.filter, definition.name)
        if rule.customer_list is not None:
            inside = inside & on_list(self._context.settings.home, rule.customer_list, ids)
        facts = facts_from_words(frame)
        history = read_history(self._context, run.snapshot_date)
        with self._context.open_store() as store:
            assigned = store.assignments.of("" if is_round else definition.name)["customer_id"]
        settings, day = self._context.settings, run.snapshot_date
        rules = replace(ContactRules.of(definition), campaign=None if is_round else definition.name)
        left_out = {
            "assigned_before": np.asarray(ids.is_in(assigned.implode()).to_numpy(), dtype=np.bool_),
            "not_in_audience": ~inside,
            **left_out_by(rules, settings, ids, day, facts or unknown_facts(ids), history),
        }
        return inside, eligibility(left_out, ids.len())

    def _list(self) -> tuple[ScoreRun, pl.DataFrame]:
        with self._context.open_store() as store:
            current = store.published.current_run()
            if current is None:
                raise DataError("no scores have been published yet", where="scores", remedy="Score first.")
            with self._lock:
                if self._held is None or self._held[0].run_id != current.run_id:
                    page = store.scores.page(limit=None, order=None, columns=list(_COLUMNS))
                    self._held = (page.run or current, page.frame.sort("customer_id"))
                return self._held

    def _matches(self, run: ScoreRun, ids: pl.Series, condition: str, name: str) -> NDArray[np.bool_]:
        """Ask the filter of the features that were published with the run, as the plan will ask it of the warehouse's."""
        import polars as pl

        path = run_path(self._context.settings.home, run.run_id) / FEATURES
        if not path.exists():
            raise ResourceError("the features of the list are not kept", where=str(path), remedy="Score again.")
        kept = frozenset(pl.scan_parquet(path).collect_schema().names()) - ROW_COLUMNS - {"customer_id"}
        where = f"campaign {name} [audience] filter"
        checked = audience_filter(
            condition, kept | known_features(load_models(self._context.settings.home)), where=where
        )
        if unkept := sorted(checked.features - kept):
            raise ResourceError(
                f"only a plan can count this: `{unkept[0]}` is not kept with the list", where=where, remedy="Plan it."
            )
        sql = f"select customer_id from {path.stem} where {checked.sql}"
        matching = query_files([path], sql, _LIMITS).frame["customer_id"]
        hits: NDArray[np.bool_] = ids.is_in(matching.implode()).to_numpy()
        return hits


def _height(reachable: int, leavers: float, definition: CampaignDefinition) -> HoldoutHeight | None:
    """Return what the holdout of `definition` could tell if all who may be contacted, or as many as its limit lets, were chosen."""
    share, contacts = definition.holdout.share, definition.limits.contacts
    chosen = reachable if contacts is None else min(reachable, round(contacts / (1.0 - share)))
    if not chosen:
        return None
    left_alone, rate = round(chosen * share), leavers / reachable
    drop = minimum_detectable_effect(rate, chosen - left_alone, left_alone) if left_alone else None
    return HoldoutHeight(chosen, left_alone, rate, None if drop is None else rate - drop)
