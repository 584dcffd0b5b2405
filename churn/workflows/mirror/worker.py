"""The process that speaks to MLflow: `python -m churn.workflows.mirror.worker` reads a MirrorRequest and prints a MirrorAnswer.

It asks the server which runs and model versions exist and adds what is missing. A run that was cut off is gone on with: writing
the same again changes nothing, and the tag that says that a run is whole is written last.
"""

from __future__ import annotations

import logging
import re
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from churn.errors import ChurnError
from churn.workflows.mirror.contents import RunContents, run_contents
from churn.workflows.mirror.messages import MirrorAnswer, MirrorRequest, Trouble, VersionToMirror
from churn.workflows.mirror.package import write_package

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run
    from mlflow.entities.model_registry import ModelVersion

Item = TypeVar("Item")

VERSION: Final = "churn.version"
STATUS: Final = "churn.status"
WHOLE: Final = "churn.whole"  # of a run: everything is written
REGISTERED: Final = "churn.registered"  # of a run: its number in the registered model; one deleted there stays deleted
ALIAS: Final = "champion"
MODEL: Final = "model"  # where the model lies among the run's artifacts
_REFUSED: Final = re.compile(r"(?<![\w./=-])40[13](?![\w/-]|\.\d)")  # a status by itself: ports hold such digits too
_PAGE: Final = 500
_LONGEST: Final = 500  # of a parameter, see MLflow's limits


def main() -> None:
    """Read the request, do it, print the answer."""
    logging.disable(logging.ERROR)
    request = MirrorRequest.model_validate_json(sys.stdin.read())
    sys.stdout.write(answer_to(request).model_dump_json() + "\n")


def answer_to(request: MirrorRequest) -> MirrorAnswer:
    """Do what is asked, and say how far it came."""
    try:
        from mlflow import MlflowClient
        from mlflow.exceptions import MlflowException
    except ImportError:
        return MirrorAnswer(trouble="missing")
    try:
        client = MlflowClient(request.tracking_uri, request.tracking_uri)
        client.search_experiments(max_results=1)
        return MirrorAnswer() if request.only_reach else _Mirror(client, request).bring_up_to_date()
    except (MlflowException, OSError) as error:  # OSError: what its HTTP client raises where nothing answers
        return trouble_of(str(error))


def trouble_of(message: str) -> MirrorAnswer:
    """Return the trouble that a message of the client tells of."""
    text = " ".join(message.split())
    lower = text.lower()
    trouble: Trouble = "unreachable"
    if "<html" in lower or "<!doctype" in lower or "not in a valid json format" in lower:
        text = "it answers with a page for people, not as MLflow does: is there a proxy or a sign-in before it?"
    elif _REFUSED.search(text) or "permission_denied" in lower or "unauthenticated" in lower:
        trouble, text = "refused", "it refuses our credentials"
    elif "max retries exceeded" in lower or "timed out" in lower or "connection" in lower:
        text = "it does not answer"
    else:
        trouble, text = "failed", text[:300]
    return MirrorAnswer(trouble=trouble, message=text)


