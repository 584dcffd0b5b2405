"""From files and databases to raw rows."""
