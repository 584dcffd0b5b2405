"""Where files are put: a folder of this machine, or one on an SFTP server; a file is whole or not there at all."""

from __future__ import annotations

import base64
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import unquote, urlsplit

from churn.errors import AuthFailed, ConfigError, ResourceError, Unreachable

if TYPE_CHECKING:
    from pydantic import SecretStr

    from churn.config.connectors import FileConnector

_SFTP_PORT = 22


class Folder(Protocol):
    """Reads and writes whole files by name."""

    def check(self) -> None:
        """See whether files can be put there."""

    def read(self, name: str) -> bytes | None:
        """Return a file's content; None when there is no such file."""

    def write(self, name: str, content: bytes) -> None:
        """Put a file there, in place of one of its name, in one step."""

    def close(self) -> None:
        """Give back connections."""


def open_folder(settings: FileConnector, secret: SecretStr, where: str) -> Folder:
    """Return the folder that `settings` names, not yet touched. Raises ConfigError for an address that is none."""
    if settings.path.startswith("sftp://"):
        return SftpFolder(settings, secret, where)
    if "://" in settings.path:
        raise ConfigError("is neither a folder nor an sftp:// address", where=f"{where}, path")
    return LocalFolder(Path(settings.path))


class LocalFolder:
    """A folder of this machine, made when it is first needed."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __repr__(self) -> str:
        return f"LocalFolder({str(self._path)!r})"

    def check(self) -> None:
        """See whether the folder, or what it would be made in, is one and can be written. Raises ResourceError."""
        with self._told():
            there = next(path for path in (self._path, *self._path.absolute().parents) if path.exists())
            if not there.is_dir() or not os.access(there, os.W_OK):
                raise ResourceError(
                    "is no folder that can be written", where=str(there), remedy="Look at its permissions."
                )

    def read(self, name: str) -> bytes | None:
        """Return a file's content."""
        with self._told():
            path = self._path / name
            return path.read_bytes() if path.exists() else None

    def write(self, name: str, content: bytes) -> None:
        """Write beside the file, then rename: readers see the old one or the new one."""
        with self._told():
            path = self._path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            part = path.with_name(f".{path.name}.part")
            with part.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)

    def close(self) -> None:
        """Nothing is open."""

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise ResourceError(
                f"cannot be read or written: {error.strerror or error}",
                where=str(self._path),
                remedy="Look at the folder's permissions and the disk's space.",
            ) from error


