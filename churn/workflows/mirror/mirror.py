"""Brings an MLflow server up to date with the registry, by a process of its own that is ended at a deadline.

What the server lacks is found by asking it, so nothing is kept here and whatever was missed is caught up. A process of its own,
because MLflow's client changes the logging and threads of the one it is in, and because a thread that waits cannot be ended.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from filelock import FileLock, Timeout
from pydantic import ValidationError

from churn.config.mlflow import TRACKING_URI
from churn.context import Context
from churn.errors import AuthFailed, ChurnError, ConfigError, ConnectorError, ResourceError, Unreachable
from churn.views.champion import bundle_path
from churn.views.registry import list_models
from churn.workflows.mirror.messages import MirrorAnswer, MirrorRequest, VersionToMirror

if TYPE_CHECKING:
    from pathlib import Path

CATCH_UP_SECONDS: Final = 600.0  # for the night and `churn mlflow sync`, which wait for many versions
_REACH_SECONDS: Final = 20.0
_EXTRA: Final = "pip install 'churn[mlflow]'"
_LATER: Final = "Nothing is lost: the next night mirrors what is missing, or run `churn mlflow sync`."
# The client's own patience is minutes for each call; whoever set these variables meant them.
_PATIENCE: Final = {
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "0",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}


@dataclass(frozen=True)
class MirrorResult:
    """What one attempt did at the server `place`, and why not all if so."""

    place: str
    mirrored: tuple[str, ...] = ()
    complete: int = 0
    skipped: tuple[tuple[str, str], ...] = ()
    alias_moved: bool = False
    error: ChurnError | None = None

    @property
    def sentence(self) -> str:
        """What was done, in words."""
        if self.error is not None:
            return f"Not mirrored to MLflow: {self.error}"
        written = f"{', '.join(self.mirrored)} mirrored" if self.mirrored else "nothing was missing"
        alias = "; the alias `champion` moved" if self.alias_moved else ""
        left_out = "".join(f"; {version} left out: {why}" for version, why in self.skipped)
        return f"MLflow at {self.place}: {written}, {self.complete} versions there{alias}{left_out}."


def mirrors_models(context: Context) -> bool:
    """Whether a server is named."""
    return _uri(context) is not None


def mirror_if_configured(context: Context, *, seconds: float | None = None) -> MirrorResult | None:
    """Do as `mirror_models`, within [mlflow] seconds by default; None where no server is named."""
    return mirror_models(context, seconds=seconds) if mirrors_models(context) else None


def mirror_models(context: Context, *, seconds: float | None = None) -> MirrorResult:
    """Write the runs and model versions that the server lacks, and let its alias `champion` follow the registry.

    Never raises for a server that is away, slow or wrong: the result says so. Raises ConfigError where none is named.
    """
    uri = _uri(context)
    if uri is None:
        raise ConfigError(
            "no MLflow server is named",
            where="[mlflow]",
            remedy=f"Write tracking_uri into churn.toml, or set {TRACKING_URI}.",
        )
    settings = context.settings.mlflow
    context.progress.step("Mirroring models to MLflow")
    request = MirrorRequest(
        tracking_uri=uri,
        experiment=settings.experiment,
        model=settings.model,
        versions=tuple(
            VersionToMirror(
                version=model.version,
                kind=model.kind,
                created_at=model.created_at,
                status=model.status,
                reason=model.reason,
                fingerprint=model.fingerprint,
                bundle=str(bundle_path(context, model)),
            )
            for model in reversed(list_models(context))
        ),
    )
    result = _attempt(context, request, seconds or settings.seconds)
    context.log.note("mirror_models", mirrored=list(result.mirrored), error=str(result.error) if result.error else None)
    return result


def mirror_beside(context: Context) -> None:
    """Mirror without letting the caller wait: for requests of pages and of the API."""
    if _uri(context) is not None:
        threading.Thread(target=mirror_models, args=(context,), name="mlflow", daemon=True).start()


def reach_mlflow(context: Context) -> MirrorResult | None:
    """Say whether the server answers as MLflow; None where no server is named."""
    uri = _uri(context)
    if uri is None:
        return None
    settings = context.settings.mlflow
    request = MirrorRequest(tracking_uri=uri, experiment=settings.experiment, model=settings.model, only_reach=True)
    return _attempt(context, request, _REACH_SECONDS)


def _uri(context: Context) -> str | None:
    return context.settings.mlflow.tracking_uri or context.secrets.get(TRACKING_URI) or None


def _attempt(context: Context, request: MirrorRequest, seconds: float) -> MirrorResult:
    place = _place(request.tracking_uri)
    try:
        if request.only_reach:
            answer = _asked(request, seconds)
        else:
            with FileLock(_lock_file(context.settings.home), timeout=seconds):  # two at once would write runs twice
                answer = _asked(request, seconds)
    except subprocess.TimeoutExpired:
        return MirrorResult(
            place, error=Unreachable(f"no end after {seconds:g} seconds", where=f"MLflow at {place}", remedy=_LATER)
        )
    except Timeout:
        return MirrorResult(
            place, error=Unreachable("another process is at it", where=f"MLflow at {place}", remedy=_LATER)
        )
    except OSError as error:  # a full disk or too many processes must not undo a training
        return MirrorResult(
            place, error=ResourceError(f"cannot be started: {error.strerror or error}", where="[mlflow]")
        )
    return MirrorResult(
        place,
        mirrored=answer.mirrored,
        complete=answer.complete,
        skipped=tuple(answer.skipped.items()),
        alias_moved=answer.alias_moved,
        error=_error(answer, place),
    )


def _asked(request: MirrorRequest, seconds: float) -> MirrorAnswer:
    """Hand the request to a process and return its answer. Raises TimeoutExpired, after which the process is gone."""
    process = subprocess.run(  # our own module
        [sys.executable, "-m", "churn.workflows.mirror.worker"],
        input=request.model_dump_json(),
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
        env={**_PATIENCE, **os.environ, TRACKING_URI: request.tracking_uri},
    )
    lines = process.stdout.splitlines()
    try:
        return MirrorAnswer.model_validate_json(lines[-1] if lines else "")
    except ValidationError:
        complaint = (process.stderr.strip().splitlines() or ["no answer"])[-1]
        return MirrorAnswer(trouble="failed", message=f"the client ended with {process.returncode}: {complaint}")


def _error(answer: MirrorAnswer, place: str) -> ChurnError | None:
    where = f"MLflow at {place}"
    match answer.trouble:
        case None:
            return None
        case "missing":
            return ConfigError("MLflow needs an extra package", where="[mlflow]", remedy=_EXTRA)
        case "refused":
            remedy = "Set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN."
            return AuthFailed(answer.message, where=where, remedy=remedy)
        case "unreachable":
            return Unreachable(answer.message, where=where, remedy=_LATER)
        case "failed":
            return ConnectorError(answer.message, where=where, remedy=_LATER)


def _place(uri: str) -> str:
    parts = urlsplit(uri)
    return f"{parts.hostname}:{parts.port}" if parts.hostname and parts.port else parts.hostname or uri


def _lock_file(home: Path) -> Path:
    folder = home / "cache"
    folder.mkdir(exist_ok=True)
    return folder / "mlflow.lock"
