"""Keeps the drawing library of the charts as one script for browsers, made from the installed package, not fetched."""

from __future__ import annotations

import gzip
import os
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from threading import Lock

from churn.errors import ResourceError
from churn.languages.words import tr

_MAKING = Lock()


def vega_version() -> str:
    """Return the version of the package that the script is made from; another version, another script."""
    return version("vl-convert-python")


@lru_cache(maxsize=4)
def vega_script(cache: Path) -> bytes:
    """Return Vega, Vega-Lite and Vega-Embed as one script, gzipped; made once and kept in `cache` (about 270 kB).

    Where `cache` cannot be written the script is made anew each time the process starts. Raises ResourceError when the
    kept file cannot be read.
    """
    path = cache / f"vega-{vega_version()}.js.gz"
    with _MAKING:  # making it takes seconds on all cores: do it once, however many pages wait
        try:
            return path.read_bytes()
        except FileNotFoundError:
            return _keep(path, _make())
        except OSError as error:
            raise ResourceError(
                tr("cannot be read: {error}", error=error.strerror),
                where=str(path),
                remedy="Delete the file; it is made anew.",
            ) from error


def _make() -> bytes:
    import vl_convert

    script = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed; window.vega = vega;")
    return gzip.compress(script.encode(), compresslevel=9, mtime=0)


def _keep(path: Path, script: bytes) -> bytes:
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(script)
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)
    return script
