"""How serious what a monitor found is: nothing (ok), to be watched, to be acted on, or not known."""

from __future__ import annotations

from typing import Literal

Severity = Literal["ok", "watch", "act", "unknown"]
