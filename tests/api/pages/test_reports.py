from __future__ import annotations

MONTHLY = (
    "<!doctype html><html lang='en'><head><title>July 2026</title></head><body><h1>8&nbsp;% left in July</h1>"
    "<script>document.title = 'it ran'</script></body></html>"
)


def test_the_archive_lists_reports_and_opens_them_without_running_anything_inside(visitor):
    folder = visitor.served.home / "reports"
    (folder / "monthly-2026-07.html").write_text(MONTHLY, encoding="utf-8")
    (folder / "monthly-2026-07-de.html").write_text(MONTHLY.replace("July", "Juli"), encoding="utf-8")
    (folder / "monthly-2026-07.json").write_text("{}", encoding="utf-8")
    visitor.visit("/reports")
    assert (
        visitor.page.get_by_role("link", name="July 2026, de").get_attribute("href").endswith("monthly-2026-07-de.html")
    )
    visitor.see("July 2026", "8 % left in July", "Simulations", "Lists to download", "json")
    visitor.assert_accessible()
    visitor.screenshot("reports")
    visitor.allowed = ("sandboxed", "Content Security Policy")
    visitor.page.get_by_role("link", name="July 2026", exact=True).click()
    visitor.page.wait_for_url("**/monthly-2026-07.html")
    assert visitor.page.title() == "July 2026"
    with visitor.page.expect_download() as saved:
        visitor.visit("/reports").page.get_by_role("link", name="Risk list").last.click()
    assert saved.value.suggested_filename == "risk-list.csv"


def test_no_name_leads_out_of_the_archive(visitor, tmp_path):
    folder = visitor.served.home / "reports"
    secret = tmp_path / "secret.html"
    secret.write_text("<p>secret</p>", encoding="utf-8")
    (folder / "leads-out.html").symlink_to(secret)
    (folder / ".hidden.html").write_text("hidden", encoding="utf-8")
    (folder / "notes.txt").write_text("notes", encoding="utf-8")
    names = ["../churn.toml", "..%2Fchurn.toml", "%2e%2e/store.sqlite", "....//churn.toml", "leads-out.html"]
    names += [".hidden.html", "notes.txt", "%00", "..\\churn.toml", "/etc/passwd", "risk-list.csv/../../churn.toml"]
    for name in names:
        answer = visitor.page.request.get(f"{visitor.served.address}/reports/files/{name}")
        assert answer.status == 404, name
        assert "secret" not in answer.text()
    (folder / "leads-out.html").unlink()


def test_an_empty_archive_says_what_will_be_in_it(newcomer):
    newcomer.visit("/reports")
    newcomer.see("No monthly report yet")
    newcomer.assert_accessible()
    newcomer.screenshot("reports-empty")
