"""Draws the Mermaid flowcharts of docs/ as SVG, from top to bottom, so that the site shows them without fetching a script.

Reads the part of the language that docs/ uses: chains of `a --> b` with labels of nodes and edges, and subgraphs, each drawn as
one node that lists what is in it.
"""

from __future__ import annotations

import html
import re
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

BLOCK: Final = re.compile(r"(?ms)^```mermaid\n(?P<text>.*?)^```$")
_NODE: Final = re.compile(
    r"(?P<id>\w+)(?:(?P<open>\[\(|\[/|\[|\{|\()\"?(?P<label>[^\"\])}/]*(?:/[^\"\])}/]+)*)\"?(?P<close>\)\]|/\]|\]|\}|\)))?"
)
_ARROW: Final = re.compile(r"\s*-->\s*(?:\|\"?(?P<label>[^|\"]*)\"?\|)?\s*")
_SUBGRAPH: Final = re.compile(r"subgraph (?P<id>\w+)(?:\[\"?(?P<label>[^\"\]]*)\"?\])?")
_LETTER, _LINE, _PAD, _GAP, _BETWEEN = 7.0, 17.0, 14.0, 26.0, 46.0  # sizes in pixels
_WIDEST: Final = 30  # letters of a line of a label
_SWEEPS: Final = 6


@dataclass
class Flowchart:
    """The nodes with the lines of their labels, and the edges with their labels."""

    labels: dict[str, list[str]] = field(default_factory=dict)
    edges: list[tuple[str, str, str]] = field(default_factory=list)


@dataclass
class _Place:
    x: float
    y: float
    width: float
    height: float


def as_svg(text: str) -> str:
    """Return a flowchart as one line of SVG. Raises ValueError for a line that cannot be read."""
    chart = read_flowchart(text)
    layers, chains = _layers(chart)
    places = _placed(chart, layers)
    width = max(place.x + place.width / 2 for place in places.values()) + 2
    height = max(place.y + place.height for place in places.values()) + 2
    drawn = [
        *(_edge([places[name] for name in chain], label, is_back=is_back) for chain, label, is_back in chains),
        *(_box(places[name], lines) for name, lines in chart.labels.items()),
    ]
    told = "; ".join(f"{_told(chart, begin)} leads to {_told(chart, end)}" for begin, end, _ in chart.edges)
    return (
        f'<svg class="flowchart" role="img" viewBox="-2 -2 {width + 2:.0f} {height + 2:.0f}" width="{width + 2:.0f}" '
        f'style="max-width:100%;height:auto" font-size="13" font-family="inherit"><title>{html.escape(told)}</title>'
        f"{''.join(drawn)}</svg>"
    )


def read_flowchart(text: str) -> Flowchart:
    """Return what a flowchart says. Raises ValueError for a line that cannot be read."""
    chart, group = Flowchart(), ""
    for line in (part.strip() for part in text.splitlines()):
        if not line or line.startswith(("flowchart", "direction")):
            continue
        if line == "end":
            group = ""
        elif found := _SUBGRAPH.fullmatch(line):
            group = found["id"]
            chart.labels[group] = textwrap.wrap(found["label"] or group, _WIDEST)
        elif group:
            chart.labels[group] += textwrap.wrap(", ".join(re.findall(r"\w+", line)), _WIDEST)
        else:
            _read_chain(line, chart)
    return chart


def _read_chain(line: str, chart: Flowchart) -> None:
    at, before, label = 0, "", ""
    while at < len(line):
        node = _NODE.match(line, at)
        if node is None:
            raise ValueError(f"`{line}` is no part of a flowchart that can be drawn")
        name = node["id"]
        if node["label"] is not None or name not in chart.labels:
            words = re.split(r"<br\s*/?>", node["label"] or name)
            chart.labels[name] = [piece for word in words for piece in textwrap.wrap(word.strip(), _WIDEST)]
        if before:
            chart.edges.append((before, name, label))
        before, at = name, node.end()
        if at < len(line):
            arrow = _ARROW.match(line, at)
            if arrow is None:
                raise ValueError(f"`{line}` is no part of a flowchart that can be drawn")
            label, at = (arrow["label"] or "").strip(), arrow.end()


Chain = tuple[list[str], str, bool]  # nodes from top to bottom, the label, and whether the arrow points up


def _layers(chart: Flowchart) -> tuple[list[list[str]], list[Chain]]:
    """Return the rows of nodes, and each edge as a chain that has a place in every row that it passes."""
    back = _back_edges(chart)
    down = [((end, begin) if (begin, end) in back else (begin, end), label) for begin, end, label in chart.edges]
    depth = dict.fromkeys(chart.labels, 0)
    for _ in chart.labels:
        for (begin, end), _label in down:
            depth[end] = max(depth[end], depth[begin] + 1)
    layers: list[list[str]] = [[] for _ in range(max(depth.values()) + 1)]
    for name, row in depth.items():
        layers[row].append(name)
    chains: list[Chain] = []
    for (begin, end), label in down:
        passing = [f"{begin}>{end}>{row}" for row in range(depth[begin] + 1, depth[end])]
        for row, name in enumerate(passing, depth[begin] + 1):
            layers[row].append(name)
        chains.append(([begin, *passing, end], label, (end, begin) in back))
    _order(layers, [pair for chain, _, _ in chains for pair in pairwise(chain)])
    return layers, chains


