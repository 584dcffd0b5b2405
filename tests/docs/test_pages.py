"""The documentation holds together: short where it must be, every page found from the index, every link ends somewhere."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from tests import ROOT
from tests.languages.sources import marked

DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])
README_LINES = 220


def without_code(text: str) -> str:
    return re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.DOTALL)


def links(page: Path) -> list[tuple[str, str]]:
    """Return the relative links of a page as (path, anchor); pictures too."""
    text = without_code(page.read_text(encoding="utf-8"))
    targets = [*re.findall(r"\]\(([^)\s]+)\)", text), *re.findall(r'<img src="([^"]+)"', text)]
    return [(t.partition("#")[0], t.partition("#")[2]) for t in targets if "://" not in t]


def anchors(page: Path) -> set[str]:
    """Return what its headings can be linked by: lowercase, spaces as hyphens, other signs left out."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= README_LINES


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_relative_link_of_a_page_ends_somewhere(page):
    for path, anchor in links(page):
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{name(page)}: {path}"
        assert target.is_relative_to(ROOT), f"{name(page)}: {path} leaves the project"
        if anchor:
            assert anchor in anchors(target), f"{name(page)}: {path}#{anchor}"


@pytest.mark.parametrize("index", [DOCS / "index.md", DOCS / "decisions" / "index.md"], ids=name)
def test_an_index_links_every_page_beside_it(index):
    linked = {(index.parent / path).resolve() for path, _ in links(index) if path}
    beside = {page for page in index.parent.glob("*.md") if page != index}
    assert beside
    assert {name(page) for page in beside - linked} == set()


def test_the_readme_leads_to_both_indexes():
    linked = {path for path, _ in links(ROOT / "README.md")}
    assert {"docs/index.md", "docs/decisions/index.md"} <= linked


@pytest.mark.parametrize("page", sorted((DOCS / "decisions").glob("0*.md")), ids=name)
def test_a_decision_has_its_number_and_all_its_parts(page):
    text = page.read_text(encoding="utf-8")
    assert text.startswith(f"# {int(page.name[:4])}. ")
    parts = re.findall(r"^## (.+)$", text, flags=re.MULTILINE)
    assert parts == ["Context", "Decision", "Why", "Consequences", "What would change our mind"]


def test_decisions_are_numbered_without_a_gap():
    numbers = [int(page.name[:4]) for page in sorted((DOCS / "decisions").glob("0*.md"))]
    assert numbers == list(range(1, len(numbers) + 1))


