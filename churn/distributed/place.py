"""Where driver and workers meet: a folder that all mount, or an address of an object store (s3://) or of HDFS (hdfs://).

A file under an address appears whole or not at all. Nothing here is renamed while somebody may read it: what belongs
together is written below a name of its own, and becomes known by one small file that is published last.
"""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from churn.errors import AuthFailed, ChurnError, ResourceError, Unreachable

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem

_REFUSED: Final = (
    "ACCESS_DENIED",
    "INVALID_ACCESS_KEY_ID",
    "SIGNATURE_DOES_NOT_MATCH",
    "InvalidAccessKeyId",
    "Forbidden",
)
_TIMEOUT: Final = 10.0  # seconds
_ATTEMPTS: Final = 3


@dataclass(frozen=True)
class Place:
    """A folder or file by its `address`; `secrets` hold keys and endpoint of an object store (AWS_ACCESS_KEY_ID, ...)."""

    address: str
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def at(cls, address: str | Path, secrets: Mapping[str, str] | None = None) -> Place:
        """Return a place that needs of `secrets` what tells of its store."""
        needed = {name: value for name, value in (secrets or {}).items() if name.startswith("AWS_")}
        return cls(f"{address}".rstrip("/"), needed if is_address(f"{address}") else {})

    def __truediv__(self, name: str) -> Place:
        return Place(f"{self.address}/{name}", self.secrets)

    def __str__(self) -> str:
        return self.address

    @property
    def parent(self) -> Place:
        """The folder that it lies in."""
        return Place(self.address.rpartition("/")[0], self.secrets)

    @property
    def is_folder(self) -> bool:
        """Whether it is mounted here, and read and written without copies."""
        return not is_address(self.address)

    @property
    def path(self) -> Path:
        """The folder or file itself, where it is mounted here."""
        return Path(self.address)

    def names(self) -> list[str]:
        """Return what lies right below, in order; nothing where there is no such folder."""
        from pyarrow.fs import FileSelector

        if self.is_folder:
            return sorted(path.name for path in self.path.iterdir()) if self.path.is_dir() else []
        with self._translating():
            files, path = self._reached
            return sorted(info.base_name for info in files.get_file_info(FileSelector(path, allow_not_found=True)))

    def read(self) -> str | None:
        """Return the text of a file, None where there is none."""
        with self._translating():
            files, path = self._reached
            try:
                with files.open_input_stream(path) as stream:
                    return bytes(stream.read()).decode()
            except FileNotFoundError:
                return None

    def publish(self, text: str) -> None:
        """Write a small file, which others see whole or not at all."""
        with self._translating():
            files, path = self._reached
            if self.address.startswith("s3://"):  # an object appears when it is complete
                self._write(path, text)
                return
            files.create_dir(path.rpartition("/")[0])
            aside = f"{path}.{uuid.uuid4().hex[:8]}"
            self._write(aside, text)
            try:
                files.move(aside, path)
            except OSError:
                files.delete_file(aside)
                if self.read() is None:  # else another attempt at the same came first
                    raise

    def _write(self, path: str, text: str) -> None:
        files, _ = self._reached
        with files.open_output_stream(path) as stream:
            stream.write(text.encode())

    @contextmanager
    def writing(self) -> Iterator[Path]:
        """Give a folder whose files lie in this place when the block ends."""
        if self.is_folder:
            self.path.mkdir(parents=True, exist_ok=True)
            yield self.path
            return
        with TemporaryDirectory(prefix="churn-out-", ignore_cleanup_errors=True) as folder:
            yield Path(folder)
            self._put(Path(folder))

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """Give a folder of this machine for what is to be taken to places beside this one; it is gone when the block ends."""
        if self.is_folder:
            self.path.mkdir(parents=True, exist_ok=True)
            try:
                yield self.path
            finally:
                self.remove()
            return
        with TemporaryDirectory(prefix="churn-out-", ignore_cleanup_errors=True) as folder:
            yield Path(folder)

    def take(self, folder: Path) -> None:
        """Let what lies in `folder`, of a `scratch`, lie in this place: moved where that is mounted, else copied."""
        if self.is_folder:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            folder.rename(self.path)
            return
        self._put(folder)

    def _put(self, folder: Path) -> None:
        from pyarrow.fs import LocalFileSystem, copy_files

        with self._translating():
            files, path = self._reached
            copy_files(str(folder), path, source_filesystem=LocalFileSystem(), destination_filesystem=files)

    def here(self, scratch: Path) -> Path:
        """Return the folder or file on this machine: itself where it is mounted, else a copy in `scratch`."""
        from pyarrow.fs import FileType, LocalFileSystem, copy_files

        if self.is_folder:
            return self.path
        copy = scratch / uuid.uuid4().hex[:12]
        with self._translating():
            files, path = self._reached
            if files.get_file_info(path).type == FileType.Directory:
                copy.mkdir()
            copy_files(path, str(copy), source_filesystem=files, destination_filesystem=LocalFileSystem())
        return copy

    def remove(self) -> None:
        """Remove the file, or the folder with all that lies below; nothing to do where there is none."""
        from pyarrow.fs import FileType

        if self.is_folder:
            if self.path.is_file():
                self.path.unlink(missing_ok=True)
            shutil.rmtree(self.path, ignore_errors=True)
            return
        with self._translating():
            files, path = self._reached
            kind = files.get_file_info(path).type
            try:
                if kind == FileType.File:
                    files.delete_file(path)
                elif kind == FileType.Directory:
                    files.delete_dir(path)
            except FileNotFoundError:
                return  # somebody else removed it

    @cached_property
    def _reached(self) -> tuple[FileSystem, str]:
        """Return what reads and writes here, and the path that it knows the place by."""
        from pyarrow import fs

        if self.is_folder:
            return fs.LocalFileSystem(), self.address
        if self.address.startswith("s3://"):
            return _s3(tuple(sorted(self.secrets.items()))), self.address.removeprefix("s3://")
        files, path = fs.FileSystem.from_uri(self.address)  # Hadoop's own library, and CLASSPATH, are the machine's
        return files, path

    @contextmanager
    def _translating(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise self._error(error) from error

    def _error(self, error: OSError) -> ChurnError:
        text = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        where = f"[engine] work ({self.address})"
        if self.is_folder:
            return ResourceError(
                f"cannot be read or written: {error.strerror or text}",
                where=where,
                remedy="Make it writable for this user and for the workers.",
            )
        if any(sign in text for sign in _REFUSED):
            remedy = "Check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and what they may read and write."
            return AuthFailed("the object store refuses our keys", where=where, remedy=remedy)
        remedy = (
            "Check the address, AWS_ENDPOINT_URL and AWS_REGION."
            if self.address.startswith("s3://")
            else "Check the address; HADOOP_HOME, JAVA_HOME and CLASSPATH (`hadoop classpath --glob`) are needed everywhere."
        )
        return Unreachable(f"cannot be read or written: {text}", where=where, remedy=remedy)

    def __reduce__(self) -> tuple[type[Place], tuple[str, Mapping[str, str]]]:
        return Place, (self.address, self.secrets)  # without the connection


def is_address(text: str) -> bool:
    """Whether a place is reached by a protocol rather than mounted."""
    return "://" in text


@cache
def _s3(pairs: tuple[tuple[str, str], ...]) -> FileSystem:
    """Connect to an S3-compatible store; without keys the platform is asked (instance role, shared credentials)."""
    from pyarrow.fs import AwsStandardS3RetryStrategy, S3FileSystem

    secrets = dict(pairs)
    endpoint = secrets.get("AWS_ENDPOINT_URL_S3") or secrets.get("AWS_ENDPOINT_URL")
    given = {
        "access_key": secrets.get("AWS_ACCESS_KEY_ID"),
        "secret_key": secrets.get("AWS_SECRET_ACCESS_KEY"),
        "session_token": secrets.get("AWS_SESSION_TOKEN"),
        "endpoint_override": endpoint,
        "region": secrets.get("AWS_REGION") or secrets.get("AWS_DEFAULT_REGION") or ("us-east-1" if endpoint else None),
    }
    return S3FileSystem(
        **{name: value for name, value in given.items() if value},
        connect_timeout=_TIMEOUT,
        request_timeout=6 * _TIMEOUT,
        retry_strategy=AwsStandardS3RetryStrategy(max_attempts=_ATTEMPTS),
    )
