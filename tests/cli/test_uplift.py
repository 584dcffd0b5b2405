from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.company import call


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("never_planned",), "nobody was assigned to it yet"),
        (("never_planned", "--out", "x.pdf"), "cannot write `.pdf`"),
        (("never_planned", "--language", "xx"), "no words for the language `xx`"),
    ],
)
def test_wrong_usage_ends_with_2_and_says_why(tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    done = call("uplift", *arguments, "--json", "--home", str(tmp_path / "home"), cwd=tmp_path)
    assert done.returncode == 2, done.stdout
    assert message in json.loads(done.stdout)["error"]["message"]
