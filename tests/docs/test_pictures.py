"""The pictures of docs/pages.md: each is there, small, and of the page it names."""

from __future__ import annotations

import re
import struct

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
