"""P20, what a hand feels: one answer of the simulator for other terms, and a slider dragged in a browser until the page shows it."""

from __future__ import annotations

import time

import numpy as np

from benchmarks.chromium import Page, chromium, opened
from benchmarks.company import company, trained
from benchmarks.measuring import Result
from benchmarks.serving import service_process
from churn.decisions.live_simulation import LiveCustomers
from churn.decisions.profit import Economics
from churn.progress import Progress

BAR_MS, AIM_MS = 15.0, 10.0
QUESTIONS = 60
SEEN_BAR_MS = 100.0  # what feels immediate
SLIDERS = ("contact_cost", "incentive_cost", "success_percent", "months")
PER_SLIDER = 15


def run(customers: int, repeats: int, progress: Progress) -> list[Result]:
    """The arithmetic alone; then all of it, where there is a Chromium."""
    results = _asked(customers, repeats, progress)
    return results + _dragged(customers, repeats, progress) if chromium() else results


def _asked(customers: int, repeats: int, progress: Progress) -> list[Result]:
    """Ask as a hand does that drags a cost: each time other terms, the whole curve with its bands, optimum and tornado."""
    rng = np.random.default_rng(7)
    probability = rng.beta(0.7, 6.0, customers)
    margin = rng.choice([9.0, 19.0, 29.0, 49.0], customers) * rng.uniform(0.4, 1.0, customers)
    progress.step(f"simulator: preparing {customers:,} customers")
    began = time.perf_counter()
    prepared = LiveCustomers(probability, margin)
    preparing = time.perf_counter() - began
    progress.step(f"simulator: {QUESTIONS} questions, {repeats} times")
    taken = []
    for turn in range(repeats):
        for step in range(QUESTIONS):
            terms = Economics(profit_model="incentive", contact_cost=1.0 + 0.05 * step, incentive_cost=2.0 + turn)
            began = time.perf_counter()
            prepared.answer(terms)
            taken.append(1000 * (time.perf_counter() - began))
    p95 = float(np.quantile(taken, 0.95))
    return [
        Result(
            "P20",
            f"simulator: one answer for other terms, p95, {customers:,} customers",
            p95,
            "ms",
            "at most",
            BAR_MS,
            AIM_MS,
            f"{np.median(taken):.1f} ms median",
            "",
            repeats,
            note=f"Prepared once per list in {preparing:.2f} s.",
        )
    ]


def _dragged(customers: int, repeats: int, progress: Progress) -> list[Result]:
    """Move sliders by key and by mouse; the page itself notes each time from the event until the answer is painted."""
    from churn.accounts.sign_in import create_link
    from churn.bootstrap import build_context
    from churn.config import load_settings

    found = company(customers, 18, progress)
    trained(found, progress)
    settings = load_settings(config=found.home / "churn.toml", home=found.home, environ={})
    link = create_link(build_context(settings=settings), ["admin"])  # by the machine's clock, as the service goes
    with service_process(found.home, {}) as (port, _), opened() as page:
        here = f"http://127.0.0.1:{port}"
        page.open(f"{here}/sign-in/link?token={link}")
        page.open(f"{here}/simulator")
        page.until("document.documentElement.classList.contains('has-script')")
        page.until("document.querySelector('#profit-curve svg') !== null")
        _steps(page, "ArrowRight")  # charts come to life, caches fill
        keys, drags = [], []
        for turn in range(repeats):
            progress.step(f"simulator in Chromium: turn {turn + 1} of {repeats}")
            keys += _steps(page, "ArrowRight" if turn % 2 else "ArrowLeft")
            drags += _drags(page)
    rows = []
    for way, taken in (("step by key", keys), ("drag by mouse", drags)):
        p95 = float(np.quantile(taken, 0.95))
        told = f"simulator in Chromium, {way}: from the event until sentence and curve are painted, p95"
        rows.append(
            Result(
                "P20",
                f"{told}, {customers:,} customers",
                p95,
                "ms",
                "at most",
                SEEN_BAR_MS,
                None,
                f"{np.median(taken):.0f} ms median",
                "",
                repeats,
                details={"milliseconds": taken},
            )
        )
    return rows


def _steps(page: Page, key: str) -> list[float]:
    """Press an arrow on each slider; return the milliseconds that each step took until it was seen."""
    taken = []
    for name in SLIDERS:
        page.value(f"document.querySelector('[data-term={name}] .term-slider').focus()")
        for _ in range(PER_SLIDER):
            seen = _count(page)
            page.press(key, 39 if key == "ArrowRight" else 37)
            page.until(f"performance.getEntriesByName('simulator').length > {seen}")
            taken.append(_last(page))
    return taken


def _drags(page: Page) -> list[float]:
    """Drag each slider's thumb along its track, as fast as a hand does; return the milliseconds of each answer seen."""
    taken = []
    for name in SLIDERS:
        slider = f"document.querySelector('[data-term={name}] .term-slider')"
        page.value(f"{slider}.scrollIntoView({{block: 'center'}})")
        place = f"(({{x, y, width, height}}) => [x, y + height / 2, width])({slider}.getBoundingClientRect())"
        x, y, width = page.value(place)
        at = x + 8 + (width - 16) * page.value(f"{slider}.value / {slider}.max")
        before = _count(page)
        page.mouse("mousePressed", at, y)
        for step in range(PER_SLIDER):
            page.mouse("mouseMoved", at + (step + 1) * (1 if at < x + width / 2 else -1) * width / 40, y)
            time.sleep(0.016)
        page.mouse("mouseReleased", at, y)
        page.until(f"performance.getEntriesByName('simulator').length > {before}")
        time.sleep(0.5)
        taken += page.value(f"performance.getEntriesByName('simulator').slice({before}).map((one) => one.duration)")
    return taken


def _count(page: Page) -> int:
    return int(page.value("performance.getEntriesByName('simulator').length"))


def _last(page: Page) -> float:
    return float(page.value("performance.getEntriesByName('simulator').at(-1).duration"))
