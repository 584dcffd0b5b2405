"""What all pages share: one Jinja environment, the frame around the content, and the headers that keep foreign code out."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import jinja2
from fastapi import Request
from fastapi.responses import HTMLResponse
from markupsafe import Markup

from churn import wording
from churn.api.pages import static
from churn.api.pages.charts import chart_html
from churn.api.pages.one_format import in_one_format
from churn.api.pages.plain_words import on_page, unticked, without_links_in_attributes
from churn.api.pages.script_words import script_words
from churn.api.pages.terms import COUNTED_IN_MONTHS, TERM_TITLES, TERMS, worth_in_words
from churn.errors import ChurnError
from churn.languages.recorded import recorded
from churn.languages.words import N_, language, shown, tr, tr_html, trc, trn, within
from churn.views.overview import stale_words
from churn.views.scored_customer import no_money
from churn.wording import day, instant, significant

if TYPE_CHECKING:
    from churn.accounts.sign_in import SignedIn
    from churn.api.state import State
    from churn.store import ScoreRun
    from churn.store.service_records import Scope


FOLDER = Path(__file__).resolve().parent.parent / "templates"
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": CSP,
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Vary": "Cookie, HX-Request, Accept-Language",
}
NOTHING, MINUS = "\u2013", "\u2212"  # a dash for what is not known, and the true minus sign
PLACES: Final[
    tuple[tuple[str, str, str, str, Scope], ...]
] = (  # name, address, words, icon, right; in the order of use: look, act, check
    ("overview", "/", N_("Overview"), "home", "read"),
    ("figures", "/figures", N_("Figures"), "bars", "read"),
    ("risk-list", "/risk-list", N_("Risk list"), "list", "read"),
    ("simulator", "/simulator", N_("ROI simulator"), "sliders", "read"),
    ("campaigns", "/campaigns", N_("Campaigns"), "send", "read"),
    ("pushes", "/pushes", N_("CRM"), "swap", "read"),
    ("programmes", "/programmes", N_("Programmes"), "fork", "read"),
    ("experiments", "/experiments", N_("Experiments"), "flask", "read"),
    ("insights", "/insights", N_("Insights"), "bulb", "read"),
    ("model", "/model", N_("Model"), "target", "read"),
    ("reports", "/reports", N_("Reports"), "file", "read"),
    ("alerts", "/alerts", N_("Alerts"), "warn", "read"),
    ("jobs", "/jobs", N_("Jobs and data"), "clock", "read"),
    ("users", "/users", N_("People and keys"), "user", "admin"),
    ("audit", "/audit", N_("Audit log"), "eye", "admin"),
)


def page(request: Request, template: str, *, title: str, active: str, status: int = 200, **values: Any) -> HTMLResponse:
    """Return `template` (a path below `templates/`) within the frame.

    `active` names the place in the navigation. The template also sees `user`, `csrf`, `state`-free facts of the frame
    (`frame.is_demo`, `frame.run`, ...), `now`, `currency` and everything in `values`.
    """
    context = _shared(request) | {"title": title, "active": active} | values
    return _rendered(template, status, context)


def fragment(request: Request, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    """Return `template` without the frame: what htmx puts into a page that is open."""
    return _rendered(template, status, _shared(request) | values)


def _rendered(template: str, status: int, context: dict[str, Any]) -> HTMLResponse:  # free: names for a template
    html = environment().get_template(template).render(**context)
    return HTMLResponse(in_one_format(without_links_in_attributes(html)), status_code=status, headers=HEADERS)


def _shared(request: Request) -> dict[str, Any]:  # free: names for a template, next to those of the page
    state: State = request.app.churn
    user: SignedIn | None = getattr(request.state, "user", None)
    return {
        "request": request,
        "user": user,
        "csrf": user.form_token if user else "",
        "now": state.context.clock(),
        "currency": state.context.settings.business.currency,
        "worth": worth_in_words(state.context.settings.business),
        "places": [
            place for place in PLACES if place[1] in request.app.state.page_paths and user and user.may(place[4])
        ],
        "frame": surroundings(state),
    }


@dataclass(frozen=True)
class Surroundings:
    """What the frame says on every page: whose data these are, how far they reach, whether they are stale."""

    run: ScoreRun | None
    is_demo: bool
    data_until: datetime | None
    is_stale: bool
    stale_reason: str | None
    is_old: bool


def surroundings(state: State) -> Surroundings:
    """Return what the frame of every page says.

    A simulated company's clock stands still where its data end, so it never grows stale by waiting.
    """
    try:
        run = state.store.published.current_run()
    except ChurnError:  # the page reports this error itself; the frame must not fail as well
        run = None
    is_demo = state.context.is_simulated
    age = None if run is None or is_demo else state.context.clock() - run.data_cutoff
    return Surroundings(
        run=run,
        is_demo=is_demo,
        data_until=run.data_cutoff if run else None,
        is_stale=bool(run and run.is_stale),
        stale_reason=stale_words(run.stale_reason) if run else None,
        is_old=age is not None and age > timedelta(hours=36),
    )


@cache
def environment() -> jinja2.Environment:
    """Return the Jinja environment of the pages: everything is escaped but Markup, a missing value is an error."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        finalize=_shown,
    )
    numbers = itertools.count(1)
    made.globals.update(
        static=static.address,
        no_money=no_money,
        terms=TERMS,
        term_titles=TERM_TITLES,
        counted_in_months=COUNTED_IN_MONTHS,
        unique=lambda prefix: f"{prefix}-{next(numbers)}",
        max=max,
        min=min,
        chart_html=chart_html,
        tr=_said(tr),
        trc=_said(trc),
        trn=_said(trn),
        tr_html=tr_html,
        spoken=language,
        script_words=script_words,
    )
    made.filters.update(
        unticked=unticked,
        money=_money,
        short_money=_short_money,
        percent=_percent,
        points=_points,
        decimal=_decimal,
        significant=significant,
        recorded=recorded,
        tr=tr,
        within=within,
        count=_count,
        day=day,
        short_day=_short_day,
        instant=instant,
        ago=_ago,
        month=_month,
        weekday=wording.day_of_month,
        duration=_duration,
        size=_size,
    )
    return made


