"""The page of an exploration: insights first, then how long customers stay, what goes together, and every column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from churn.reports.charts import columns, exploration
from churn.reports.charts.svg import token_css
from churn.reports.render import render
from churn.wording import percent

GROUPS = {
    "usage": "Use of the service",
    "usage_trend": "Change of use",
    "segments": "Kind of use",
    "payments": "Payments and their failures",
    "purchases": "Money paid",
    "support": "Support",
    "plan": "Plan and fee",
    "tenure": "Time as a customer",
    "profile": "Who they are",
    "contacts": "Contacts by us",
    "calendar": "Hours and weekdays of use",
    "attributes": "Columns of the source",
}


def render_exploration(document: Mapping[str, Any], *, home: Path) -> str:
    """Return the self-contained HTML page of a document of `churn explore`; the same document gives the same bytes."""
    return render(
        "exploration/exploration.html",
        home=home,
        d=document,
        tokens=token_css(),
        dots=_dots(document),
        survival=_survival(document),
        association=_association(document),
        scatter=_scatter(document),
        kinds=_kinds(document),
        groups=_groups(document),
        pictures=columns,
        titles=_titles(document),
    )


def _titles(document: Mapping[str, Any]) -> dict[str, str]:
    """Return what each column is called on the page: its documentation without the full stop, else its name."""
    found = {}
    for column in document["profile"]:
        told = str(column["description"]).strip().rstrip(".")
        is_own = told and not told.startswith("Column ") and len(told) <= 60
        found[column["name"]] = told if is_own else column["name"].removesuffix("_attribute").replace("_", " ")
    return found


def _groups(document: Mapping[str, Any]) -> list[tuple[str, list[Mapping[str, Any]]]]:
    """Return the columns by group, groups in the order of GROUPS, others after them by name."""
    by_group: dict[str, list[Mapping[str, Any]]] = {}
    for column in document["profile"]:
        by_group.setdefault(column["group"], []).append(column)
    order = [*GROUPS, *sorted(by_group.keys() - GROUPS.keys())]
    return [(GROUPS.get(group, group.replace("_", " ")), by_group[group]) for group in order if group in by_group]


def _dots(document: Mapping[str, Any]) -> Markup | None:
    if not document["insights"]:
        return None
    rows = [
        {
            "label": each["words"][:1].upper() + each["words"][1:],
            "rate": 100 * each["churn_rate"],
            "low": 100 * each["interval"][0],
            "high": 100 * each["interval"][1],
        }
        for each in document["insights"]
    ]
    told = "; ".join(f"{row['label']}: {row['rate']:.0f} % ({row['low']:.0f} to {row['high']:.0f})" for row in rows)
    average = 100 * document["churn_rate"]
    return exploration.finding_dots(
        rows, average=average, describe=f"Churn of each group with its interval, beside {average:.1f} % of all. {told}."
    )


def _survival(document: Mapping[str, Any]) -> Markup | None:
    found = document["survival"]
    if found is None or not any(group["points"] for group in found["groups"]):
        return None
    groups = found["groups"]
    told = "; ".join(f"{group['name']} {_last(group['points'])}" for group in groups if group["points"])
    unit = "Months since joining" if found["unit"] == "months" else found["unit"].replace("_", " ").capitalize()
    return exploration.survival_curves(groups, unit=unit, describe=f"Share still there by age. {told}.")


def _last(points: Sequence[Mapping[str, Any]]) -> str:
    end = points[-1]
    return f"{percent(end['share'], 0)} ({100 * end['low']:.0f} to {100 * end['high']:.0f}) at {end['age']:.0f}"


def _association(document: Mapping[str, Any]) -> Markup | None:
    found = document["association"]
    if len(found["columns"]) < 2:
        return None
    names = {c["name"]: c["name"].removesuffix("_attribute").replace("_", " ") for c in found["columns"]}
    pairs = [{"one": names[p["one"]], "other": names[p["other"]], "value": p["value"]} for p in found["pairs"]]
    known = sorted((p for p in pairs if p["value"] is not None), key=lambda p: -abs(p["value"]))
    told = "; ".join(f"{p['one']} with {p['other']} {p['value']:.2f}" for p in known[:6])
    return exploration.association_map(
        list(names.values()), [p for p in pairs if p["value"] is not None], describe=f"Strongest associations: {told}."
    )


def _scatter(document: Mapping[str, Any]) -> Markup | None:
    found = document["structure"]
    if found is None:
        return None
    first, second = found["components"][:2]
    titles = [
        f"{'Main' if part is first else 'Second'} component, {percent(part['share'], 0)} of all differences"
        for part in (first, second)
    ]
    return exploration.component_scatter(
        found["points"],
        x_title=titles[0],
        y_title=titles[1],
        describe=f"A sample of customers along the two main components, in {len(found['groups'])} kinds.",
    )


def _kinds(document: Mapping[str, Any]) -> Markup | None:
    found = document["structure"]
    if found is None or document["churn_rate"] is None:
        return None
    rows = [
        {"bar": bar, "group": group["number"], "share": group[key]}
        for bar, key in (("Customers", "share"), ("Those who left", "share_of_churned"))
        for group in found["groups"]
    ]
    told = "; ".join(f"{row['bar']}, kind {row['group']}: {percent(row['share'], 0)}" for row in rows)
    return exploration.share_bars(rows, describe=f"Share of each kind. {told}.")