class _Mirror:
    """One pass over the registry."""

    def __init__(self, client: MlflowClient, request: MirrorRequest) -> None:
        self._client = client
        self._request = request
        self._experiment = self._made_experiment()

    def bring_up_to_date(self) -> MirrorAnswer:
        """Add what the server lacks, oldest version first, then move the alias."""
        runs, registered = self._runs(), self._registered()
        mirrored: list[str] = []
        skipped: dict[str, str] = {}
        complete = 0
        for version in self._request.versions:
            run = runs.get(version.version)
            if run is not None and run.info.lifecycle_stage == "deleted":
                skipped[version.version] = "its run was deleted there"
                continue
            if run is None or run.data.tags.get(WHOLE) != "yes":
                try:
                    self._write(version, run, registered)
                except ChurnError as error:
                    skipped[version.version] = str(error)
                    continue
                mirrored.append(version.version)
            complete += 1
        return MirrorAnswer(
            mirrored=tuple(mirrored), complete=complete, skipped=skipped, alias_moved=self._follow(registered)
        )

    def _made_experiment(self) -> str:
        from mlflow.exceptions import MlflowException

        name = self._request.experiment
        known = self._client.get_experiment_by_name(name)
        if known is None:
            return str(self._client.create_experiment(name))
        if known.lifecycle_stage == "deleted":
            raise MlflowException(f"the experiment `{name}` was deleted there: restore it, or name another")
        return str(known.experiment_id)

    def _runs(self) -> dict[str, Run]:
        """Return the run of each version that has one, deleted ones too."""
        from mlflow.entities import ViewType

        runs: dict[str, Run] = {}
        token: str | None = None
        while True:
            page = self._client.search_runs(
                [self._experiment], run_view_type=ViewType.ALL, max_results=_PAGE, page_token=token
            )
            for run in page:
                version = run.data.tags.get(VERSION)
                before = runs.get(version) if version else None
                if version and (before is None or before.data.tags.get(WHOLE) != "yes"):
                    runs[version] = run
            token = page.token
            if not token:
                return runs

    def _registered(self) -> dict[str, ModelVersion]:
        """Return the registered model's version of each version that has one; the model is made if it is missing."""
        from mlflow.exceptions import MlflowException

        name = self._request.model
        try:
            self._client.get_registered_model(name)
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            self._client.create_registered_model(name, description="Churn models; the alias `champion` serves.")
            return {}
        versions: dict[str, ModelVersion] = {}
        token: str | None = None
        quoted = name.replace("'", "\\'")
        while True:
            page = self._client.search_model_versions(f"name='{quoted}'", max_results=200, page_token=token)
            versions |= {entry.tags[VERSION]: entry for entry in page if VERSION in entry.tags}
            token = page.token
            if not token:
                return versions

    def _write(self, version: VersionToMirror, run: Run | None, registered: dict[str, ModelVersion]) -> None:
        """Write a version's run and its entry among the model's versions. Raises ChurnError where its bundle is gone."""
        contents = run_contents(version)
        at = _milliseconds(version)
        if run is None:
            run = self._client.create_run(
                self._experiment, start_time=at, run_name=version.version, tags={VERSION: version.version}
            )
        self._log(run.info.run_id, contents, at)
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            contents.write_files(folder / "files")
            self._client.log_artifacts(run.info.run_id, str(folder / "files"))
            write_package(folder / MODEL, contents, run_id=run.info.run_id)
            self._client.log_artifacts(run.info.run_id, str(folder / MODEL), MODEL)
        if version.version not in registered and REGISTERED not in run.data.tags:
            entry = self._client.create_model_version(
                self._request.model,
                source=f"{run.info.artifact_uri}/{MODEL}",
                run_id=run.info.run_id,
                tags={VERSION: version.version, STATUS: version.status},
                description=version.reason,
            )
            registered[version.version] = entry
            self._client.set_tag(run.info.run_id, REGISTERED, str(entry.version))
        self._client.set_terminated(run.info.run_id, "FINISHED", end_time=at)
        self._client.set_tag(run.info.run_id, WHOLE, "yes")

    def _log(self, run_id: str, contents: RunContents, at: int) -> None:
        from mlflow.entities import Dataset, DatasetInput, Metric, Param, RunTag

        metrics = [Metric(name, value, at, 0) for name, value in contents.metrics.items()]
        params = [Param(name, text[:_LONGEST]) for name, text in contents.params.items()]
        tags = [RunTag(name, text) for name, text in contents.tags.items()]
        for metric_part in _parts(metrics, 500):
            self._client.log_batch(run_id, metrics=metric_part)
        for param_part in _parts(params, 100):
            self._client.log_batch(run_id, params=param_part)
        self._client.log_batch(run_id, tags=tags)
        data = Dataset(
            name="training set",
            digest=contents.fingerprint[:36],
            source_type="churn",
            source=contents.dataset_source,
            schema=contents.dataset_schema,
            profile=contents.dataset_profile,
        )
        self._client.log_inputs(run_id, [DatasetInput(data, [])])

    def _follow(self, registered: dict[str, ModelVersion]) -> bool:
        """Tag each version with its status, and give the alias to the champion; return whether it moved."""
        name = self._request.model
        moved = False
        for version in self._request.versions:
            entry = registered.get(version.version)
            if entry is None:
                continue
            if entry.tags.get(STATUS) != version.status:
                self._client.set_model_version_tag(name, entry.version, STATUS, version.status)
            if version.status == "champion" and ALIAS not in self._aliases(entry.version):
                self._client.set_registered_model_alias(name, ALIAS, entry.version)
                moved = True
        return moved

    def _aliases(self, number: str) -> Sequence[str]:
        return list(self._client.get_model_version(self._request.model, number).aliases)


def _milliseconds(version: VersionToMirror) -> int:
    return int(version.created_at.replace(tzinfo=UTC).timestamp() * 1000)


def _parts(items: Sequence[Item], size: int) -> list[Sequence[Item]]:
    return [items[start : start + size] for start in range(0, len(items), size)]


if __name__ == "__main__":
    main()
