from __future__ import annotations

import shutil

from tests.api.conftest import Service

BY_BAND = "select risk_band, count(*) as customers from scores group by risk_band order by risk_band"


def test_a_select_is_answered_as_of_the_last_publication(standing: Service):
    answer = standing.client.post("/v1/query", json={"sql": BY_BAND}, headers=standing.key("admin")).json()
    assert [column["name"] for column in answer["columns"]] == ["risk_band", "customers"]
    assert [column["type"] for column in answer["columns"]] == ["VARCHAR", "BIGINT"]
    assert sum(row[1] for row in answer["rows"]) > 3_000
    assert not answer["is_cut_off"]
    assert answer["published_at"].endswith("Z")


def test_a_sum_of_whole_numbers_is_whole(standing: Service):
    sql = "select sum(i) as whole, sum(i * 0.5) as half from range(5) as t (i)"
    answer = standing.client.post("/v1/query", json={"sql": sql}, headers=standing.key("admin"))
    assert "[[10,5.0]]" in answer.text


def test_rows_are_bounded_by_the_setting_and_by_the_request(standing: Service):
    key = standing.key("admin")
    some = standing.client.post("/v1/query", json={"sql": "from scores", "limit": 3}, headers=key).json()
    assert (len(some["rows"]), some["is_cut_off"]) == (3, True)
    most = standing.client.post("/v1/query", json={"sql": "from range(20000)", "limit": 20_000}, headers=key).json()
    assert (len(most["rows"]), most["is_cut_off"]) == (10_000, True)


def test_only_an_admin_asks_and_it_is_in_the_audit_log(standing: Service):
    for scope in ("read", "push", "simulate"):
        assert (
            standing.client.post("/v1/query", json={"sql": "select 1"}, headers=standing.key(scope)).status_code == 403
        )
    assert standing.client.post("/v1/query", json={"sql": "select 1"}).status_code == 401
    key = standing.key("admin")
    standing.client.post("/v1/query", json={"sql": "select 41 + 1"}, headers=key)
    entries = standing.client.get("/v1/audit?action=query", headers=key).json()["entries"]
    assert entries[0]["subject"] == "select 41 + 1"


def test_what_is_no_select_is_a_problem_that_says_so(standing: Service):
    for sql, words in (("drop view scores", "only one select"), ("select * from read_text('/etc/passwd')", "outside")):
        problem = standing.client.post("/v1/query", json={"sql": sql}, headers=standing.key("admin"))
        assert problem.status_code == 422
        assert words in problem.json()["detail"]


def test_before_the_first_publication_the_answer_says_what_to_run(service: Service):
    shutil.rmtree(service.context.settings.tables_path)
    problem = service.client.post("/v1/query", json={"sql": "select 1"}, headers=service.key("admin"))
    assert problem.status_code == 409
    assert "churn publish" in str(problem.json())
