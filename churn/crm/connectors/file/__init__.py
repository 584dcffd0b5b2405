"""Writes lists as CSV or Parquet into a folder, or over SFTP."""

from churn.crm.connectors.file.connector import connect

__all__ = ["connect"]
