"""What the client of MLflow says, told as trouble."""

from __future__ import annotations

import pytest

from churn.workflows.mirror.worker import trouble_of


@pytest.mark.parametrize(
    ("message", "trouble"),
    [
        ("API request to endpoint /api/2.0/mlflow/runs failed with error code 403 != 200.", "refused"),
        ("HTTPConnectionPool(host='127.0.0.1', port=44010): Max retries exceeded with url: /api", "unreachable"),
        ("HTTPConnectionPool(host='127.0.0.1', port=14031): Max retries exceeded with url: /api", "unreachable"),
        ("INTERNAL_ERROR: run 8c4031 is locked", "failed"),
    ],
)
def test_a_refusal_is_a_status_and_no_part_of_another_number(message: str, trouble: str) -> None:
    assert trouble_of(message).trouble == trouble
