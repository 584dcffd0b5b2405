"""The folder that driver and workers share: which home's it is, what lies in it, and how it goes."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType
from typing import Final

from churn.config import EngineSettings
from churn.distributed.place import Place, is_address
from churn.errors import ConfigError, ResourceError

_NOTE: Final = "engine.json"
_OWN: Final = "churn-"  # begins the name of each home's folder
NO_SECRETS: Final[Mapping[str, str]] = MappingProxyType({})


@dataclass(frozen=True)
class WorkFolder:
    """What a home noted of its cut customers: the folder that is its own, and by which hash into how many buckets.

    A copy of a home finds the `home` of another, and begins a folder of its own.
    """

    home: str
    folder: str
    hash: str
    buckets: int
    place: Place

    def note(self) -> str:
        """Return what the home keeps of it."""
        return json.dumps({"home": self.home, "folder": self.folder, "hash": self.hash, "buckets": self.buckets}) + "\n"


def open_work(home: Path, engine: EngineSettings, secrets: Mapping[str, str] = NO_SECRETS) -> WorkFolder:
    """Return the home's folder below [engine] work, made on the first call; other buckets than before begin anew.

    `secrets` hold keys and endpoint where it lies in an object store. Raises ConfigError where workers elsewhere have no
    folder to share, ResourceError, Unreachable or AuthFailed where it cannot be written.
    """
    if engine.work is None and not engine.master.startswith("local"):
        raise ConfigError(
            "the workers have no folder to share with the driver",
            where="[engine] work",
            remedy='Name a folder that every machine mounts at the same place, such as work = "/shared/churn", or an address: "s3://bucket/churn".',
        )
    base = _base(home, engine)
    known = _noted(home, secrets)
    if (
        known is not None
        and known.folder.rpartition("/")[0] == base
        and (known.hash, known.buckets) == (hash_name(), engine.buckets)
    ):
        work = known
    else:
        forget_work(home, secrets)
        folder = f"{base}/{_OWN}{uuid.uuid4().hex[:12]}"
        work = WorkFolder(str(home.resolve()), folder, hash_name(), engine.buckets, Place.at(folder, secrets))
    try:
        if work.place.is_folder:
            # Customers' data lie in it; a shared folder has the rights that its owner gives, for workers may be other users.
            work.place.path.mkdir(mode=0o700 if engine.work is None else 0o777, parents=True, exist_ok=True)
        else:
            (work.place / _NOTE).publish(work.note())
        (home / _NOTE).write_text(work.note(), encoding="utf-8")
    except OSError as error:
        raise ResourceError(
            f"cannot be written: {error.strerror}",
            where=f"[engine] work ({base})",
            remedy="Make it writable for this user and for the workers.",
        ) from error
    return work


@cache
def hash_name() -> str:
    """Name the hash that tells a customer's bucket: DuckDB's, which may be another in another version."""
    return f"duckdb {version('duckdb')}"


def forget_work(home: Path, secrets: Mapping[str, str] = NO_SECRETS) -> None:
    """Remove what was cut and built for a home: it follows from the home's own data, and is made again when needed.

    Raises Unreachable or AuthFailed where it lies in a store that does not let us.
    """
    known = _noted(home, secrets)
    if known is not None:
        if known.folder.rpartition("/")[2].startswith(_OWN):
            known.place.remove()
        (home / _NOTE).unlink(missing_ok=True)


def _base(home: Path, engine: EngineSettings) -> str:
    if engine.work is not None and is_address(engine.work):
        return engine.work.rstrip("/")
    return str(Path(engine.work or home / "tmp" / "spark").absolute())


def digest(*parts: str) -> str:
    """Return a short name that stands for `parts`."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:20]


def _noted(home: Path, secrets: Mapping[str, str]) -> WorkFolder | None:
    try:
        noted = json.loads((home / _NOTE).read_text(encoding="utf-8"))
        work = WorkFolder(**noted, place=Place.at(noted["folder"], secrets))
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return work if work.home == str(home.resolve()) else None
