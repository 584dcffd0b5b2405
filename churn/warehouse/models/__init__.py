"""From SQL files to tables: building, incremental parts, reuse and checks."""
