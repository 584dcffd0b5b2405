"""Tables of a lake, Delta and Iceberg: versions of a set of Parquet files, read through the library of each."""
