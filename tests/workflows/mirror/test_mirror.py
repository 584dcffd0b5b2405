"""MLflow shows what the registry holds, serves the same bits, and may be away: nothing waits for it, nothing is lost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest
from packaging.requirements import Requirement

from churn.bootstrap import build_context
from churn.config import MlflowSettings, Settings
from churn.context import Context
from churn.errors import ConfigError, ConnectorError, Unreachable
from churn.jobs.steps import night
from churn.modeling import TrainingResult, explain, load_bundle, reasons_json, save_bundle
from churn.snapshots.learnt_sql import SQL_FILE
from churn.store import ModelVersion
from churn.store.service_records import ScheduledRun
from churn.workflows.mirror import mirror_if_configured, mirror_models, reach_mlflow
from churn.workflows.reach import reach_places
from churn.workflows.train import promote_model, rollback_model
from tests import ROOT
from tests.faults.shops import corner_shop
from tests.modeling.made_up import customers, train
from tests.workflows.mirror.mlflow_server import MlflowServer

if TYPE_CHECKING:
    from mlflow import MlflowClient

# One server for all.
pytestmark = [pytest.mark.xdist_group("mlflow"), pytest.mark.slow]

AT = datetime(2026, 7, 1, 4, 0)


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    server = MlflowServer(tmp_path_factory.mktemp("mlflow"))
    server.start()
    yield server
    server.kill()


@pytest.fixture(scope="module")
def trained() -> TrainingResult:
    return train(customers(), candidates=["xgboost"])


def home_at(folder: Path, uri: str | None, name: str = "churn", seconds: float = 60.0) -> Context:
    settings = MlflowSettings(tracking_uri=uri, experiment=name, model=name, seconds=seconds)
    return build_context(settings=Settings(home=folder, mlflow=settings))


def register(context: Context, result: TrainingResult, version: str, at: datetime = AT) -> None:
    folder = context.settings.models_path / version
    save_bundle(result, folder, extras={SQL_FILE: {"features.usage": "select 1 as one"}})
    with context.open_store() as store:
        store.models.register(
            ModelVersion(
                version=version,
                kind=result.selection.name,
                created_at=at,
                fingerprint=result.model.fingerprint,
                status="challenger",
                metrics=result.best.figures(),
                reason=result.selection.reason,
                bundle=version,
            )
        )


def client_of(server: MlflowServer) -> MlflowClient:
    from mlflow import MlflowClient

    return MlflowClient(server.uri, server.uri)


def test_runs_and_registry_are_those_of_the_home(running, trained, tmp_path):
    context = home_at(tmp_path / "home", running.uri, "mirrored")
    register(context, trained, "first")
    promote_model(context, "first", who="me", why="begin")
    result = mirror_models(context)
    assert (result.error, result.mirrored, result.complete, result.alias_moved) == (None, ("first",), 1, True)

    client = client_of(running)
    (run,) = client.search_runs([client.get_experiment_by_name("mirrored").experiment_id])
    best = trained.best.metrics
    assert run.data.metrics["auc"] == best["auc"].value
    assert (run.data.metrics["auc_low"], run.data.metrics["auc_high"]) == (best["auc"].low, best["auc"].high)
    assert run.data.metrics["candidates/xgboost/log_loss"] == best["log_loss"].value
    assert run.data.params["candidate"] == trained.selection.name
    assert run.data.params["policy.horizon_days"] == "30"
    assert (run.info.status, run.info.run_name) == ("FINISHED", "first")
    (data,) = run.inputs.dataset_inputs
    assert data.dataset.digest == trained.model.fingerprint[:36]

    stored = running.artifacts / run.info.artifact_uri.removeprefix("mlflow-artifacts:/")
    files = {path.relative_to(stored).as_posix() for path in stored.rglob("*") if path.is_file()}
    assert {"card.md", "card.json", "curves/roc.csv", "curves/calibration.csv", "feature_weights.csv"} <= files
    assert (stored / "sql/features/usage.sql").read_text() == "select 1 as one"
    assert not [name for name in files if name.endswith((".parquet", ".pkl"))]  # rows of customers stay at home
    people = {name.encode() for name in trained.evaluation["customer_id"].unique()}
    assert not [name for name in files if any(person in (stored / name).read_bytes() for person in people)]

    register(context, trained, "second", AT + timedelta(days=1))
    promote_model(context, "second", who="me", why="better")
    assert mirror_models(context).mirrored == ("second",)
    assert client.get_model_version_by_alias("mirrored", "champion").tags["churn.version"] == "second"
    rollback_model(context, who="me", why="worse")
    again = mirror_models(context)
    assert (again.mirrored, again.alias_moved) == ((), True)
    champion = client.get_model_version_by_alias("mirrored", "champion")
    assert champion.tags["churn.version"] == "first"
    statuses = {
        v.tags["churn.version"]: v.tags["churn.status"] for v in client.search_model_versions("name='mirrored'")
    }
    assert statuses == {"first": "champion", "second": "retired"}
    assert mirror_models(context).alias_moved is False


def test_what_was_deleted_there_stays_deleted_and_what_is_gone_here_is_named(running, trained, tmp_path):
    context = home_at(tmp_path / "home", running.uri, "tidied")
    register(context, trained, "kept")
    assert mirror_models(context).mirrored == ("kept",)
    client = client_of(running)
    (run,) = client.search_runs([client.get_experiment_by_name("tidied").experiment_id])
    client.delete_run(run.info.run_id)
    (tmp_path / "home" / "models" / "kept" / "model.json").unlink()
    register(context, trained, "damaged", AT + timedelta(days=1))
    (tmp_path / "home" / "models" / "damaged" / "model.json").write_text("{}")
    result = mirror_models(context)
    assert result.error is None
    assert dict(result.skipped)["kept"] == "its run was deleted there"
    assert "model.json was altered" in dict(result.skipped)["damaged"]
    assert client.search_runs([client.get_experiment_by_name("tidied").experiment_id]) == []


def test_a_server_that_is_killed_in_the_middle_is_caught_up_in_the_same_run(trained, tmp_path):
    server = MlflowServer(tmp_path / "server")
    server.start()
    try:
        context = home_at(tmp_path / "home", server.uri, seconds=200)  # a busy machine takes its time
        register(context, trained, "cut_off")
        promote_model(context, "cut_off", who="me", why="begin")
        results = []
        work = threading.Thread(target=lambda: results.append(mirror_models(context)))
        work.start()
        until = time.monotonic() + 200
        while not any(server.artifacts.rglob("card.md")) and time.monotonic() < until:
            time.sleep(0.002)
        server.kill()
        work.join()
        (result,) = results
        assert isinstance(result.error, Unreachable)
        assert "churn mlflow sync" in result.sentence
        assert isinstance(mirror_models(context).error, Unreachable)  # it is away

        server.start()
        caught_up = mirror_models(context)
        assert (caught_up.error, caught_up.mirrored, caught_up.alias_moved) == (None, ("cut_off",), True)
        client = client_of(server)
        (run,) = client.search_runs([client.get_experiment_by_name("churn").experiment_id])
        assert run.data.tags["churn.whole"] == "yes"
        (entry,) = client.search_model_versions("name='churn'")
        assert entry.run_id == run.info.run_id
    finally:
        server.kill()


def test_a_training_goes_on_without_its_server(tmp_path: Path):
    away = {"MLFLOW_TRACKING_URI": "http://127.0.0.1:9"}
    shop = corner_shop(tmp_path / "home")
    shop.run("refresh")
    document = shop.json("train", env=away)
    assert document["model_version"]
    assert "it does not answer" in document["mlflow"]["error"]
    assert "churn mlflow sync" in document["mlflow"]["error"]
    shop.run("mlflow", "sync", code=6, env=away)


class _Odd(BaseHTTPRequestHandler):
    """Answers everything as a page for people, or as one who refuses, or not at all."""

    how = "html"

    def do_GET(self) -> None:
        if self.how == "silent":
            time.sleep(30)
            return
        code = 401 if self.how == "refuses" else 200
        self.send_response(code)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><html><body>Sign in</body></html>" if code == 200 else b"Who are you?")

    do_POST = do_GET  # noqa: N815  # the name that http.server calls

    def log_message(self, *_: object) -> None:
        return


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("html", "page for people"),
        ("refuses", "refuses our credentials"),
        ("silent", "no end after 6 seconds"),
    ],
)
def test_a_server_that_is_none_is_named_and_never_waited_for(how, words, tmp_path):
    handler = type("Handler", (_Odd,), {"how": how})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        uri = f"http://127.0.0.1:{server.server_address[1]}"
        context = home_at(tmp_path / "home", uri, seconds=6.0 if how == "silent" else 60.0)
        result = mirror_if_configured(context)
    finally:
        server.shutdown()
        server.server_close()
    assert result is not None
    assert isinstance(result.error, ConnectorError)
    assert words in result.error.what


def test_the_night_alerts_and_ends_the_alert(running, trained, tmp_path):
    home = tmp_path / "home"
    away = home_at(home, "http://127.0.0.1:9", "by_night")
    register(away, trained, "nightly")
    run = ScheduledRun(
        1, "nightly", "nightly|x", AT.date(), parameters={}, state="running", requested_by="me", requested_at=AT
    )
    assert "it does not answer" in night.mirror(away, run).sentence
    (place,) = reach_places(away)
    assert (place.what, "it does not answer" in str(place.error)) == ("mlflow", True)
    with away.open_store() as store:
        (alert,) = store.alerts.open()
    assert (alert.kind, alert.severity) == ("mlflow_behind", "info")

    here = replace(away, settings=home_at(home, running.uri, "by_night").settings)
    assert [place.error for place in reach_places(here)] == [None]
    assert night.mirror(here, run).rows == 1
    assert night.mirror(home_at(tmp_path / "other", None), run).is_skipped


def test_a_home_without_a_server_says_so(tmp_path):
    context = home_at(tmp_path / "home", None)
    assert mirror_if_configured(context) is None
    assert reach_mlflow(context) is None
    assert [place.what for place in reach_places(context)] == []
    with pytest.raises(ConfigError, match="no MLflow server is named"):
        mirror_models(context)


def _closure(names: list[str]) -> set[str]:
    """Return the distributions that `names` need, directly or not, as pip would install them without extras."""
    needed: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop().lower().replace("_", "-")
        if name in needed:
            continue
        needed.add(name)
        for line in metadata.distribution(name).requires or []:
            requirement = Requirement(line)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                waiting.append(requirement.name)
    return needed


@pytest.fixture(scope="module")
def fresh_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new environment with the wheel, what the wheel needs, and what MLflow needs to load a model: nothing else."""
    folder = tmp_path_factory.mktemp("fresh")
    built = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(built, cwd=ROOT, check=True, capture_output=True)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder / "venv")], check=True)
    (site,) = (folder / "venv").glob("lib/python*/site-packages")
    (wheel,) = folder.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(site)
    wanted = [
        requirement.name
        for line in (next(site.glob("churn-*.dist-info")) / "METADATA").read_text().splitlines()
        if line.startswith("Requires-Dist: ")
        for requirement in [Requirement(line.removeprefix("Requires-Dist: "))]
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""})
    ]
    for name in _closure([*wanted, "mlflow-skinny", "pandas"]):
        for file in metadata.distribution(name).files or []:
            top = site / file.parts[0]
            source = Path(str(metadata.distribution(name).locate_file(file.parts[0])))
            if file.parts[0] != ".." and source.exists() and not top.exists() and not top.is_symlink():
                top.symlink_to(source)
    return folder / "venv" / "bin" / "python"


