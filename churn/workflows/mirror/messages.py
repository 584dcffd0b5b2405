"""What the process that speaks to MLflow is asked, and what it answers: JSON on its standard input and output."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from churn.documents.document import Document

Trouble = Literal["missing", "refused", "unreachable", "failed"]


class VersionToMirror(Document):
    """A version of the registry: `status` is champion, challenger or retired; `bundle` the folder of its files."""

    version: str
    kind: str
    created_at: datetime
    status: str
    reason: str
    fingerprint: str
    bundle: str


class MirrorRequest(Document):
    """The whole registry, oldest version first. With `only_reach` the server is asked whether it is there, no more."""

    tracking_uri: str
    experiment: str
    model: str
    versions: tuple[VersionToMirror, ...] = ()
    only_reach: bool = False


class MirrorAnswer(Document):
    """What was done: `mirrored` are versions whose run was written now, `complete` how many the server has in all.

    `skipped` says of each version that cannot be mirrored why. `alias_moved` is whether `champion` is another than before.
    """

    mirrored: tuple[str, ...] = ()
    complete: int = 0
    skipped: dict[str, str] = Field(default_factory=dict)
    alias_moved: bool = False
    trouble: Trouble | None = None
    message: str = ""
