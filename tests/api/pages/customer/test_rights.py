"""The rights of a customer on their page: seen by administrators alone, each deed asked for twice, effective at once."""

from __future__ import annotations

from churn.api.pages.people import customer_path
from churn.views.risk_list import read_risk_list
from tests.api.pages.conftest import Visitor


def someone(visitor: Visitor, rank: int) -> str:
    return str(read_risk_list(visitor.served.context, top=rank).customers[rank - 1]["customer_id"])


def test_only_administrators_see_them(stranger):
    stranger.sign_in(["read"]).visit(customer_path(someone(stranger, 5)))
    stranger.see("What happened")
    assert stranger.page.locator("#rights").count() == 0


def test_an_objection_is_asked_for_twice_and_told_from_then_on(visitor):
    customer_id = someone(visitor, 6)
    page = visitor.visit(customer_path(customer_id)).page
    page.get_by_role("button", name="Objects to marketing").click()
    visitor.see("Does this customer object to marketing?")
    page.get_by_role("button", name="Note the objection").click()
    visitor.see("no campaign takes them in")
    page.get_by_role("button", name="Collect what is held").click()
    visitor.see("Being collected")
    page.wait_for_load_state("networkidle")
    visitor.assert_accessible()
    with visitor.served.context.open_store() as store:
        assert customer_id in store.privacy.objected()
        assert {run.job for run in store.jobs.list()} >= {"object", "export"}


def test_an_erasure_wants_the_id_written_and_takes_effect_at_once(visitor):
    visitor.allowed = ("404", "422")
    customer_id = someone(visitor, 7)
    page = visitor.visit(customer_path(customer_id)).page
    page.get_by_role("button", name="Erase", exact=True).press("Enter")
    visitor.see("Erase this customer?")
    visitor.assert_accessible()
    page.get_by_label("Write the id to confirm").fill("somebody else")
    page.get_by_role("button", name="Erase for good").click()
    visitor.see("nothing was erased")
    visitor.visit(customer_path(customer_id))
    page.get_by_role("button", name="Erase", exact=True).press("Enter")
    page.get_by_label("Write the id to confirm").fill(customer_id)
    page.get_by_role("button", name="Erase for good").click()
    visitor.see("Erase what is held of a customer")
    visitor.visit(customer_path(customer_id), status=404).see("Nobody of this id is known")
