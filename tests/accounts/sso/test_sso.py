from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from fastapi.testclient import TestClient
from joserfc.jwk import RSAKey

from churn.accounts.keys import create_key
from churn.accounts.sign_in import create_link, list_sessions
from churn.accounts.users import create_user, list_users
from churn.api import create_app
from churn.bootstrap import build_context
from churn.config import load_settings
from churn.context import Context
from churn.workflows.reach import reach_places
from tests.accounts.sso.lying_provider import (
    CLIENT,
    SECRET,
    Claims,
    LyingProvider,
    lying,
    signed_by_secret,
    signed_by_stranger,
    unsigned,
)

pytestmark = pytest.mark.slow  # a service, and a provider on loopback
PASSWORD = "correct horse battery staple"


@dataclass
class Pages:
    """A service whose people sign in at `provider`."""

    client: TestClient
    context: Context
    provider: LyingProvider

    def begin(self, target: str = "/") -> str:
        """Return where the browser is sent."""
        answer = self.client.get("/sign-in/sso", params={"next": target})
        assert answer.status_code == 303, answer.text
        return answer.headers["location"]

    def come_back(self, **answer: str):
        return self.client.get("/sign-in/sso/callback", params=answer, headers={"accept": "text/html"})

    def sign_in(self, target: str = "/"):
        return self.come_back(**self.provider.allow(self.begin(target)))

    def actions(self) -> list[tuple[str, str, str]]:
        with self.context.open_store() as store:
            return [(row.who, row.action, row.subject) for row in store.requests.audited()]


def settings_of(home: Path, provider: LyingProvider, **sso: object):
    home.mkdir(exist_ok=True)
    lines = {
        "issuer": provider.issuer,
        "client_id": CLIENT,
        "groups": '{ team = ["read"], boss = ["admin"] }',
    } | sso
    shown = "\n".join(
        f"{key} = {value if key == 'groups' or not isinstance(value, str) else repr(value)}"
        for key, value in lines.items()
    )
    config = home / "churn.toml"
    config.write_text(f"[sso]\n{shown.replace('True', 'true').replace('False', 'false')}\n")
    return load_settings(config=config, home=home, environ={})


@pytest.fixture
def provider() -> Iterator[LyingProvider]:
    with lying() as provider:
        yield provider


@pytest.fixture
def pages_with(tmp_path: Path, provider: LyingProvider) -> Iterator[Callable[..., Pages]]:
    opened = []

    def open_(**sso: object) -> Pages:
        context = build_context(settings=settings_of(tmp_path / "home", provider, **sso))
        context = replace(context, secrets={"CHURN_SSO_SECRET": SECRET})
        client = TestClient(create_app(context), raise_server_exceptions=False, follow_redirects=False)
        client.__enter__()
        opened.append(client)
        return Pages(client, context, provider)

    yield open_
    for client in opened:
        client.__exit__(None, None, None)


@pytest.fixture
def pages(pages_with: Callable[..., Pages]) -> Pages:
    return pages_with()


def test_a_person_is_made_a_user_at_first_and_their_groups_decide_each_time(pages):
    answer = pages.sign_in("/reports?month=2026-01")
    assert (answer.status_code, answer.headers["location"]) == (303, "/reports?month=2026-01")
    (user,) = list_users(pages.context)
    assert (user.name, user.scopes, user.issuer, user.subject) == ("maria", ("read",), pages.provider.issuer, "u-1")
    assert pages.client.get("/reports").status_code == 200
    pages.provider.person["groups"] = ["boss", "team", "unknown"]
    pages.client.cookies.clear()
    assert pages.sign_in().status_code == 303
    (user,) = list_users(pages.context)
    assert user.scopes == ("admin", "read")
    actions = pages.actions()
    assert ("maria", "create_user", "sso") in actions
    assert ("maria", "change_scopes", "admin, read") in actions
    assert actions.count(("maria", "sign_in", "sso")) == 2


