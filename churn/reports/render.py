"""Fills the templates of `reports/`, shipped ones and those a user lays over them, into self-contained HTML."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import jinja2
from markupsafe import Markup

from churn.errors import ConfigError
from churn.languages.recorded import recorded
from churn.languages.words import language, tr, tr_html, trc, trn
from churn.resources import layered
from churn.wording import count, day, decimal, instant, money, percent, short_money, significant


def render(template: str, *, home: Path, **values: Any) -> str:
    """Return `template` (a path below `reports/`, such as `simulation/simulation.html`) filled with `values`.

    Everything is escaped but Markup, a missing value is an error, the same values give the same bytes.
    Raises ConfigError naming file and line of a template that cannot be filled.
    """
    try:
        text = environment(home).get_template(template).render(**values)
    except jinja2.TemplateSyntaxError as error:
        raise ConfigError(
            f"the template has a mistake: {error.message}", where=f"reports/{error.name}.j2, line {error.lineno}"
        ) from error
    except jinja2.TemplateNotFound as error:
        raise ConfigError("no such template", where=f"reports/{error.name}.j2") from error
    except jinja2.UndefinedError as error:
        raise ConfigError(
            f"the template asks for what there is not: {error.message}", where=f"reports/{template}.j2"
        ) from error
    return "\n".join(line.rstrip() for line in text.splitlines() if line.strip()) + "\n"


class _Compiled(jinja2.BytecodeCache):
    """Compiled templates of every environment by their text: to compile those of a report takes longer than to fill them."""

    def __init__(self) -> None:
        self._by_text: dict[tuple[str, str], bytes] = {}

    def load_bytecode(self, bucket: jinja2.bccache.Bucket) -> None:
        if (held := self._by_text.get((bucket.key, bucket.checksum))) is not None:
            bucket.bytecode_from_string(held)

    def dump_bytecode(self, bucket: jinja2.bccache.Bucket) -> None:
        self._by_text[bucket.key, bucket.checksum] = bucket.bytecode_to_string()


_COMPILED: Final = _Compiled()


def environment(home: Path) -> jinja2.Environment:
    """Return the Jinja environment over the shipped templates and those in `home/reports`."""
    paths = layered("reports", home, ".j2")

    def load(name: str) -> tuple[str, str, None] | None:
        path = paths.get(name)
        return None if path is None else (path.read_text(encoding="utf-8"), str(path), None)

    made = jinja2.Environment(
        loader=jinja2.FunctionLoader(load),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=False,
        bytecode_cache=_COMPILED,
    )
    made.globals.update(tr=tr, trn=trn, trc=trc, tr_html=tr_html, language_spoken=language)
    made.filters.update(
        day_in=lambda day, language: language.day(day),
        month_in=lambda day, language: language.month(day),
        money=money,
        short_money=short_money,
        percent=_percent,
        count=_count,
        day=day,
        instant=instant,
        nbsp=_nbsp,
        recorded=recorded,
        decimal=decimal,
        significant=significant,
    )
    return made


def _percent(share: float | None, digits: int | None = None) -> str:
    return "-" if share is None else percent(share, digits).replace(" ", "\u00a0")


def _count(number: float | None) -> str:
    return "-" if number is None else count(number)


def _nbsp(text: str) -> Markup:
    """Keep `1 %` and the like on one line."""
    return Markup(str(Markup.escape(text)).replace(" %", "&nbsp;%"))  # noqa: S704  # escaped in the same expression
