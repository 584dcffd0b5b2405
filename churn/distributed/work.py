"""The folder that driver and workers share: which home's it is, what lies in it, and how it goes."""

from __future__ import annotations

import hashlib
import json
import shutil
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from churn.config import EngineSettings
from churn.errors import ConfigError, ResourceError

HASH: Final = "xxhash64"  # Spark's, of the customer's id with seed 42; the bucket is its positive remainder
_NOTE: Final = "engine.json"
_OWN: Final = "churn-"  # begins the name of each home's folder


@dataclass(frozen=True)
class WorkFolder:
    """What a home noted of its cut customers: the folder that is its own, and by which hash into how many buckets.

    A copy of a home finds the `home` of another, and begins a folder of its own.
    """

    home: str
    folder: str
    hash: str
    buckets: int

    @property
    def path(self) -> Path:
        """The folder as a path."""
        return Path(self.folder)


def open_work(home: Path, engine: EngineSettings) -> WorkFolder:
    """Return the home's folder below [engine] work, made on the first call; other buckets than before begin anew.

    Raises ConfigError where workers elsewhere have no folder to share, ResourceError where it cannot be written.
    """
    if engine.work is None and not engine.master.startswith("local"):
        raise ConfigError(
            "the workers have no folder to share with the driver",
            where="[engine] work",
            remedy='Name a folder that every machine mounts at the same place, such as work = "/shared/churn".',
        )
    base = (engine.work or home / "tmp" / "spark").absolute()
    known = _noted(home)
    if known is not None and known.path.parent == base and (known.hash, known.buckets) == (HASH, engine.buckets):
        work = known
    else:
        forget_work(home)
        work = WorkFolder(str(home.resolve()), str(base / f"{_OWN}{uuid.uuid4().hex[:12]}"), HASH, engine.buckets)
    try:
        # Customers' data lie in it; a shared folder has the rights that its owner gives, for workers may be other users.
        work.path.mkdir(mode=0o700 if engine.work is None else 0o777, parents=True, exist_ok=True)
        (home / _NOTE).write_text(json.dumps(asdict(work)) + "\n", encoding="utf-8")
    except OSError as error:
        raise ResourceError(
            f"cannot be written: {error.strerror}",
            where=f"[engine] work ({base})",
            remedy="Make it writable for this user and for the workers.",
        ) from error
    return work


def forget_work(home: Path) -> None:
    """Remove what was cut and built for a home: it follows from the home's own data, and is made again when needed."""
    known = _noted(home)
    if known is not None:
        if known.path.name.startswith(_OWN):
            shutil.rmtree(known.path, ignore_errors=True)
        (home / _NOTE).unlink(missing_ok=True)


def digest(*parts: str) -> str:
    """Return a short name that stands for `parts`."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:20]


def _noted(home: Path) -> WorkFolder | None:
    try:
        work = WorkFolder(**json.loads((home / _NOTE).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    return work if work.home == str(home.resolve()) else None