SCRIPT = """
import json, sys
import mlflow, pandas
model = mlflow.pyfunc.load_model(sys.argv[1])
rows = pandas.read_parquet(sys.argv[2])
plain = model.predict(rows)
why = model.predict(rows, params={"reasons": True, "top": 3})
assert (plain["churn_probability"] == why["churn_probability"]).all()
why["reasons"] = [json.dumps([reason["text"] for reason in reasons]) for reasons in why["reasons"]]
why.to_parquet(sys.argv[3])
sys.stdout.write(json.dumps(sorted(name for name in sys.modules if name in {"moto", "pytest", "flask", "shap"})))
"""


def test_a_fresh_environment_predicts_the_same_bits_with_reasons(running, trained, fresh_python, tmp_path):
    context = home_at(tmp_path / "home", running.uri, "served")
    register(context, trained, "served")
    promote_model(context, "served", who="me", why="begin")
    assert mirror_models(context).error is None
    rows = customers(seed=9)
    rows.write_parquet(tmp_path / "rows.parquet")
    away_from_here = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(
        [fresh_python, "-c", SCRIPT, "models:/served@champion", tmp_path / "rows.parquet", tmp_path / "out.parquet"],
        env={**away_from_here, "MLFLOW_TRACKING_URI": running.uri, "MLFLOW_DISABLE_TELEMETRY": "true"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == []
    theirs = pl.read_parquet(tmp_path / "out.parquet")
    model = load_bundle(context.settings.models_path / "served")
    ours = model.predict(rows)
    np.testing.assert_array_equal(theirs["churn_probability"].to_numpy(), ours.churn_probability)
    np.testing.assert_array_equal(theirs["raw_score"].to_numpy(), ours.raw_score)
    worded = [json.loads(text) for text in reasons_json(explain(model, rows), rows, model.features, top=3)]
    texts = [json.loads(text) for text in theirs["reasons"]]
    assert texts == [[reason["text"] for reason in reasons] for reasons in worded]
