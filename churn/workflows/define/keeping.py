"""Keeps the file of a campaign or programme, every text of it as a version; nothing is overwritten that somebody else changed."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from churn.campaigns.history import KeptFolder, file_versions, mark_of, note_version
from churn.campaigns.programmes import programme_files
from churn.campaigns.reading import Complaint, campaign_files
from churn.context import Context
from churn.errors import CampaignError, ConfigError, StoreBusy
from churn.files import write_text

_NAME: Final = re.compile(r"[a-z][a-z0-9_]*\Z", re.ASCII)
_WAIT_SECONDS: Final = 5.0
_FILES: Final[Mapping[KeptFolder, Callable[[Path], Mapping[str, Path]]]] = {
    "campaigns": campaign_files,
    "programmes": programme_files,
}


@dataclass(frozen=True)
class Saving:
    """Who saves a file and why; `based_on` is the mark of the text that they changed, None where they saw none."""

    who: str | None
    why: str | None = None
    based_on: str | None = None


class EditedMeanwhile(CampaignError):
    """The file is another than the one that was changed; `text` is what it holds now, None where it is gone."""

    http_status = 409

    def __init__(self, name: str, text: str | None, *, kind: str = "campaign") -> None:
        """Say so of the `kind` called `name`."""
        super().__init__(
            "it was changed by somebody else meanwhile; nothing was overwritten",
            where=f"{kind} {name}",
            remedy="Look at what changed, and save again.",
        )
        self.text = text


def keep_file(context: Context, folder: KeptFolder, name: str, text: str, saving: Saving) -> str | None:
    """Keep `text`, which was examined, as `folder`/`name`.toml of the home and as a version; return what stood there before.

    Raises ConfigError for a name that cannot be one, EditedMeanwhile where the file is not what `saving` is based on, StoreBusy
    while another process keeps one, ResourceError where the home cannot be written.
    """
    from filelock import FileLock, Timeout

    kind = folder.removesuffix("s")
    if not _NAME.match(name):
        raise ConfigError(
            f"`{name}` cannot be a {kind}'s name",
            where="name",
            remedy="Use small letters, digits and underscores, such as winback_call.",
        )
    text = text.replace("\r\n", "\n")  # browsers end lines so; a file of ours is read again with one mark
    home, now = context.settings.home, context.clock()
    place = home / folder
    place.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(place / ".lock", timeout=_WAIT_SECONDS):
            file = _FILES[folder](home).get(name)
            before = None if file is None else text_of(file)
            if saving.based_on is not None and saving.based_on != mark_of(before):
                raise EditedMeanwhile(name, before, kind=kind)
            versions = file_versions(home, folder, name)
            if before is not None and (not versions or versions[-1].text != before):
                note_version(home, folder, name, before, at=now, who=None)  # somebody changed the file itself
            if before != text:
                write_text(place / f"{name}.toml", text)
                note_version(home, folder, name, text, at=now, who=saving.who, why=saving.why)
    except Timeout as error:
        raise StoreBusy(
            f"another process keeps a {kind} at this moment", where=f"{kind} {name}", remedy="Try again."
        ) from error
    context.log.note(f"define_{kind}", **{kind: name})
    return before


def text_of(file: Path) -> str:
    """Return the text of a file. Raises ConfigError where it cannot be read."""
    try:
        return file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot be read: {error}", where=str(file), remedy="Save it as UTF-8.") from error


def refusal(complaints: Sequence[Complaint]) -> ConfigError:
    """Return everything wrong with a text as one error: the first complaint, and what comes after."""
    first = complaints[0]
    what = "; besides: ".join(complaint.what for complaint in complaints[:4])
    return ConfigError(what, where=str(first.file), remedy=first.remedy)
