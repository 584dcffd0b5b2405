"""Churn and retention, the whole loop: events, features, calibrated risk, reasons, and what acting on it is worth.

From Python: `home = churn.open(".churn")`, see churn.home. The types of what is found here by name stand in __init__.pyi.
"""

from importlib import import_module

__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    # Loaded where it is asked for: the command line starts without the workflows that a home needs.
    if name in {"Home", "open"}:
        return getattr(import_module("churn.home"), name)
    raise AttributeError(f"module `churn` has no attribute `{name}`")