def test_whoever_lost_their_groups_is_refused_and_signed_out_everywhere(pages):
    pages.sign_in()
    elsewhere = dict(pages.client.cookies)
    pages.client.cookies.clear()
    pages.provider.person["groups"] = ["strangers"]
    answer = pages.sign_in()
    assert answer.status_code == 403
    assert "none of your groups may do anything here" in answer.text
    assert "claim groups: strangers" in answer.text
    assert list_users(pages.context)[0].scopes == ()
    pages.client.cookies.update(elsewhere)
    assert pages.client.get("/reports").headers["location"].startswith("/sign-in")
    assert list_sessions(pages.context) == []


LIES: dict[str, tuple[Callable[[Claims], Claims], str]] = {
    "nonce": (lambda claims: claims | {"nonce": "another"}, "belongs to another sign-in"),
    "no nonce": (lambda claims: {k: v for k, v in claims.items() if k != "nonce"}, "belongs to another sign-in"),
    "audience": (lambda claims: claims | {"aud": "another-application"}, "made for another application"),
    "party": (lambda claims: claims | {"aud": [CLIENT, "x"], "azp": "x"}, "made for another application"),
    "issuer": (lambda claims: claims | {"iss": "http://127.0.0.1:1"}, "comes from another issuer"),
    "expired": (lambda claims: claims | {"exp": claims["exp"] - 200, "iat": claims["iat"] - 200}, "has run out"),
    "no end": (lambda claims: {k: v for k, v in claims.items() if k != "exp"}, "has run out"),
    "future": (lambda claims: claims | {"iat": claims["iat"] + 300}, "clocks differ"),
    "nobody": (lambda claims: claims | {"sub": ""}, "names nobody"),
    "number": (lambda claims: claims | {"sub": 7}, "names nobody"),
    "hash": (lambda claims: claims | {"at_hash": "wrong"}, "does not belong to the access token"),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_token_that_lies_signs_nobody_in(pages, lie):
    pages.provider.change, words = LIES[lie]
    answer = pages.sign_in()
    assert answer.status_code == 403
    assert words in answer.text
    assert "You are not signed in" in answer.text
    assert list_users(pages.context) == []
    assert "churn_session" not in pages.client.cookies


FORGERIES = {"alg none": unsigned, "by the secret": signed_by_secret, "by a stranger": signed_by_stranger}


@pytest.mark.parametrize("forgery", [*FORGERIES, "torn"])
def test_a_token_that_the_providers_keys_did_not_sign_signs_nobody_in(pages, forgery):
    pages.provider.forge = FORGERIES.get(forgery, lambda claims: pages.provider.signed(claims)[:-9])
    answer = pages.sign_in()
    assert answer.status_code == 403
    assert "ID token is not valid" in answer.text
    assert list_users(pages.context) == []


def test_clocks_that_differ_by_less_than_the_skew_do_no_harm(pages):
    pages.provider.change = lambda claims: claims | {"iat": claims["iat"] + 40, "exp": claims["iat"] - 40}
    assert pages.sign_in().status_code == 303


def test_an_answer_that_did_not_begin_here_is_refused(pages):
    answer = pages.provider.allow(pages.begin())
    assert pages.come_back(**answer | {"state": "another"}).status_code == 403
    answer = pages.provider.allow(pages.begin())
    assert pages.come_back(**answer | {"iss": "https://other.example"}).status_code == 403
    answer = pages.provider.allow(pages.begin())
    pages.client.cookies.clear()
    refused = pages.come_back(**answer)
    assert refused.status_code == 403
    assert "No sign-in is under way in this browser" in refused.text
    answer = pages.provider.allow(pages.begin())
    assert pages.come_back(**answer).status_code == 303
    assert pages.come_back(**answer).status_code == 403, "an answer counts once"


def test_what_the_provider_refuses_is_said_and_cannot_inject(pages):
    pages.begin()
    address = pages.begin()
    state = parse_qs(urlsplit(address).query)["state"][0]
    answer = pages.come_back(state=state, error="access_denied", error_description="<script>no\x00</script>")
    assert answer.status_code == 403
    assert "&lt;script&gt;no" in answer.text
    assert "<script>no" not in answer.text


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:x", ""])
def test_no_sign_in_leads_to_another_place(pages, target):
    assert pages.sign_in(target).headers["location"] == "/"


def test_a_cookie_that_somebody_wrote_leads_nowhere_else(pages):
    address = pages.begin()
    secret, began, _target = pages.client.cookies["churn_sso"].split(".")
    pages.client.cookies.clear()
    pages.client.cookies.set("churn_sso", f"{secret}.{began}.aHR0cHM6Ly9ldmlsLmV4YW1wbGUv", path="/sign-in")
    assert pages.come_back(**pages.provider.allow(address)).headers["location"] == "/"


def test_the_request_carries_pkce_state_and_nonce_and_no_secret(pages):
    query = {key: values[0] for key, values in parse_qs(urlsplit(pages.begin()).query).items()}
    assert query["code_challenge_method"] == "S256"
    assert re.fullmatch(r"[\w-]{43}", query["code_challenge"])
    assert query["response_type"] == "code"
    assert query["redirect_uri"] == "http://testserver/sign-in/sso/callback"
    assert len({query["state"], query["nonce"], query["code_challenge"]}) == 3
    assert SECRET not in str(query)
    assert "HttpOnly" in pages.client.get("/sign-in/sso").headers["set-cookie"]


def test_keys_that_rotate_are_fetched_once_more_and_not_without_bound(pages):
    assert pages.sign_in().status_code == 303
    pages.client.cookies.clear()
    assert pages.sign_in().status_code == 303
    assert pages.provider.asked.count("/keys") == 1
    pages.provider.key = RSAKey.generate_key(2048, {"kid": "second"})
    pages.client.cookies.clear()
    assert pages.sign_in().status_code == 303
    assert pages.provider.asked.count("/keys") == 2
    pages.provider.forge = signed_by_stranger
    pages.client.cookies.clear()
    for _ in range(8):
        assert pages.sign_in().status_code == 403
    assert pages.provider.asked.count("/keys") == 6, "the first, and five times anew within a minute"


def test_groups_may_come_from_userinfo_but_of_the_same_person_alone(pages):
    del pages.provider.person["groups"]
    pages.provider.info = {"sub": "u-1", "groups": ["boss"]}
    assert pages.sign_in().status_code == 303
    assert list_users(pages.context)[0].scopes == ("admin",)
    pages.client.cookies.clear()
    pages.provider.info = {"sub": "u-2", "groups": ["boss"]}
    answer = pages.sign_in()
    assert answer.status_code == 403
    assert "two different people" in answer.text


def test_groups_may_lie_deeper_and_must_be_names(pages_with):
    pages = pages_with(groups_claim="realm_access.roles")
    pages.provider.person["realm_access"] = {"roles": ["team"]}
    assert pages.sign_in().status_code == 303
    pages.client.cookies.clear()
    pages.provider.person["realm_access"] = {"roles": [{"id": 1}]}
    assert "does not hold the names of groups" in pages.sign_in().text


def test_a_stranger_who_bears_a_users_name_does_not_become_that_user(pages):
    create_user(pages.context, "maria", PASSWORD, ["admin"])
    pages.provider.person["email"] = "maria@example.com"
    assert pages.sign_in().status_code == 303
    assert {user.name: (user.scopes, user.issuer is None) for user in list_users(pages.context)} == {
        "maria": (("admin",), True),
        "maria@example.com": (("read",), False),
    }
    pages.client.cookies.clear()
    pages.provider.person |= {"sub": "u-2", "preferred_username": "maria@example.com"}
    assert pages.sign_in().status_code == 303
    assert "u-2" in {user.name for user in list_users(pages.context)}


def test_signing_out_ends_the_session_at_the_provider_too(pages):
    pages.sign_in()
    form = re.search(r'name="csrf" value="([0-9a-f]+)"', pages.client.get("/reports").text)
    assert form is not None
    answer = pages.client.post("/sign-out", data={"csrf": form.group(1)})
    assert answer.status_code == 200
    place = urlsplit(answer.headers["refresh"].removeprefix("0; url="))
    query = parse_qs(place.query)
    assert place.path == "/leave"
    assert query["post_logout_redirect_uri"] == ["http://testserver/sign-in"]
    assert query["id_token_hint"][0].count(".") == 2
    assert query["client_id"] == [CLIENT]
    assert list_sessions(pages.context) == []


def test_passwords_may_be_turned_off_and_keys_and_links_still_sign_in(pages_with):
    pages = pages_with(passwords=False)
    create_user(pages.context, "anna", PASSWORD, ["read"])
    page = pages.client.get("/sign-in")
    assert 'name="name"' not in page.text
    assert "Sign in with single sign-on" in page.text
    token = re.search(r'name="csrf" value="([0-9a-f]+)"', page.text)
    assert token is not None
    form = {"csrf": token.group(1), "secret": PASSWORD, "name": "anna"}
    refused = pages.client.post("/sign-in", data=form, headers={"accept": "text/html"})
    assert refused.status_code == 403
    assert "Passwords are turned off" in refused.text
    form = {"csrf": token.group(1), "secret": create_key(pages.context, "ops", ["admin"])}
    assert pages.client.post("/sign-in", data=form).status_code == 303
    pages.client.cookies.clear()
    assert pages.client.get(f"/sign-in/link?token={create_link(pages.context)}").status_code == 303


def test_while_the_provider_is_away_the_page_says_so_and_passwords_still_work(pages):
    create_user(pages.context, "anna", PASSWORD, ["read"])
    pages.provider.status = 503
    page = pages.client.get("/sign-in/sso")
    assert page.status_code == 503
    assert "identity provider is in trouble" in page.text
    assert "Meanwhile you can sign in with a password or key" in page.text
    token = re.search(r'name="csrf" value="([0-9a-f]+)"', page.text)
    assert token is not None
    form = {"csrf": token.group(1), "secret": PASSWORD, "name": "anna"}
    assert pages.client.post("/sign-in", data=form).status_code == 303
    pages.provider.status = 200
    pages.client.cookies.clear()
    assert pages.sign_in().status_code == 303, "and as soon as it is back, it signs people in"


def test_a_wrong_client_secret_is_told_without_it(pages_with):
    pages = pages_with(secret_file="secret.txt")
    (pages.context.settings.home / "secret.txt").write_text("another-word")
    answer = pages.sign_in()
    assert answer.status_code == 503
    assert "refuses churn itself: invalid_client" in answer.text
    assert "another-word" not in answer.text
    (pages.context.settings.home / "secret.txt").write_text(SECRET)
    assert pages.sign_in().status_code == 303, "a secret that changed is read anew"


DOCUMENTS = {
    "issuer": ({"issuer": "https://other.example"}, "calls itself https://other.example"),
    "endpoint": ({"token_endpoint": "http://idp.example/token"}, "token_endpoint is http://idp.example/token"),
    "flow": ({"response_types_supported": ["id_token"]}, "gives no authorization codes"),
    "pkce": ({"code_challenge_methods_supported": ["plain"]}, "does not take PKCE"),
    "signature": ({"id_token_signing_alg_values_supported": ["none", "HS256"]}, "signs with nothing"),
    "shape": ({"jwks_uri": 7}, "jwks_uri: Input should be a valid string"),
}


@pytest.mark.parametrize("case", DOCUMENTS)
def test_documents_that_do_not_fit_are_refused_and_check_says_why(pages, case):
    pages.provider.document, words = DOCUMENTS[case]
    page = pages.client.get("/sign-in/sso")
    assert page.status_code == 503
    assert words in page.text
    (place,) = (place for place in reach_places(pages.context) if place.what == "sso")
    assert place.error is not None
    assert words in place.error.what


def test_check_says_that_a_provider_can_be_reached_and_that_it_cannot(pages):
    (place,) = (place for place in reach_places(pages.context) if place.what == "sso")
    assert place.error is None
    pages.provider.status = 404
    (place,) = (place for place in reach_places(pages.context) if place.what == "sso")
    assert "no OpenID Connect provider answers" in str(place.error)


def test_without_sso_there_is_no_way_to_it(tmp_path):
    context = build_context(settings=load_settings(home=tmp_path / "home", environ={}))
    with TestClient(create_app(context), follow_redirects=False) as client:
        assert client.get("/sign-in/sso").status_code == 404
        assert "/sign-in/sso" not in client.get("/sign-in").text
