"""The pictures of docs/pages.md: each is there, small, and of the page it names."""

from __future__ import annotations

import re
import struct

import PIL.Image

from tests import ROOT

DOCS = ROOT / "docs"
WIDTHS = {"desktop": 1280, "phone": 390}


def test_every_picture_of_the_pages_is_there_and_small():
    named = re.findall(r"\]\((images/[\w-]+\.png)\)", (DOCS / "pages.md").read_text(encoding="utf-8"))
    assert len(named) > 30
    for name in named:
        content = (DOCS / name).read_bytes()
        width, _height = struct.unpack(">II", content[16:24])
        assert len(content) < 150_000, name
        assert width == next(w for kind, w in WIDTHS.items() if kind in name), name


def test_the_tour_of_the_readme_moves_and_is_small() -> None:
    assert "](docs/images/tour.gif)" in (ROOT / "README.md").read_text(encoding="utf-8")
    scenes = (ROOT / "deploy" / "site" / "tour.py").read_text(encoding="utf-8").count("    Scene(")
    with PIL.Image.open(DOCS / "images" / "tour.gif") as picture:
        assert getattr(picture, "n_frames", 1) == scenes > 10
    assert (DOCS / "images" / "tour.gif").stat().st_size < 1_000_000
