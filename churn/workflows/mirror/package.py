"""Writes a model as MLflow packages it: a `python_function` that our own package loads, with the bundle as its data.

The bundle goes without the rows of customers (test rows and their scores): what is mirrored names nobody, so that an
erasure need not reach the server.
"""

from __future__ import annotations

import json
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from churn.modeling.serving.pyfunc import LOADER, REASONS, TOP, TOP_DEFAULT
from churn.modeling.serving.registry import copy_serving
from churn.workflows.mirror.contents import RunContents

# Other releases of these may give other bits, or not read the bundle.
_PINNED: Final = ("churn", "numpy", "scipy", "scikit-learn", "xgboost", "polars", "pyarrow", "numba", "skops")
_PYFUNC: Final = ("mlflow-skinny", "pandas")  # what MLflow itself needs to load and to ask a python_function


def write_package(folder: Path, contents: RunContents, *, run_id: str) -> None:
    """Write MLmodel, the environment's files and the bundle into `folder`."""
    from mlflow.models import Model

    folder.mkdir(parents=True)
    copy_serving(contents.bundle, folder / "bundle")
    needed = [*(_pin(name) for name in _PINNED), *(_pin(name) for name in _PYFUNC)]
    python = platform.python_version()
    (folder / "requirements.txt").write_text("".join(f"{line}\n" for line in needed), encoding="utf-8")
    (folder / "python_env.yaml").write_text(
        f"python: {python}\nbuild_dependencies:\n- pip\ndependencies:\n- -r requirements.txt\n", encoding="utf-8"
    )
    model = Model(artifact_path="model", run_id=run_id, signature=None)
    model.add_flavor(
        "python_function",
        loader_module=LOADER,
        data="bundle",
        env={"virtualenv": "python_env.yaml"},
        python_version=python,
    )
    written = model.to_dict()
    written["signature"] = _signature(contents)
    written["metadata"] = {"churn_version": contents.version.version, "fingerprint": contents.fingerprint}
    # JSON is YAML: MLflow reads it, and our own package needs no writer of YAML.
    (folder / "MLmodel").write_text(json.dumps(written, indent=1, default=str), encoding="utf-8")


def _signature(contents: RunContents) -> dict[str, str]:
    """Return the signature as MLmodel has it: each part is JSON within a string.

    Inputs are of any type: a feature is a number, a flag or a word, whole numbers with gaps are floats in pandas, and the
    encoder takes each as it comes. None is required there: the model names those that are absent.
    """
    inputs = [{"type": "any", "name": name, "required": False} for name in contents.model.feature_names]
    outputs = [
        {"type": "double", "name": "churn_probability", "required": True},
        {"type": "double", "name": "raw_score", "required": True},
        {"type": "any", "name": "reasons", "required": False},
    ]
    params = [
        {"name": REASONS, "type": "boolean", "default": False, "shape": None},
        {"name": TOP, "type": "long", "default": TOP_DEFAULT, "shape": None},
    ]
    return {"inputs": json.dumps(inputs), "outputs": json.dumps(outputs), "params": json.dumps(params)}


def _pin(name: str) -> str:
    try:
        return f"{name}=={version(name)}"
    except PackageNotFoundError:
        return name
