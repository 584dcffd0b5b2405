"""Facts stay in Parquet files beside the database: one part for each file and load, and views that show them as tables."""
