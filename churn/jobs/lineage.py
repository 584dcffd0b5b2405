"""Tells a lineage server what each step of a job read and built, as OpenLineage events; a mirror that fails stops no job."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Final, Literal

from churn.config.lineage import LINEAGE_KEY
from churn.context import Context
from churn.store.service_records import ScheduledRun
from churn.warehouse.models.build import built_models
from churn.warehouse.models.lineage import column_lineage
from churn.warehouse.models.sql_models import SqlModel, load_models

if TYPE_CHECKING:
    from pydantic import JsonValue

EventType = Literal["START", "COMPLETE", "FAIL"]
PRODUCER: Final = "urn:churn"
_SPEC: Final = "https://openlineage.io/spec"
SCHEMA: Final = f"{_SPEC}/2-0-2/OpenLineage.json#/$defs/RunEvent"
_PATIENCE_SECONDS: Final = 2.0


class LineageTeller:
    """Tells of the steps of one run. A server that does not answer once is not asked again in this run."""

    def __init__(self, context: Context, run: ScheduledRun) -> None:
        self._context, self._run = context, run
        self._settings = context.settings.lineage
        self._is_away = False

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Tell that a step begins, and how it ended; an error in the block is the step's."""
        if not self._settings.is_on:
            yield
            return
        self._tell("START", name, [])
        with built_models() as built:
            try:
                yield
            except BaseException as error:
                self._tell("FAIL", name, built, error=type(error).__name__)
                raise
        self._tell("COMPLETE", name, built)

    def _tell(self, kind: EventType, step: str, built: Sequence[SqlModel], *, error: str | None = None) -> None:
        models = load_models(self._context.settings.home) if built else {}
        event = run_event(
            kind,
            namespace=self._settings.namespace,
            run=self._run,
            step=step,
            at=self._context.clock(),
            built=built,
            models=models,
            error=error,
        )
        line = json.dumps(event, ensure_ascii=False)
        if self._settings.file is not None:
            self._write(line)
        if self._settings.url is not None and not self._is_away:
            self._post(self._settings.url, line)

    def _write(self, line: str) -> None:
        assert self._settings.file is not None
        path = self._context.settings.home / self._settings.file
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("a", encoding="utf-8") as file:
                file.write(f"{line}\n")
        except OSError as error:
            self._context.log.note("lineage_lost", where=str(path), error=type(error).__name__)

    def _post(self, url: str, line: str) -> None:
        import httpx

        key = self._context.secrets.get(LINEAGE_KEY, "")
        headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {key}"} if key else {})}
        try:
            answer = httpx.post(url, content=line.encode(), headers=headers, timeout=_PATIENCE_SECONDS)
            trouble = None if answer.is_success else f"HTTP {answer.status_code}"
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            trouble = type(error).__name__
        if trouble is not None:
            self._is_away = True
            self._context.log.note("lineage_lost", where="[lineage] url", error=trouble)


def run_event(
    kind: EventType,
    *,
    namespace: str,
    run: ScheduledRun,
    step: str,
    at: datetime,
    built: Sequence[SqlModel],
    models: Mapping[str, SqlModel],
    error: str | None = None,
) -> dict[str, JsonValue]:
    """Return the RunEvent of a step: what it built with schema and column lineage, and what it read for that."""
    outputs = {model.name: model for model in built}
    inputs = sorted({name for model in built for name in model.depends_on} - outputs.keys())
    job_id = _run_id(namespace, run, "")
    facets: dict[str, JsonValue] = {
        "parent": _facet("ParentRunFacet", "1-2-0")
        | {"run": {"runId": job_id}, "job": {"namespace": namespace, "name": run.job}}
    }
    if error is not None:  # its kind alone: a message may hold customers' data
        facets["errorMessage"] = _facet("ErrorMessageRunFacet", "1-0-1") | {
            "message": error,
            "programmingLanguage": "python",
        }
    return {
        "eventType": kind,
        "eventTime": f"{at.isoformat(timespec='milliseconds')}Z",
        "run": {"runId": _run_id(namespace, run, step), "facets": facets},
        "job": {"namespace": namespace, "name": f"{run.job}.{step}"},
        "inputs": [{"namespace": namespace, "name": name} for name in inputs],
        "outputs": [_output(namespace, model, models) for _, model in sorted(outputs.items())],
        "producer": PRODUCER,
        "schemaURL": SCHEMA,
    }


def _run_id(namespace: str, run: ScheduledRun, step: str) -> str:
    """Return the same id for the same attempt at a step, whichever process tells of it."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{PRODUCER}:{namespace}:{run.run_id}:{run.attempts}:{step}"))


def _output(namespace: str, model: SqlModel, models: Mapping[str, SqlModel]) -> dict[str, JsonValue]:
    columns: list[JsonValue] = [{"name": column.name, "description": column.description} for column in model.columns]
    lineage: dict[str, JsonValue] = {
        name: {
            "inputFields": [
                {"namespace": namespace, "name": source.table, "field": source.column} for source in sources
            ]
        }
        for name, sources in column_lineage(model, models).items()
        if sources
    }
    facets: dict[str, JsonValue] = {"schema": _facet("SchemaDatasetFacet", "1-2-0") | {"fields": columns}}
    if lineage:
        facets["columnLineage"] = _facet("ColumnLineageDatasetFacet", "1-2-0") | {"fields": lineage}
    return {"namespace": namespace, "name": model.name, "facets": facets}


def _facet(name: str, version: str) -> dict[str, JsonValue]:
    return {"_producer": PRODUCER, "_schemaURL": f"{_SPEC}/facets/{version}/{name}.json#/$defs/{name}"}
