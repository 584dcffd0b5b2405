from __future__ import annotations

from pathlib import Path

from churn.bootstrap import build_context
from churn.config import load_settings
from churn.views.reports import list_reports, monthly_reports, report_archive

PAGE = "<html><head><title>{0}</title></head><body><h1>8&nbsp;% left in {0}</h1></body></html>"


def test_the_archive_puts_the_languages_and_files_of_a_month_together_and_english_first(tmp_path: Path):
    folder = tmp_path / "reports"
    folder.mkdir()
    pages = {"monthly-2026-06": "June", "monthly-2026-07": "July", "monthly-2026-07-de": "Juli", "exploration": "All"}
    for name, title in pages.items():
        (folder / f"{name}.html").write_text(PAGE.format(title), encoding="utf-8")
    for name in ("monthly-2026-07.json", "exploration.json", "risk-list.csv", "risk-list.parquet"):
        (folder / name).write_text("{}", encoding="utf-8")
    context = build_context(settings=load_settings(home=tmp_path, environ={}))

    archive = report_archive(context)
    assert [(month.month, month.headline) for month in archive.months] == [
        ("2026-07", "8 % left in July"),
        ("2026-06", "8 % left in June"),
    ]
    july = archive.months[0]
    assert [(page.code, page.name) for page in july.translations] == [
        ("en", "monthly-2026-07.html"),
        ("de", "monthly-2026-07-de.html"),
    ]
    assert july.file.also == {"json": "monthly-2026-07.json"}
    assert [(page.title, page.also) for page in archive.pages] == [("All", {"json": "exploration.json"})]
    assert {file.name for file in archive.lists} == {"risk-list.csv", "risk-list.parquet"}
    assert [(report.month, report.language) for report in monthly_reports(context)] == [
        ("2026-07", "de"),
        ("2026-07", "en"),
        ("2026-06", "en"),
    ]
    assert len(list_reports(context)) == 6
