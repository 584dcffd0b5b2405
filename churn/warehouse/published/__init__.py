"""The tables published for SQL and BI: written from the warehouse, queried without it, copied to PostgreSQL."""
