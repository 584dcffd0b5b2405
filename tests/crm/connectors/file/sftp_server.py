"""A real SFTP server on a free port of the loopback, over a folder: paramiko's own server side."""

from __future__ import annotations

import os
import socket
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import paramiko


class SftpServer:
    """Accepts `user` with `password`, or with the key given, and serves `folder` as its root."""

    def __init__(self, folder: Path, *, password: str, key: paramiko.PKey | None = None) -> None:
        self.folder, self.password, self.key = folder, password, key
        self.host_key = paramiko.ECDSAKey.generate()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self._transports: list[paramiko.Transport] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def public_key(self) -> str:
        return f"{self.host_key.get_name()} {self.host_key.get_base64()}"

    def close(self) -> None:
        with suppress(OSError):  # closed already
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for transport in self._transports:
            transport.close()
        self._thread.join(5)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            transport = paramiko.Transport(connection)
            transport.add_server_key(self.host_key)
            transport.set_subsystem_handler("sftp", paramiko.SFTPServer, _files(self.folder))
            self._transports.append(transport)
            try:
                transport.start_server(server=_Door(self))
            except (paramiko.SSHException, EOFError):
                connection.close()


class _Door(paramiko.ServerInterface):
    def __init__(self, server: SftpServer) -> None:
        self._server = server

    def check_auth_password(self, username: str, password: str) -> int:
        is_right = (username, password) == ("user", self._server.password)
        return paramiko.AUTH_SUCCESSFUL if is_right else paramiko.AUTH_FAILED

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        is_right = username == "user" and self._server.key is not None and key == self._server.key
        return paramiko.AUTH_SUCCESSFUL if is_right else paramiko.AUTH_FAILED

    def get_allowed_auths(self, username: str) -> str:
        return "password,publickey"

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return paramiko.OPEN_SUCCEEDED


class _Handle(paramiko.SFTPHandle):
    def stat(self) -> Any:
        return paramiko.SFTPAttributes.from_stat(os.fstat(self.readfile.fileno()))


def _files(folder: Path) -> type[paramiko.SFTPServerInterface]:
    class Files(paramiko.SFTPServerInterface):
        def _real(self, path: str) -> Path:
            return folder / path.lstrip("/")

        def stat(self, path: str) -> Any:
            try:
                return paramiko.SFTPAttributes.from_stat(self._real(path).stat())
            except OSError as error:
                return paramiko.SFTPServer.convert_errno(error.errno or 0)

        lstat = stat

        def mkdir(self, path: str, attr: Any) -> int:
            self._real(path).mkdir()
            return int(paramiko.SFTP_OK)

        def posix_rename(self, oldpath: str, newpath: str) -> int:
            self._real(oldpath).replace(self._real(newpath))
            return int(paramiko.SFTP_OK)

        def open(self, path: str, flags: int, attr: Any) -> Any:
            try:
                descriptor = os.open(self._real(path), flags, 0o600)
            except OSError as error:
                return paramiko.SFTPServer.convert_errno(error.errno or 0)
            handle = _Handle(flags)
            mode = "r+b" if flags & os.O_RDWR else "wb" if flags & os.O_WRONLY else "rb"
            handle.readfile = handle.writefile = os.fdopen(descriptor, mode)
            return handle

    return Files
