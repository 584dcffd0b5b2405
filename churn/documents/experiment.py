"""What a finished experiment of any tool says: split, effect, money of each policy, for whom it does more, what to do.

An effect is the share with the wanted outcome among those treated less that of the control, so a positive one is good;
where the outcome is unwanted it is how much rarer it became. Money in the configured currency; where neither a value nor
a cost was named `unit` is `outcomes`, and policies are counted in wanted outcomes. None where there is none.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field, JsonValue

from churn.decisions.rollout import Advice, ExperimentVerdict, SplitState
from churn.documents.document import Defined, Document
from churn.documents.measurement import EffectInterval, StoryPart

PolicyName = Literal["nobody", "everybody", "some"]
Unit = Literal["money", "outcomes"]


class ExperimentTerms(Document):
    """What the columns of the file mean. `value`, `cost`, `incentive`: a number, the column that holds one, or SQL over columns.

    `planned_share`: the share of the compared customers that was to be treated. `is_unwanted`: the outcome is what the
    treatment was to prevent. `group`: the column whose values were assigned as a whole, where it was named. `strata`: the
    column within whose values the split was drawn. `exclude`: columns that were known only afterwards. `options`: how the file is
    written, as a source says it.
    """

    treatment: str
    treated: str
    control: str
    outcome: str
    is_unwanted: bool
    customer: str | None
    exclude: tuple[str, ...]
    value: float | str | None
    cost: float | str | None
    incentive: float | str | None
    planned_share: float | None
    group: str | None = Field(None, exclude_if=lambda column: column is None)
    strata: str | None = Field(None, exclude_if=lambda column: column is None)
    options: dict[str, JsonValue]  # free: the readers know them, and refuse the rest in their own words


class RespeltArm(Document):
    """An arm that some rows write with other capitals or blanks."""

    written: str
    taken_for: str
    rows: int


class RepeatedRows(Document):
    """Rows that may be a customer's second one: `column` has nearly a value of its own for each row, None for all columns alike."""

    column: str | None
    rows: int


class ExperimentCounts(Document):
    """Rows of the file: compared, of other arms, and of no arm. `repeated`: None where nothing hints at it, or ids were named."""

    rows: int
    compared: int
    other_arms: int
    no_arm: int
    names_of_others: tuple[str, ...] = ()  # the most frequent
    respelt: tuple[RespeltArm, ...] = ()
    repeated: RepeatedRows | None = None


class ExperimentArm(Document):
    """Customers of an arm as assigned, of how many the outcome was told as 1, and their share."""

    customers: int
    happened: int
    rate: float


class ExperimentArms(Document):
    """Both arms."""

    treated: ExperimentArm
    control: ExperimentArm


class ExperimentSplit(Document):
    """Whether the arms are of the sizes that were planned: `p_value` of the chi-square test, `share` treated."""

    state: SplitState
    p_value: float | None
    planned_share: float | None
    share: float


class ExperimentGroups(Document):
    """How many groups of the column that was named either arm has, and how many have customers in both."""

    column: str
    treated: int
    control: int
    mixed: int


class ExperimentEffect(EffectInterval):
    """The effect over all rows as assigned: Newcombe's hybrid-score interval, and the p-value that belongs to it.

    Where whole groups were assigned the interval is that of groups drawn by chance; where strata were named it is the strata's, weighed by
    their customers.
    """

    p_value: float
    confidence: float


class OpenRange(Document):
    """An amount and its interval; a bound is None where nothing bounds it."""

    value: Defined
    low: Defined
    high: Defined


class PolicyFigures(Document):
    """What a policy brings on the file's customers: `total`, and `gain` over contacting nobody, also of each contact.

    `over_everybody`: the difference from contacting everybody. `is_out_of_fold`: chosen without the customers it is
    judged on; `judged_on` says on how many of them, from which the amounts are projected to all.
    """

    policy: PolicyName
    contacted: int
    contacted_share: float
    total: OpenRange
    gain: OpenRange
    gain_per_contact: OpenRange | None
    over_everybody: OpenRange
    is_out_of_fold: bool
    judged_on: int


class ExperimentValue(Document):
    """The mean worth of an outcome and cost of a contact, of an incentive; None where it was not named.

    `is_known_before`: the value of each customer is known before contact, so that a policy may go by it. Where it is not,
    amounts of `not_counted` customers without the outcome are in no figure.
    """

    value: float | None
    cost: float | None
    incentive: float | None
    is_known_before: bool
    not_counted: int = Field(
        default=0,
        exclude_if=lambda customers: not customers,  # an experiment of an earlier version is written as it was
    )