def _back_edges(chart: Flowchart) -> set[tuple[str, str]]:
    """Return the edges that lead back to where one came from."""
    back: set[tuple[str, str]] = set()
    done: set[str] = set()

    def walk(name: str, path: tuple[str, ...]) -> None:
        for begin, end, _ in chart.edges:
            if begin != name:
                continue
            if end in path:
                back.add((begin, end))
            elif end not in done:
                walk(end, (*path, end))
        done.add(name)

    for name in chart.labels:
        if name not in done:
            walk(name, (name,))
    return back


def _order(layers: list[list[str]], links: Sequence[tuple[str, str]]) -> None:
    """Put the nodes of each row below and above those they are linked with, so that few lines cross."""
    for sweep in range(_SWEEPS):
        rows = layers[1:] if sweep % 2 == 0 else layers[-2::-1]
        at = {name: place - len(row) / 2 for row in layers for place, name in enumerate(row)}
        for row in rows:
            wanted = {
                name: _middle([at[o] for o in _others(name, links, above=sweep % 2 == 0)], at[name]) for name in row
            }
            row.sort(key=lambda name: wanted[name])
            at |= {name: place - len(row) / 2 for place, name in enumerate(row)}


def _others(name: str, links: Iterable[tuple[str, str]], *, above: bool) -> list[str]:
    return [begin for begin, end in links if end == name] if above else [end for begin, end in links if begin == name]


def _middle(values: Sequence[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise


def _placed(chart: Flowchart, layers: Sequence[Sequence[str]]) -> dict[str, _Place]:
    """Return where each node lies: rows one below the other, each in the middle."""
    sizes = {
        name: (max(map(len, lines)) * _LETTER + 2 * _PAD, len(lines) * _LINE + _PAD)
        for name, lines in chart.labels.items()
    }
    widths = [sum(sizes.get(name, (_GAP, 0))[0] for name in row) + _GAP * (len(row) - 1) for row in layers]
    places: dict[str, _Place] = {}
    y = 0.0
    for row, width in zip(layers, widths, strict=True):
        x = (max(widths) - width) / 2
        height = max(sizes.get(name, (0, 0))[1] for name in row)
        for name in row:
            wide, high = sizes.get(name, (_GAP, height))
            places[name] = _Place(x + wide / 2, y + (height - high) / 2, wide, high)
            x += wide + _GAP
        y += height + _BETWEEN
    return places


def _edge(chain: Sequence[_Place], label: str, *, is_back: bool) -> str:
    """Return a line from the foot of a node through the rows to the head of another, with a tip where it points to."""
    first, last = chain[0], chain[-1]
    start = (first.x, first.y + first.height)
    path, (x, y) = f"M{start[0]:.1f} {start[1]:.1f}", start
    for place in chain[1:]:
        half = (y + place.y) / 2
        path += f"C{x:.1f} {half:.1f} {place.x:.1f} {half:.1f} {place.x:.1f} {place.y:.1f}"
        x, y = place.x, place.y
        if place is not last:
            y = place.y + place.height
            path += f"L{x:.1f} {y:.1f}"
    tip = (start[0], start[1], 1) if is_back else (x, y, -1)
    arrow = f"M{tip[0] - 4:.1f} {tip[1] + 7 * tip[2]:.1f}L{tip[0]:.1f} {tip[1]:.1f}L{tip[0] + 4:.1f} {tip[1] + 7 * tip[2]:.1f}"
    line = f'<path d="{path}{arrow}" fill="none" stroke="currentColor" stroke-opacity=".55" stroke-width="1.3"/>'
    if not label:
        return line
    across, beside = chain[1].x, chain[1].y - _BETWEEN / 3  # near its end: two of one node do not lie on each other
    return line + (
        f'<text x="{across:.1f}" y="{beside + 4:.1f}" text-anchor="middle" font-size="11" fill="currentColor" '
        f'stroke="var(--md-default-bg-color,#fff)" stroke-width="5" paint-order="stroke">{html.escape(label)}</text>'
    )


def _box(place: _Place, lines: Sequence[str]) -> str:
    left, middle = place.x - place.width / 2, place.y + place.height / 2 - len(lines) * _LINE / 2 + 13
    texts = "".join(
        f'<text x="{place.x:.1f}" y="{middle + number * _LINE:.1f}" text-anchor="middle" fill="currentColor">{html.escape(line)}</text>'
        for number, line in enumerate(lines)
    )
    return (
        f'<rect x="{left:.1f}" y="{place.y:.1f}" width="{place.width:.1f}" height="{place.height:.1f}" rx="7" '
        f'fill="currentColor" fill-opacity=".05" stroke="currentColor" stroke-opacity=".4"/>{texts}'
    )


def _told(chart: Flowchart, name: str) -> str:
    return " ".join(chart.labels[name])
