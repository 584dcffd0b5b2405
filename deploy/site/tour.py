"""Draws the tour of README from a finished demo: real commands in a terminal, real pages in a browser, as one moving picture.

make tour        # after `make demo`; writes docs/images/tour.gif
"""

from __future__ import annotations

import html
import io
import json
import os
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.request import urlopen

import PIL.Image
from PIL.Image import Image
from playwright.sync_api import FloatRect, Page, ViewportSize, sync_playwright

ROOT: Final = Path(__file__).parents[2]
CHROMIUM: Final = os.environ.get("CHROMIUM", "/usr/bin/chromium")
_VIEW: Final[ViewportSize] = {"width": 1280, "height": 740}
_CAPTION: Final = 60
_COLOURS: Final = 64


@dataclass(frozen=True)
class Scene:
    """One picture: a command of the terminal or an address of the pages, what is said below it, and for how long it stays."""

    words: str
    command: str = ""
    address: str = ""
    seconds: float = 7.0


SCENES: Final = (
    Scene("Who is about to leave, why, and what a contact is worth", command="risk-list --top 8"),
    Scene("One customer: the probability, and what makes it", command="explain {customer}"),
    Scene("What a campaign earns, with its uncertainty", command="simulate --budget 5000"),
    Scene("The same in the browser: what to decide today", address="/"),
    Scene("The list, by money at stake", address="/risk-list"),
    Scene("A customer's story, and the reasons in words", address="/customers/{customer}"),
    Scene("Drag a term, and see what it does to profit", address="/simulator"),
    Scene("A campaign: what it caused, beside those who were left alone by chance", address="/campaigns/fix_payment"),
    Scene("Each push to the CRM, row by row", address="/pushes"),
    Scene("Who leaves more than others", address="/insights"),
    Scene("Whether the model still holds", address="/model"),
    Scene("The month for the board", address="/reports"),
)


def main() -> int:
    """Draw every scene and write the picture; needs a home that `churn demo` has finished."""
    home = Path(os.environ.get("CHURN_HOME", ".churn")).resolve()
    if not (home / "store.sqlite").is_file():
        sys.stderr.write(f"{home} holds no demo: run `make demo` first.\n")
        return 2
    customer = json.loads(_churn(home, "risk-list", "--top", "1", "--json"))["customers"][0]["customer_id"]
    with _served(home) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        pages, board = (browser.new_page(viewport=_VIEW, device_scale_factor=0.75) for _ in range(2))
        pages.goto(_churn(home, "users", "link", "--address", address).split()[-1])
        frames = []
        for scene in SCENES:
            command = scene.command.format(customer=customer)
            if command:
                board.set_content(_terminal(command, _churn(home, *shlex.split(command))))
            else:
                pages.goto(address + scene.address.format(customer=customer))
                pages.wait_for_timeout(2_500)  # for charts to be drawn
            screen = _picture(board if command else pages)
            board.set_content(_caption(scene.words))
            frames.append(_joined(screen, _picture(board, height=_CAPTION)))
        browser.close()
    target = ROOT / "docs" / "images" / "tour.gif"
    _write(frames, target)
    sys.stdout.write(f"{target}: {len(frames)} scenes, {sum(scene.seconds for scene in SCENES):.0f} s\n")
    return 0


def _churn(home: Path, *arguments: str) -> str:
    """Run a command and return what it prints."""
    done = subprocess.run(
        [sys.executable, "-m", "churn", *arguments, "--home", str(home)],
        env={**os.environ, "COLUMNS": "100", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    return done.stdout


@contextmanager
def _served(home: Path) -> Iterator[str]:
    """Serve the pages on a free port for as long as the block lasts, and give their address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "churn", "serve", "--port", str(port), "--home", str(home)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            until = time.monotonic() + 60
            while not _answers(f"http://127.0.0.1:{port}/healthz"):
                if process.poll() is not None or time.monotonic() > until:
                    raise RuntimeError("the service did not start")
                time.sleep(0.2)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def _answers(address: str) -> bool:
    try:
        with urlopen(address, timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _picture(page: Page, *, height: int | None = None) -> Image:
    """Return what a page shows, from its top."""
    clip: FloatRect = {"x": 0, "y": 0, "width": _VIEW["width"], "height": height or _VIEW["height"]}
    return PIL.Image.open(io.BytesIO(page.screenshot(clip=clip))).convert("RGB")


def _joined(screen: Image, words: Image) -> Image:
    picture = PIL.Image.new("RGB", (screen.width, screen.height + words.height))
    picture.paste(screen)
    picture.paste(words, (0, screen.height))
    return picture


def _terminal(command: str, output: str) -> str:
    lines = [line.rstrip() for line in output.splitlines()][:32]
    return (
        "<body style='margin:0;background:#10161d;color:#d7dee6;font:15px/1.35 monospace'><pre style='margin:24px'>"
        f"<span style='color:#4fd1a5'>$</span> <b>churn {html.escape(command)}</b>\n\n{html.escape(chr(10).join(lines))}</pre>"
    )


def _caption(words: str) -> str:
    return (
        "<body style='margin:0;background:#0b62a8;color:#fff;font:500 24px/60px system-ui,sans-serif;text-align:center'>"
        f"{html.escape(words)}"
    )


def _write(frames: Sequence[Image], target: Path) -> None:
    drawn = [
        frame.quantize(_COLOURS, method=PIL.Image.Quantize.MEDIANCUT, dither=PIL.Image.Dither.NONE) for frame in frames
    ]
    lengths = [round(1_000 * scene.seconds) for scene in SCENES]
    drawn[0].save(target, save_all=True, append_images=drawn[1:], duration=lengths, loop=0, optimize=True)


if __name__ == "__main__":
    sys.exit(main())