def layers() -> list[list[str]]:
    """Return the layers of the import contract, outermost first."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    told = next(contract["layers"] for contract in contracts if contract["type"] == "layers")
    return [re.findall(r"\w+", layer) for layer in told]


def test_the_picture_of_the_layers_is_the_contract():
    page = (DOCS / "architecture.md").read_text(encoding="utf-8")
    picture = page.partition("```mermaid\n")[2].partition("```")[0]
    depth = {package: n for n, layer in enumerate(layers()) for package in layer}
    drawn = depth | {"stages": depth["modeling"], "ground": depth["files"]}
    assert [package for package in depth if not re.search(rf"\b{package}\b", picture)] == []
    arrows = re.findall(r"^ +(\w+)(?:\[.*?\])? --> (\w+)", picture, flags=re.MULTILINE)
    assert len(arrows) >= len(layers()) - 1
    assert [f"{above} --> {below}" for above, below in arrows if not drawn[above] < drawn[below]] == []


def test_the_page_on_architecture_names_every_package_and_only_paths_that_exist():
    page = (DOCS / "architecture.md").read_text(encoding="utf-8")
    layout = page.partition("## Where a line of code lives")[2].partition("```\n")[2].partition("```")[0]
    packages = {path.stem for path in (ROOT / "churn").iterdir() if (path / "__init__.py").exists()}
    modules = {path.name for path in (ROOT / "churn").glob("*.py") if not path.name.startswith("__")}
    assert [name for name in packages if f"  {name}/" not in layout] == []
    assert [name for name in modules if name not in layout] == []
    paths = re.findall(r"`((?:churn|sql|reports|tests|benchmarks|docs)/[\w/.]*)`", page)
    told = [path for path in paths if not re.search(r"NAME|KIND|NN", path)]
    assert len(told) > 20
    assert [path for path in told if not (ROOT / path).exists()] == []


def test_the_changelog_has_the_version_of_the_package():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    headings = re.findall(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert headings[0] == "Unreleased"
    assert version in headings


def test_the_hooks_before_a_commit_call_tools_that_lint_calls_too():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    entries = re.findall(r"^ +entry: \.venv/bin/(\S+)", (ROOT / ".pre-commit-config.yaml").read_text(), re.MULTILINE)
    assert len(entries) >= 4
    for tool in entries:
        assert f"$(BIN)/{tool}" in makefile


def told_settings() -> dict[str, dict[str, str]]:
    """Return the tables of the page on settings: section -> key -> default."""
    sections = re.split(r"^## \[(.+)\]\n", (DOCS / "configuration.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    rows = {head: re.findall(r"^\| `(\w+)` \| (.+?) \| .+ \|$", text, re.MULTILINE) for head, text in pairs(sections)}
    return {head: dict(found) for head, found in rows.items()}


def pairs(parts: list[str]) -> list[tuple[str, str]]:
    return list(zip(parts[1::2], parts[2::2], strict=True))


def default_of(field: FieldInfo) -> str:
    value: Any = field.get_default(call_default_factory=True)
    if value is PydanticUndefined:
        return "required"
    if isinstance(value, BaseModel):
        return "see below"
    return "not set" if value is None else f"`{json.dumps(value, ensure_ascii=False)}`"


def real_settings() -> dict[str, dict[str, str]]:
    from churn.config import Settings, SourceSettings, WebhookSettings
    from churn.config.connectors import ConnectorSection, RestOutcomes, connector_kinds
    from churn.config.web import WebSettings

    risk_list = ConnectorSection.model_fields["risk_list"].annotation
    found: dict[str, Any] = {
        key: field.annotation.model_fields
        for key, field in Settings.model_fields.items()
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
    }
    found |= {
        "sources.NAME": SourceSettings.model_fields,
        "sources.NAME.web": WebSettings.model_fields,
        "webhooks.NAME": WebhookSettings.model_fields,
        "connectors.NAME": ConnectorSection.model_fields,
        "connectors.NAME.risk_list": risk_list.model_fields,
        "connectors.NAME.outcomes": RestOutcomes.model_fields,
    }
    common = {key: default_of(field) for key, field in ConnectorSection.model_fields.items()}
    for kind, section in connector_kinds().items():
        found[f'connectors.NAME, kind = "{kind}"'] = {
            key: field
            for key, field in section.model_fields.items()
            if key != "kind" and common.get(key) != default_of(field)
        }
    return {section: {key: default_of(field) for key, field in fields.items()} for section, fields in found.items()}


def test_the_page_on_settings_has_every_section_key_and_default():
    assert told_settings() == real_settings()


@pytest.mark.slow  # every template is parsed
def test_every_label_that_the_guide_of_the_pages_names_stands_on_a_page() -> None:
    labels = {key[1] for key in marked()}
    sentences = {text for label in labels for text in (label if isinstance(label, tuple) else (label,))}
    guide = "\n".join((ROOT / "docs" / name).read_text(encoding="utf-8") for name in ("pages.md", "campaigns.md"))
    named = {label.strip() for label in re.findall(r"(?<![*\w])\*([A-Z][^*\n]+)\*(?![*\w])", guide)}
    assert len(named) > 30
    assert {label for label in named if not any(label in text for text in sentences)} == {"PNG"}  # drawn by a script
