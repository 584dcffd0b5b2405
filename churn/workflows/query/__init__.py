"""Answers SQL over the published tables."""

from churn.workflows.query.query import QueryAnswer, query_tables

__all__ = ["QueryAnswer", "query_tables"]
