"""The page of an exploration: insights first, then what the data hold."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from churn.reports.charts import token_css
from churn.reports.render import render


def render_exploration(document: Mapping[str, Any], *, home: Path) -> str:
    """Return the self-contained HTML page of a document of `churn explore`; the same document gives the same bytes."""
    return render("exploration/exploration.html", home=home, d=document, tokens=token_css())
