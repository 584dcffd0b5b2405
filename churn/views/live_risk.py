"""Answers for one customer's risk as JSON, written straight from the store's row: what CRMs ask for all day long."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

from churn.store.records import SCORE_COLUMNS, ScoreRun
from churn.store.repositories.score_reader import run_of
from churn.views.current_run import current_run, not_listed, run_facts
from churn.views.customer_risk import action_of

if TYPE_CHECKING:
    from churn.store.lookup import CustomerLookup, Row

_COLUMNS = tuple(SCORE_COLUMNS)
_REASONS, _CHANGES = _COLUMNS.index("reasons"), _COLUMNS.index("change_reasons")  # JSON in the store already
_APART = frozenset({"reasons", "change_reasons", "raw_score"})


class LiveRisk:
    """The same answer as `customer_risk` gives, without reading what would only be written again."""

    def __init__(self, lookup: CustomerLookup) -> None:
        self._lookup = lookup
        self._run: tuple[Row, ScoreRun, str] | None = None

    def answer(self, customer_id: str) -> bytes:
        """Return the JSON document. Raises NotFound, DataError before the first list, StoreBusy."""
        run_row, score, assigned = self._lookup.find(customer_id)
        run, facts = self._facts(run_row)
        if score is None:
            raise not_listed(run)
        campaigns = [{"campaign": c, "arm": arm, "assigned_at": _instant(at)} for c, arm, at in json.loads(assigned)]
        told: dict[str, Any] = {name: value for name, value in zip(_COLUMNS, score, strict=True) if name not in _APART}
        told["is_listed"] = bool(told["is_listed"])
        told["recommended_action"], told["campaigns"] = action_of(campaigns), campaigns
        reasons, changes = score[_REASONS] or "[]", score[_CHANGES] or "null"
        written = json.dumps(told, ensure_ascii=False)[:-1]
        return f'{written},"reasons":{reasons},"change_reasons":{changes},{facts}}}'.encode()

    def close(self) -> None:
        """Give the connection back."""
        self._lookup.close()

    def _facts(self, row: Row | None) -> tuple[ScoreRun, str]:
        """Return the run and what every answer says of it, written once for each run."""
        held = self._run
        if held is None or held[0] != row:
            run = current_run(None if row is None else run_of(row))
            facts = {key: _plain(value) for key, value in run_facts(run).items()}
            held = self._run = (row or (), run, json.dumps(facts, ensure_ascii=False)[1:-1])
        return held[1], held[2]


def _instant(text: str) -> str:
    return f"{datetime.fromisoformat(text).isoformat()}Z"


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return f"{value.isoformat()}Z"
    return value.isoformat() if hasattr(value, "isoformat") else value