class _Spoken(str):
    """A sentence in the language of the page: what is put into it is not looked up once more, as a recorded one is."""

    __slots__ = ()


def _said(function: Callable[..., str]) -> Callable[..., str]:
    """Return a function of `churn.languages.words` whose values are said in the language of the page before they are filled in."""

    def said(*texts: Any, **values: object) -> str:
        in_language = {
            name: recorded(text) if type(text) is str and " " in text else text for name, text in values.items()
        }
        sentence = function(*texts, **in_language)
        if not values and sentence == texts[-1]:  # words that a table holds may be recorded ones
            sentence = recorded(sentence)
        return sentence if isinstance(sentence, Markup) else _Spoken(sentence)

    return said


@jinja2.pass_context
def _shown(_context: jinja2.runtime.Context, value: object) -> object:
    """Return what is put into a page: sentences in its language.

    A single word may be an id, a key or somebody's name: a template says by itself which are ours (`|recorded`). It takes the
    context, so that it runs when the page is drawn, not when the template is read.
    """
    return on_page(recorded(value) if type(value) is str and " " in value else shown(value))


@jinja2.pass_context
def _money(context: jinja2.runtime.Context, amount: float | None, *, cents: bool | None = None) -> str:
    return NOTHING if amount is None else wording.money(amount, context["currency"], cents=cents).replace("-", MINUS, 1)


@jinja2.pass_context
def _short_money(context: jinja2.runtime.Context, amount: float | None) -> str:
    return NOTHING if amount is None else wording.short_money(amount, context["currency"]).replace("-", MINUS, 1)


def _percent(share: float | None, digits: int | None = None) -> str:
    return NOTHING if share is None else wording.percent(share, digits).replace(" ", "\u202f").replace("-", MINUS, 1)


def _points(change: float | None, digits: int = 1) -> str:
    """Write a difference of shares in percentage points, with its sign."""
    if change is None:
        return NOTHING
    rounded = round(100 * change, digits)
    sign = "+" if rounded > 0 else MINUS if rounded < 0 else "±"
    return f"{sign}{wording.decimal(abs(rounded), digits)}"


def _decimal(number: float, digits: int) -> str:
    return wording.decimal(number, digits).replace("-", MINUS, 1)


def _count(number: float | None) -> str:
    return NOTHING if number is None else wording.count(number)


def _short_day(moment: date | str | None) -> str:
    if moment is None:
        return NOTHING
    return wording.short_day(moment)


def _month(moment: date | str | None) -> str:
    """Write a month as `June 2026`. Takes ISO text (`2026-06` or a day) too."""
    if moment is None:
        return NOTHING
    return wording.month(f"{moment[:7]}-01" if isinstance(moment, str) else moment)


@jinja2.pass_context
def _ago(context: jinja2.runtime.Context, moment: datetime | str | None) -> str:
    """Write how long ago an instant was: `3 min ago`; beyond ten days, or in a simulated past, `on 9 Aug 2026`."""
    if moment is None:
        return tr("never")
    when = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    seconds = (context["now"] - when).total_seconds()
    if seconds < 45:
        return tr("just now") if seconds > -45 else tr("in {duration}", duration=_duration(-seconds))
    if seconds < 10 * 86400:
        return tr("{duration} ago", duration=_duration(seconds))
    return tr("on {day}", day=_short_day(when.date()))


def _duration(seconds: float | None) -> str:
    """Write a time span in its two largest fitting words: `2.4 s`, `12 min`, `3 h`, `9 days`."""
    if seconds is None:
        return NOTHING
    if seconds < 10:
        return f"{wording.decimal(seconds, 1)} s"
    for size, limit, word in ((1, 90, "s"), (60, 90, "min"), (3600, 36, "h")):
        if seconds / size < limit:
            return f"{round(seconds / size)} {word}"
    if seconds < 60 * 86400:
        return tr("{number} days", number=round(seconds / 86400))
    return tr("{number} months", number=round(seconds / (30.44 * 86400)))


def _size(size: float) -> str:
    """Write a file's size: `12 kB`."""
    for unit in ("bytes", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if size >= 10 or unit == "bytes" else f"{wording.decimal(size, 1)} {unit}"
        size /= 1000
    return f"{wording.decimal(size, 1)} GB"
