"""Writes lists as CSV or Parquet into a folder, or over SFTP."""
