from __future__ import annotations

import pytest

from churn.pace import TokenBucket


def test_whoever_waits_as_told_keeps_the_pace() -> None:
    now = [0.0]
    bucket = TokenBucket(5, size=5, monotonic=lambda: now[0])
    for _ in range(25):
        now[0] += bucket.take()
    assert now[0] == pytest.approx(4.0)  # 5 at once, then 5 a second


def test_whoever_does_not_wait_is_told_when_there_is_a_token_again() -> None:
    now = [0.0]
    bucket = TokenBucket(0.5, size=2, monotonic=lambda: now[0])
    assert [bucket.take_if_there() for _ in range(4)] == [0, 0, 2, 2]  # a refusal takes nothing
    now[0] = 2.0
    assert [bucket.take_if_there() for _ in range(2)] == [0, 2]


def test_a_bucket_holds_one_token_at_least() -> None:
    bucket = TokenBucket(0.001, size=0.1, monotonic=lambda: 0.0)
    assert bucket.take_if_there() == 0
    assert bucket.take_if_there() == pytest.approx(1_000)
