from __future__ import annotations

from tests.postgres import postgres_server, postgres_url
from tests.spark import spark

__all__ = ["postgres_server", "postgres_url", "spark"]
