from __future__ import annotations

from dataclasses import replace

import httpx
import pytest
from fastapi.testclient import TestClient

from churn.accounts.users import list_users
from churn.api import create_app
from churn.bootstrap import build_context
from churn.config import load_settings
from churn.workflows.reach import reach_places
from tests.accounts.sso.canaille_server import CLIENT, SECRET
from tests.accounts.sso.real_providers import GLEWLWYD, allow_at_glewlwyd, glewlwyd
from tests.ports import free_port

pytestmark = pytest.mark.slow


@pytest.mark.skipif(GLEWLWYD is None, reason="needs Debian's package glewlwyd")
def test_glewlwyd_signs_a_person_in_whose_groups_decide(tmp_path):
    with glewlwyd(free_port(), "http://testserver", tmp_path) as issuer:
        config = tmp_path / "churn.toml"
        config.write_text(
            f'[sso]\nissuer = "{issuer}"\nclient_id = "{CLIENT}"\nscopes = ["openid"]\ngroups = {{ retention = ["push", "read"] }}\n'
        )
        settings = load_settings(config=config, home=tmp_path / "home", environ={})
        context = replace(build_context(settings=settings), secrets={"CHURN_SSO_SECRET": SECRET})
        (place,) = (place for place in reach_places(context) if place.what == "sso")
        assert place.error is None
        with TestClient(create_app(context), follow_redirects=False) as client:
            for _ in range(2):
                client.cookies.clear()
                back = allow_at_glewlwyd(issuer, client.get("/sign-in/sso?next=/jobs").headers["location"])
                answer = client.get(back)
                assert (answer.status_code, answer.headers.get("location")) == (303, "/jobs"), answer.text
            assert client.get(back).status_code == 403, "an answer counts once"
            replayed = client.get("/sign-in/sso")
            assert replayed.headers["location"] == "/", "signed in already"
        (user,) = list_users(context)
        assert (user.name, user.scopes, user.issuer) == ("maria", ("push", "read"), issuer)
        assert httpx.get(f"{issuer}/end_session").status_code < 500
