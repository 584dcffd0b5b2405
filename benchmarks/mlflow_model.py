"""Writes an MLflow model of the same trees: run by the Python that has MLflow, with a folder and one row to infer its signature."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import mlflow
import numpy as np
import xgboost


def main() -> None:
    """Read FOLDER/model.json and write FOLDER/mlflow."""
    folder, row = Path(sys.argv[1]), np.asarray([json.loads(sys.argv[2])], dtype=np.float32)
    booster = xgboost.Booster(model_file=folder / "model.json")
    signature = mlflow.models.infer_signature(row, np.zeros(1, dtype=np.float32))
    mlflow.xgboost.save_model(booster, folder / "mlflow", signature=signature)


if __name__ == "__main__":
    main()
