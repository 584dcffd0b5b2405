"""Takes a customer's id out of texts: whole ids only, and short ones only where they cannot be a mere number."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import quote

ERASED = "[erased]"
_SHORTEST = 5  # characters from which an id is not taken for a count or a price
_BEFORE, _AFTER = r"(?<![0-9A-Za-z_])", r"(?![0-9A-Za-z_])"


class Redaction:
    """Replaces one id. An id of few characters goes only where a text is nothing else, or names it as a customer's."""

    def __init__(self, customer_id: str) -> None:
        ways = {customer_id, quote(customer_id, safe=""), quote(customer_id), json.dumps(customer_id)[1:-1]}
        listed = "|".join(sorted((re.escape(way) for way in ways), key=len, reverse=True))
        self.ways = tuple(sorted(ways))
        self._customer_id = customer_id
        is_telling = len(customer_id) >= _SHORTEST and not customer_id.isspace()
        named = rf"(?:(?<=/customers/)|(?<=customer )|(?<=customer_id=)|(?<=[\"'`]))(?:{listed})(?=[\"'`/?&. ,]|$)"
        self._pattern = re.compile(rf"{_BEFORE}(?:{listed}){_AFTER}" if is_telling else named)

    def text(self, text: str) -> str:
        """Return a text without the id."""
        return ERASED if text == self._customer_id else self._pattern.sub(ERASED, text)

    def document(self, document: Any) -> Any:
        """Return a JSON document without the id, in texts and names; numbers stay as they are."""
        if isinstance(document, str):
            return self.text(document)
        if isinstance(document, dict):
            return {self.text(str(name)): self.document(value) for name, value in document.items()}
        if isinstance(document, list):
            return [self.document(value) for value in document]
        return document

    def is_in(self, text: str) -> bool:
        """Say whether a text names the id."""
        return self.text(text) != text
