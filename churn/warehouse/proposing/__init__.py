"""Proposes `[sources.*]` sections from the files themselves, for a person to edit; a load reads nothing by guess."""
