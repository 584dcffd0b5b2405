"""Lists and downloads files of an S3-compatible store; each is fetched to disk once, loaded from there, and deleted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from churn.errors import AuthFailed, ChurnError, ConfigError, ContractBroken, ResourceError, Unreachable
from churn.warehouse.reading.delivery import SourceFile


class ObjectStore:
    """An S3-compatible store, reached with keys and endpoint from `secrets` (AWS_ACCESS_KEY_ID, ..., AWS_ENDPOINT_URL).

    Without keys the usual places of the platform are asked (instance role, shared credentials).
    """

    def __init__(self, secrets: Mapping[str, str], *, where: str) -> None:
        """Connect lazily; raises ConfigError without the extra `s3`."""
        try:
            import s3fs
        except ImportError as error:
            remedy = "pip install 'churn[s3]'"
            raise ConfigError("object storage needs an extra package", where=where, remedy=remedy) from error
        region = secrets.get("AWS_REGION") or secrets.get("AWS_DEFAULT_REGION")
        endpoint = secrets.get("AWS_ENDPOINT_URL_S3") or secrets.get("AWS_ENDPOINT_URL")
        self._where = where
        self._files: Any = s3fs.S3FileSystem(
            key=secrets.get("AWS_ACCESS_KEY_ID"),
            secret=secrets.get("AWS_SECRET_ACCESS_KEY"),
            token=secrets.get("AWS_SESSION_TOKEN"),
            endpoint_url=endpoint,
            client_kwargs={"region_name": region} if region else {},
            config_kwargs={"connect_timeout": 10, "retries": {"max_attempts": 3, "mode": "standard"}},
            skip_instance_cache=True,  # keys of one run must not serve the next
        )

    def found(self, pattern: str) -> list[SourceFile]:
        """Return the files at an s3:// address or glob, in order of name. Raises AuthFailed, Unreachable."""
        bare = pattern.removeprefix("s3://")
        with self._translating(pattern):
            if any(sign in bare for sign in "*?["):
                listing = self._files.glob(bare, detail=True)
            else:
                listing = {bare: self._files.info(bare)} if self._files.exists(bare) else {}
        files = []
        for key, info in sorted(listing.items()):
            if info.get("type") == "file":
                tag = str(info.get("ETag", "")).strip('"') or str(info.get("LastModified", ""))
                files.append(SourceFile(f"s3://{key}", Path(key), int(info["size"]), tag, content_hash=tag))
        return files

    def fetch(self, file: SourceFile, folder: Path) -> SourceFile:
        """Download `file` into `folder` and return it with its place there. Raises as `found`, and ResourceError."""
        target = folder / file.name.removeprefix("s3://")
        with self._translating(file.name):
            target.parent.mkdir(parents=True, exist_ok=True)
            self._files.get_file(file.name, str(target))
        return replace(file, path=target)

    @contextmanager
    def _translating(self, place: str) -> Iterator[None]:
        from botocore.exceptions import (  # type: ignore[import-untyped]  # it ships none
            BotoCoreError,
            ClientError,
            NoCredentialsError,
        )

        try:
            yield
        except FileNotFoundError as error:
            raise ContractBroken("no such file", where=place, remedy=f"Check [{self._where}] path.") from error
        except (PermissionError, NoCredentialsError) as error:
            raise self._refused(place) from error
        except (ClientError, BotoCoreError) as error:
            raise self._remote(error, place) from error
        except OSError as error:
            if error.errno is not None and error.strerror and error.filename:
                raise ResourceError(f"cannot be stored: {error.strerror}", where=str(error.filename)) from error
            raise self._remote(error, place) from error

    def _refused(self, place: str) -> ChurnError:
        remedy = "Check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and what they may read."
        return AuthFailed("the object store refuses our keys", where=place, remedy=remedy)

    def _remote(self, error: Exception, place: str) -> ChurnError:
        text = str(error)
        if any(sign in text for sign in ("InvalidAccessKeyId", "SignatureDoesNotMatch", "AccessDenied", "Forbidden")):
            return self._refused(place)
        return Unreachable(f"the object store failed: {text}", where=place, remedy="Check AWS_ENDPOINT_URL.")
