"""The service: what the product knows and decides, over HTTP; FastAPI lives here only."""

from churn.api.app import create_app

__all__ = ["create_app"]
