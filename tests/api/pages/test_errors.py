from __future__ import annotations

from churn.views import overview


def test_an_address_that_is_not_there_is_told_in_words_with_a_way_back(visitor):
    visitor.allowed = ("404",)
    visitor.visit("/nowhere", status=404)
    visitor.see("This page does not exist")
    visitor.assert_accessible()
    visitor.screenshot("error-404")
    visitor.page.get_by_role("link", name="Back to the overview").click()
    visitor.page.wait_for_url(f"{visitor.served.address}/")


def test_what_nobody_foresaw_is_told_without_detail_and_with_a_number_to_ask_about(visitor, monkeypatch):
    def fail(*_arguments):
        raise RuntimeError("a secret detail")

    monkeypatch.setattr("churn.api.pages.overview.read_overview", fail)
    visitor.allowed = ("500",)
    visitor.visit("/", status=500)
    visitor.see("Something went wrong on our side", "tell whoever runs churn this number")
    assert "secret detail" not in visitor.page.content()
    visitor.assert_accessible()
    visitor.screenshot("error-500")
    assert overview.read_overview is not fail  # the page alone was made to fail


def test_a_right_that_is_missing_is_named(stranger):
    stranger.sign_in(["push"])
    stranger.allowed = ("403",)
    stranger.visit("/reports", status=403)
    stranger.see("You may not do this", "the right to read")
    stranger.assert_accessible()
    stranger.screenshot("error-403")
