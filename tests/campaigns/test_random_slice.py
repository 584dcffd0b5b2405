from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn.campaigns.random_slice import NONE, SliceRoom, SliceTerms, arm_probabilities, draw_slice, no_slice

NO_LIMIT = SliceRoom(np.inf, np.full(3, np.inf), np.full(3, np.inf), np.full(1, np.inf), np.zeros(3, dtype=np.int64))


def ids(count: int, start: int = 0) -> list[str]:
    return [f"C{number:06d}" for number in range(start, start + count)]


def terms(share: float = 0.3, leave_alone: float = 0.25, name: str = "keep 1") -> SliceTerms:
    return SliceTerms(name, share, leave_alone, (1.0, 2.0, 1.0), seed=2)


possibilities = st.lists(st.tuples(st.booleans(), st.booleans(), st.booleans()), min_size=1, max_size=60)


@given(possibilities, st.floats(0, 0.9), st.floats(0.05, 0.9), st.integers(0, 20), st.floats(0, 40))
def test_nobody_draws_what_may_not_be_offered_and_no_limit_is_broken(
    possible: list[tuple[bool, bool, bool]], share: float, alone: float, contacts: int, money: float
) -> None:
    can = np.array(possible)
    cost = np.tile([1.0, 2.0, 5.0], (len(possible), 1))
    room = SliceRoom(
        money,
        np.full(3, float(contacts)),
        np.full(3, money / 2),
        np.array([contacts + 1.0]),
        np.zeros(3, dtype=np.int64),
    )
    drawn = draw_slice(ids(len(possible)), can, cost, terms(share, alone), room)
    rows = np.flatnonzero(drawn.is_member)
    assert can[rows, drawn.offer[rows]].all()
    got = np.flatnonzero(drawn.is_contacted)
    spent = cost[got, drawn.offer[got]]
    counts = np.bincount(drawn.offer[got], minlength=3)
    assert spent.sum() <= money + 1e-6
    assert (counts <= contacts).all()
    assert counts.sum() <= contacts + 1
    assert (np.bincount(drawn.offer[got], weights=spent, minlength=3) <= money / 2 + 1e-6).all()
    assert drawn.share <= share


@given(possibilities, st.floats(0, 0.9), st.floats(0.05, 0.9), st.data())
def test_the_probabilities_of_the_arms_add_up_to_one_and_what_happened_was_possible(
    possible: list[tuple[bool, bool, bool]], share: float, alone: float, data: st.DataObject
) -> None:
    can = np.array(possible)
    drawn = draw_slice(ids(len(possible)), can, np.ones(can.shape), terms(share, alone), NO_LIMIT)
    policy = np.array([data.draw(st.sampled_from([NONE, *np.flatnonzero(row).tolist()])) for row in can])
    held = np.full(len(possible), data.draw(st.floats(0.05, 0.5)))
    arms = arm_probabilities(drawn, policy, held)
    assert arms.sum(axis=1) == pytest.approx(np.ones(len(possible)))
    assert (arms >= 0.0).all()
    assert (arms[:, :3][~can] == 0.0).all()  # an offer that may not be made never is
    contacted = np.flatnonzero(drawn.is_contacted)
    assert (arms[contacted, drawn.offer[contacted]] > 0.0).all()
    left = np.flatnonzero(drawn.is_member & drawn.is_left_alone)
    assert (arms[left, 3] > 0.0).all()


def test_the_shares_drawn_are_the_shares_stated() -> None:
    size = 60_000
    drawn = draw_slice(ids(size), np.ones((size, 3), dtype=np.bool_), np.ones((size, 3)), terms(0.1), NO_LIMIT)
    assert drawn.is_member.mean() == pytest.approx(0.1, abs=0.005)
    assert drawn.is_left_alone[drawn.is_member].mean() == pytest.approx(0.25, abs=0.02)
    offers = np.bincount(drawn.offer[drawn.is_member], minlength=3) / drawn.is_member.sum()
    assert offers == pytest.approx([0.25, 0.5, 0.25], abs=0.02)
    policy = np.where(np.arange(size) % 2, 0, NONE)
    arms = arm_probabilities(drawn, policy, np.full(size, 0.2))
    assert arms[1] == pytest.approx(
        [0.9 * 0.8 + 0.1 * 0.75 * 0.25, 0.1 * 0.75 * 0.5, 0.1 * 0.75 * 0.25, 0.9 * 0.2 + 0.1 * 0.25]
    )


def test_others_and_their_order_move_nobody_and_another_round_draws_anew() -> None:
    can = np.ones((500, 3), dtype=np.bool_)
    names = ids(500)
    drawn = draw_slice(names, can, np.ones(can.shape), terms(), NO_LIMIT)
    turned = draw_slice(names[::-1], can, np.ones(can.shape), terms(), NO_LIMIT)
    assert (turned.offer[::-1] == drawn.offer).all()
    fewer = draw_slice(names[:200], can[:200], np.ones((200, 3)), terms(), NO_LIMIT)
    assert (fewer.offer == drawn.offer[:200]).all()
    another = draw_slice(names, can, np.ones(can.shape), terms(name="keep 2"), NO_LIMIT)
    both = (another.is_member & drawn.is_member).mean()
    assert both == pytest.approx(0.09, abs=0.04)


def test_a_slice_that_would_take_too_much_is_made_smaller_for_everybody() -> None:
    can = np.ones((2_000, 3), dtype=np.bool_)
    room = SliceRoom(60.0, np.full(3, np.inf), np.full(3, np.inf), np.full(1, np.inf), np.zeros(3, dtype=np.int64))
    drawn = draw_slice(ids(2_000), can, np.ones(can.shape), terms(0.5), room)
    assert drawn.is_contacted.sum() == 60
    assert drawn.is_member.mean() == pytest.approx(drawn.share, abs=0.02)


def test_without_a_share_nobody_is_in_the_slice() -> None:
    can = np.ones((50, 3), dtype=np.bool_)
    assert not draw_slice(ids(50), can, np.ones(can.shape), terms(0.0), NO_LIMIT).is_member.any()
    assert not no_slice(50, 3).is_member.any()
