"""The tests mirror churn/ folder by folder."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
