"""Prints a page to PDF by a Chromium that is installed; nothing is fetched for it."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

from churn.errors import ConfigError, ResourceError

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_SECONDS = 60


def print_to_pdf(page: Path, out: Path) -> Path:
    """Print the HTML file `page` to `out` on A4.

    Raises ConfigError when no Chromium is installed, ResourceError when it fails to write the file.
    """
    chromium = next((path for name in NAMES if (path := shutil.which(name))), None)
    if chromium is None:
        raise ConfigError(
            "no Chromium is installed to print with",
            where="--pdf",
            remedy="Install one (Debian: apt-get install chromium), or print the HTML file from any browser.",
        )
    with tempfile.TemporaryDirectory() as profile:
        part = Path(profile) / "printed.pdf"
        done = subprocess.run(  # noqa: S603  # a program of a fixed list, with arguments of our own
            [
                chromium,
                "--headless",
                "--no-sandbox",  # the page is our own and holds no script
                "--disable-gpu",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                f"--user-data-dir={profile}",
                "--no-pdf-header-footer",
                f"--print-to-pdf={part}",
                page.resolve().as_uri(),
            ],
            capture_output=True,
            text=True,
            check=False,
            timeout=_SECONDS,
        )
        if done.returncode != 0 or not part.is_file():
            last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
            raise ResourceError(
                f"cannot be printed: {last}", where=str(out), remedy="Print the HTML file from a browser."
            )
        try:
            shutil.move(part, out)
        except OSError as error:
            raise ResourceError(f"cannot be written: {error.strerror}", where=str(out), remedy="Free space.") from error
    return out