class SftpFolder:
    """A folder on an SFTP server whose host key is known: from the section, or from this user's known_hosts."""

    def __init__(self, settings: FileConnector, secret: SecretStr, where: str) -> None:
        parts = urlsplit(settings.path)
        if parts.password is not None:
            raise ConfigError("holds a password: it belongs into the environment", where=f"{where}, path")
        if not parts.hostname or not parts.username:
            raise ConfigError("lacks a user or a host", where=f"{where}, path", remedy="Write sftp://user@host/folder.")
        self._host, self._port, self._user = parts.hostname, parts.port or _SFTP_PORT, unquote(parts.username)
        self._path = unquote(parts.path).rstrip("/") or "."
        self._settings, self._secret, self._where = settings, secret, where
        self._client: Any = None
        self._sftp: Any = None

    def __repr__(self) -> str:
        return f"SftpFolder({self._host!r}, {self._path!r})"

    def check(self) -> None:
        """Sign in. Raises AuthFailed, Unreachable, ConfigError for a server that is not known."""
        with self._told(is_write=False):
            self._open()

    def read(self, name: str) -> bytes | None:
        """Return a file's content."""
        with self._told(is_write=False):
            try:
                with self._open().open(f"{self._path}/{name}", "rb") as file:
                    file.prefetch()
                    content: bytes = file.read()
                    return content
            except FileNotFoundError:
                return None

    def write(self, name: str, content: bytes) -> None:
        """Upload beside the file, then rename in one step."""
        with self._told(is_write=True):
            sftp, path = self._open(), f"{self._path}/{name}"
            folder, _, last = path.rpartition("/")
            self._make(folder)
            part = f"{folder}/.{last}.part"
            with sftp.open(part, "wb") as file:
                file.set_pipelined(True)
                file.write(content)
            sftp.posix_rename(part, path)

    def close(self) -> None:
        """Close the connection, if one was opened."""
        if self._client is not None:
            self._client.close()
        self._client = self._sftp = None

    def _make(self, folder: str) -> None:
        sftp, made = self._open(), ""
        for part in folder.split("/"):
            made = f"{made}/{part}" if made or folder.startswith("/") else part
            made = made.replace("//", "/")
            if not made or made == "/":
                continue
            try:
                if not stat.S_ISDIR(sftp.stat(made).st_mode or 0):
                    raise ConfigError(f"{made} is a file, not a folder", where=self._where)
            except FileNotFoundError:
                sftp.mkdir(made)

    def _open(self) -> Any:
        if self._sftp is not None:
            return self._sftp
        paramiko = _paramiko()
        client = paramiko.SSHClient()
        client.load_system_host_keys()
        if self._settings.host_key:
            key = _host_key(paramiko, self._settings.host_key, self._where)
            name = self._host if self._port == _SFTP_PORT else f"[{self._host}]:{self._port}"
            client.get_host_keys().add(name, key.get_name(), key)
        client.set_missing_host_key_policy(paramiko.RejectPolicy())  # an unknown server gets no password
        key_file = self._settings.key_file
        client.connect(
            self._host,
            self._port,
            username=self._user,
            password=None if key_file else self._secret.get_secret_value(),
            passphrase=(self._secret.get_secret_value() or None) if key_file else None,
            key_filename=key_file,
            timeout=self._settings.timeout_seconds,
            banner_timeout=self._settings.timeout_seconds,
            auth_timeout=self._settings.timeout_seconds,
            allow_agent=False,
            look_for_keys=False,
        )
        self._client, self._sftp = client, client.open_sftp()
        self._sftp.get_channel().settimeout(self._settings.timeout_seconds)
        return self._sftp

    @contextmanager
    def _told(self, *, is_write: bool) -> Iterator[None]:
        paramiko = _paramiko()
        try:
            yield
        except (paramiko.AuthenticationException, paramiko.BadHostKeyException, PermissionError) as error:
            self.close()
            raise AuthFailed(
                "refuses our credentials, or is not the server it was",
                where=self._where,
                remedy="Look at the user, the secret in the environment, host_key and key_file.",
            ) from error
        except (paramiko.SSHException, OSError, EOFError) as error:
            is_begun = self._sftp is not None
            self.close()
            if "not found in known_hosts" in str(error):
                raise ConfigError(
                    "its host key is not known",
                    where=self._where,
                    remedy=f"Put what `ssh-keyscan -p {self._port} {self._host}` prints, once verified, into host_key.",
                ) from error
            raise Unreachable(
                f"does not answer ({type(error).__name__})",
                where=self._where,
                remedy="Look whether the server runs and may be reached from here.",
                is_unknown=is_write and is_begun,
            ) from error


def _paramiko() -> Any:
    try:
        import paramiko
    except ImportError as error:
        raise ConfigError(
            "SFTP needs a library that is not installed", where="path", remedy="Run: pip install 'churn[sftp]'"
        ) from error
    return paramiko


def _host_key(paramiko: Any, text: str, where: str) -> Any:
    words = [word for word in text.split() if not word.startswith("#")]
    pair = next((words[n : n + 2] for n, word in enumerate(words) if word.startswith(("ssh-", "ecdsa-"))), [])
    try:
        return paramiko.PKey.from_type_string(pair[0], base64.b64decode(pair[1], validate=True))
    except (IndexError, ValueError, paramiko.SSHException) as error:
        raise ConfigError(
            "`host_key` is no public key", where=where, remedy="Write its type and base64, as ssh-keyscan prints them."
        ) from error
