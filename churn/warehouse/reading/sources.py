"""Finds the files a source declares, here or in an object store, and brings those that must be loaded onto this machine."""

from __future__ import annotations

import glob
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from churn.config import SourceSettings
from churn.errors import ConfigError, ContractBroken, ResourceError
from churn.warehouse.reading.delivery import SourceFile
from churn.warehouse.reading.object_store import ObjectStore


class Files:
    """The files of one source. Object-store addresses are s3://BUCKET/KEY, with globs."""

    def __init__(self, name: str, source: SourceSettings, secrets: Mapping[str, str]) -> None:
        """Name the source; nothing is looked up yet."""
        self._name = name
        self._patterns = [source.path] if isinstance(source.path, str) else list(source.path or [])
        self._secrets = secrets
        self._store: ObjectStore | None = None

    def found(self) -> list[SourceFile]:
        """Return every file, each once. Raises ContractBroken for a pattern without any, and what the store raises."""
        by_name: dict[str, SourceFile] = {}
        for pattern in self._patterns:
            files = self._remote(pattern) if "://" in pattern else _local(pattern)
            if not files and Path(pattern).is_dir():
                remedy = f'Name the files in it: [sources.{self._name}] path = "{Path(pattern).name}/*.csv".'
                raise ContractBroken(f"a folder is no file for {self._name}", where=pattern, remedy=remedy)
            if not files:
                remedy = f"Check [sources.{self._name}] path, and that the export ran."
                raise ContractBroken(f"no file for {self._name}", where=pattern, remedy=remedy)
            by_name.update((file.name, file) for file in files)
        return list(by_name.values())

    def _remote(self, pattern: str) -> list[SourceFile]:
        if not pattern.startswith("s3://"):
            remedy = "Use a local path, or s3://BUCKET/KEY (any S3-compatible store: set AWS_ENDPOINT_URL)."
            raise ConfigError(f"cannot read {pattern}", where=f"sources.{self._name}.path", remedy=remedy)
        if self._store is None:
            self._store = ObjectStore(self._secrets, where=f"sources.{self._name}")
        return self._store.found(pattern)

    @contextmanager
    def here(
        self, files: Sequence[SourceFile], scratch: Path | None, *, only: Callable[[SourceFile], bool] | None = None
    ) -> Iterator[list[SourceFile]]:
        """Give `files` a place on this machine for as long as the block runs; downloads lie in `scratch`.

        With `only`, those it says false of stay where they are: others read them.
        """
        remote = [file for file in files if file.name.startswith("s3://") and (only is None or only(file))]
        if not remote or self._store is None:
            yield list(files)
            return
        try:
            if scratch is not None:
                scratch.mkdir(parents=True, exist_ok=True)
            folder = tempfile.TemporaryDirectory(prefix="downloads-", dir=scratch)
        except OSError as error:
            raise ResourceError(f"cannot be written: {error.strerror}", where=str(scratch)) from error
        with folder as root:
            yield [self._store.fetch(file, Path(root)) if file in remote else file for file in files]


def _local(pattern: str) -> list[SourceFile]:
    # A name that exists is that file, whatever signs it holds; else it is a glob.
    paths = [pattern] if Path(pattern).exists() else sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207  # pathlib globs no absolute pattern
    files = []
    for path in map(Path, paths):
        if path.is_file():
            stat = path.stat()
            files.append(SourceFile(str(path), path, stat.st_size, str(stat.st_mtime_ns)))
    return files
