"""Reads the experiments that were analysed: all of them, and one by its name."""

from __future__ import annotations

import difflib
import json
from pathlib import Path

from churn.context import Context
from churn.documents.experiment import ExperimentDocument, ExperimentSummary
from churn.errors import ContractBroken, NotFound
from churn.languages.words import tr

DOCUMENT = "experiment.json"


def experiments_folder(context: Context) -> Path:
    """Return where experiments are kept: NAME/VERSION/experiment.json."""
    return context.settings.models_path / "experiments"


def experiments(context: Context) -> list[ExperimentSummary]:
    """Return the newest analysis of every experiment, the newest first."""
    root = experiments_folder(context)
    names = [folder.name for folder in root.iterdir() if folder.is_dir()] if root.is_dir() else []
    documents = [experiment(context, name) for name in names if _newest(root / name) is not None]
    return [
        ExperimentSummary(
            name=document.name,
            version=document.version,
            analysed_at=document.analysed_at,
            file=document.file,
            verdict=document.verdict,
            advice=document.advice,
            headline=document.words.headline,
        )
        for document in sorted(documents, key=lambda document: (document.analysed_at, document.name), reverse=True)
    ]


def experiment(context: Context, name: str) -> ExperimentDocument:
    """Return the newest analysis of an experiment. Raises NotFound naming the nearest, ContractBroken for a damaged one."""
    root = experiments_folder(context)
    known = sorted(folder.name for folder in root.iterdir() if folder.is_dir()) if root.is_dir() else []
    path = _newest(root / name) if name in known else None
    if path is None:
        near = difflib.get_close_matches(name, known, n=1)
        remedy = tr("Did you mean `{near}`?", near=near[0]) if near else tr("Analyse one with `churn experiment FILE`.")
        raise NotFound(tr("there is no such experiment"), where=name[:100], remedy=remedy)
    where = f"experiment {name}"
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ContractBroken(tr("cannot be read"), where=where, remedy=tr("Analyse the file again.")) from error
    return ExperimentDocument.read(values, where=where)


def _newest(folder: Path) -> Path | None:
    paths = sorted(folder.glob(f"[0-9]*/{DOCUMENT}"))
    return paths[-1] if paths else None
