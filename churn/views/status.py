"""How pages show a status: what asks for a person, what is to be watched, what is well, at work, or not there yet."""

from __future__ import annotations

from typing import Literal

StatusKind = Literal["act", "watch", "ok", "run", "off"]
