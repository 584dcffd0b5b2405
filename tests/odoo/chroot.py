"""Odoo 14 from Debian 11's packages in a folder of its own: built once, kept in the user's cache, never written to."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from tests.private_postgres import postgres_binaries

SUITE = "bullseye"
PACKAGE = "odoo-14"
# What the package asks for, but for mail servers, fonts and the web client's scripts.
LIBRARIES = (
    "babel chardet dateutil decorator docutils feedparser freezegun gevent html2text idna jinja2 libsass lxml mako mock "
    "num2words ofxparse passlib pil polib psutil psycopg2 pydot pyparsing pypdf2 qrcode reportlab requests serial stdnum "
    "suds tz usb vobject werkzeug xlrd xlsxwriter xlwt zeep"
)
LEFT_OUT = ("doc", "man", "locale")
_FETCH = f'chroot "$1" sh -c "cd /tmp && apt-get -q download {PACKAGE} && dpkg-deb -x {PACKAGE}_*.deb / && rm {PACKAGE}_*.deb"'


class RigBroken(Exception):
    """The real Odoo cannot be built or started on this machine; never a reason to skip."""


def built_root() -> Path:
    """Return the folder with Odoo in it, building it where it is not there yet (a minute or two, about 1 GB).

    Raises RigBroken saying what is missing: it needs root, `mmdebstrap`, and a Debian mirror in the apt sources.
    """
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "churn"
    home.mkdir(parents=True, exist_ok=True)
    root = home / f"{PACKAGE}-{_recipe()}"
    with _locked(home / f"{PACKAGE}.lock"):
        if not root.is_dir():
            _build(root)
    return root


def install_missing() -> None:
    """Install the Debian packages that the rig needs and this machine lacks. Raises RigBroken when it cannot."""
    missing = [package for package, program in PROGRAMS.items() if not program()]
    if not missing:
        return
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise RigBroken(f"missing on this machine: apt-get install {' '.join(missing)}")
    # Nothing is started: the tests run servers of their own.
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    for command in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", *missing]):
        done = subprocess.run(["apt-get", *command], env=environment, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RigBroken(f"apt-get {command[0]} ended with {done.returncode}: {done.stderr[-2000:]}")


def nginx_program() -> str | None:
    """Return where nginx is; Debian puts it where only root looks."""
    return shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


PROGRAMS: dict[str, Callable[[], object]] = {
    "mmdebstrap": lambda: shutil.which("mmdebstrap"),
    "nginx-light": nginx_program,
    "postgresql": postgres_binaries,
}


def _recipe() -> str:
    """Return a name for what is built, so that another recipe does not meet an old folder."""
    return hashlib.sha256(f"{SUITE} {LIBRARIES} {LEFT_OUT} {_FETCH}".encode()).hexdigest()[:12]


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _build(root: Path) -> None:
    if os.geteuid() != 0:
        raise RigBroken("building Odoo's folder needs root: run `make test-crm` as root, in a container for instance")
    partial = root.with_suffix(".partial")
    remove(partial)
    include = ",".join([*(f"python3-{name}" for name in LIBRARIES.split()), "libjs-underscore"])
    leave_out = [f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in LEFT_OUT]
    sys.stderr.write(f"building {PACKAGE} in {root} (a minute or two)\n")
    done = subprocess.run(
        [
            *("mmdebstrap", "--quiet", "--variant=apt", f"--include={include}", *leave_out),
            *(f"--customize-hook={_FETCH}", SUITE, str(partial), mirror()),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        remove(partial)
        raise RigBroken(f"mmdebstrap ended with {done.returncode}: {done.stderr[-2000:]}")
    partial.rename(root)


def mirror() -> str:
    """Return the Debian mirror of this machine's own apt sources; none is written down here."""
    try:
        told = subprocess.run(
            ["apt-get", "indextargets", "--format", "$(SITE)|$(ORIGIN)|$(CODENAME)|$(COMPONENT)"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise RigBroken(f"apt-get does not tell its sources: {error}") from error
    rows = [line.split("|") for line in told.splitlines()]
    sites = [
        site
        for site, origin, codename, component in rows
        if origin == "Debian" and component == "main" and "security" not in f"{codename}{urlsplit(site).path}"
    ]
    if not sites:
        raise RigBroken("no Debian mirror among this machine's apt sources: run `apt-get update` first")
    return sites[0]


def remove(folder: Path) -> None:
    """Delete `folder`, after whatever is mounted below it: deleting through a mounted /proc would be a disaster."""
    mounts = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
    below = sorted((m for m in mounts if Path(m).is_relative_to(folder)), key=len, reverse=True)
    for mount in below:
        subprocess.run(["umount", mount], check=True)
    shutil.rmtree(folder, ignore_errors=True)