class RankedTenth(Document):
    """A tenth of the customers by predicted effect, 1 the highest; `effect` is None where an arm is empty."""

    tenth: int
    customers: int
    predicted: float
    effect: EffectInterval | None


class HarmedByTreatment(Document):
    """A group that the treatment harms: found on one half of the customers, confirmed on the other; exploratory.

    `p_corrected` allows for all groups that were tried on the second half.
    """

    text: str
    customers: int
    share: float
    found: EffectInterval
    confirmed: EffectInterval
    p_corrected: float


class RankedBy(Document):
    """A model that was tried, and its Qini out of fold."""

    title: str
    qini: float


class ExperimentRanking(Document):
    """Whether it can be told for whom the treatment does more. `low`, `high`: the Qini's, allowing for the choice."""

    model: str
    qini: float
    low: float
    high: float
    beats_chance: bool
    tenths: tuple[RankedTenth, ...]
    groups_looked_at: int
    groups_suspected: int
    groups: tuple[HarmedByTreatment, ...]
    tried: tuple[RankedBy, ...]
    method: str


class ImbalancedColumn(Document):
    """A column in which the arms differ beyond chance; `is_whole`: its groups were assigned as a whole."""

    column: str
    p_corrected: float
    sentence: str
    is_whole: bool = False


class DoubtfulColumn(Document):
    """A column in which the arms differ and by which a proven effect is none; `within`: the effect among customers alike in it."""

    column: str
    within: EffectInterval


class ExperimentWords(Document):
    """What to say: a headline, what to do, the story part by part, and what to bear in mind."""

    headline: str
    advice: str
    story: tuple[StoryPart, ...]
    notes: tuple[str, ...]


class SeenValues(Document):
    """A category that an experiment's model goes by, and the values that it had."""

    column: str
    values: tuple[str, ...]


class UnseenValues(Document):
    """A column of another file in which `rows` hold one of `values` values that the experiment never saw."""

    column: str
    rows: int
    values: int
    examples: tuple[str, ...]


class ExperimentFigures(Document):
    """An experiment in figures, before it is put into words. `detectable`: what arms of this size find 4 times in 5.

    `uplift_version`: under which the model of the policy is kept; None where none was learnt, `unlearnt` says why.
    """

    name: str
    version: str
    analysed_at: datetime
    file: str
    currency: str
    unit: Unit
    terms: ExperimentTerms
    counts: ExperimentCounts
    arms: ExperimentArms
    split: ExperimentSplit
    groups: ExperimentGroups | None = Field(None, exclude_if=lambda groups: groups is None)
    verdict: ExperimentVerdict
    advice: Advice
    effect: ExperimentEffect | None
    detectable: float | None
    worth: ExperimentValue
    policies: tuple[PolicyFigures, ...]
    ranking: ExperimentRanking | None
    unlearnt: str | None
    imbalances: tuple[ImbalancedColumn, ...]
    doubts: tuple[DoubtfulColumn, ...] = Field(default=(), exclude_if=lambda columns: not columns)
    known_afterwards: tuple[str, ...] = ()
    columns: tuple[str, ...]
    categories: tuple[SeenValues, ...] = Field(
        default=(),
        exclude_if=lambda columns: not columns,  # an experiment of an earlier version is written as it was
    )
    uplift_version: str | None
    seconds: float

    def policy(self, name: PolicyName) -> PolicyFigures | None:
        """Return the figures of one policy; None where it could not be judged."""
        return next((policy for policy in self.policies if policy.policy == name), None)

    @property
    def advised(self) -> PolicyName | None:
        """The policy that is advised; None where the split is broken."""
        return _ADVISED.get(self.advice)


_ADVISED: dict[Advice, PolicyName] = {
    "contact_nobody": "nobody",
    "contact_everybody": "everybody",
    "contact_some": "some",
}


class ExperimentDocument(ExperimentFigures):
    """An experiment in figures and words."""

    words: ExperimentWords

    @classmethod
    def of(cls, figures: ExperimentFigures, words: ExperimentWords) -> ExperimentDocument:
        """Return the whole document."""
        return cls(**dict(figures), words=words)


class ExperimentSummary(Document):
    """An experiment in a list."""

    name: str
    version: str
    analysed_at: datetime
    file: str
    verdict: ExperimentVerdict
    advice: Advice
    headline: str


class AppliedPolicy(Document):
    """What applying an experiment's advice to a file came to: customers in it, to contact, and left alone for harm."""

    name: str
    version: str
    file: str
    advice: Advice
    customers: int
    contacted: int
    left_for_harm: int
    expected_gain: float | None
    unit: Unit
    unseen: tuple[UnseenValues, ...] = ()
    sentence: str
