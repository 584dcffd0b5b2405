"""Drives Debian's Chromium over a pipe, in its own debugging protocol: no driver has to be installed beside it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_PATIENCE = 60.0  # seconds


class Page:
    """One open page, spoken to by the Chrome DevTools Protocol over a pipe: messages end with a zero byte."""

    def __init__(self, read: int, write: int) -> None:
        self._read, self._write, self._buffer, self._number = read, write, b"", 0
        self._session: str | None = None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send one command and return its result. Raises RuntimeError when Chromium refuses it or is gone."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                break  # events in between are not waited for
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']['message']}")
        found: dict[str, Any] = answer["result"]
        return found

    def open(self, url: str) -> None:
        """Go to `url` and wait until all of it is loaded."""
        self.call("Page.navigate", url=url)
        self.until(f"document.readyState === 'complete' && location.href !== 'about:blank' && {json.dumps(url)} !== ''")

    def value(self, script: str) -> Any:
        """Return what a script comes to, as JSON knows it. Raises RuntimeError for a script that fails."""
        told = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in told:
            raise RuntimeError(f"{script}: {told['exceptionDetails']}")
        return told["result"].get("value")

    def until(self, script: str) -> None:
        """Wait until a script comes to true. Raises TimeoutError."""
        deadline = time.monotonic() + _PATIENCE
        while not self.value(script):
            if time.monotonic() > deadline:
                raise TimeoutError(f"never came: {script}")
            time.sleep(0.01)

    def press(self, key: str, code: int) -> None:
        """Press and let go of a key that writes nothing, where the focus is."""
        for kind in ("rawKeyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code)

    def mouse(self, kind: str, x: float, y: float) -> None:
        """Do one thing with the left button: `mousePressed`, `mouseMoved` (held down), `mouseReleased`."""
        self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", buttons=1, clickCount=1)

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            part = os.read(self._read, 1 << 20)
            if not part:
                raise RuntimeError("Chromium has ended")
            self._buffer += part
        one, _, self._buffer = self._buffer.partition(b"\0")
        found: dict[str, Any] = json.loads(one)
        return found


def chromium() -> str | None:
    """Return where Chromium lies, None where there is none."""
    return os.environ.get("CHROMIUM") or shutil.which("chromium")


@contextmanager
def opened(width: int = 1280, height: int = 900) -> Iterator[Page]:
    """Start Chromium with a profile of its own, give a page, and end it."""
    program = chromium()
    if program is None:
        raise RuntimeError("no Chromium: install the package `chromium`, or name it in CHROMIUM")
    theirs_in, ours_out = os.pipe()
    ours_in, theirs_out = os.pipe()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        # Chromium reads commands from descriptor 3 and answers on 4; a shell puts the pipes there.
        arguments = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
                     "--disable-background-networking", f"--user-data-dir={profile}", f"--window-size={width},{height}",
                     "--remote-debugging-pipe", "about:blank"]  # fmt: skip
        running = subprocess.Popen(
            ["/bin/sh", "-c", f'exec "$0" "$@" 3<&{theirs_in} 4>&{theirs_out}', program, *arguments],
            pass_fds=(theirs_in, theirs_out),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(theirs_in)
        os.close(theirs_out)
        try:
            yield Page(ours_in, ours_out)
        finally:
            running.terminate()
            running.wait(30)
            os.close(ours_in)
            os.close(ours_out)
