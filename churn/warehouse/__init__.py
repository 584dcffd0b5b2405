"""DuckDB lives here: the warehouse, what is loaded into it, the SQL models built in it, and the rules it must pass."""

from churn.warehouse.connection import Warehouse
from churn.warehouse.models.sql_models import FeatureDoc, SqlModel, load_models
from churn.warehouse.opening import open_warehouse

__all__ = ["FeatureDoc", "SqlModel", "Warehouse", "load_models", "open_warehouse"]
