"""The pages without a browser: who gets in, what is refused, and what every answer carries."""

from __future__ import annotations

import hashlib
import re
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from churn.accounts import sign_in
from churn.accounts.keys import create_key, revoke_key
from churn.accounts.users import create_user, hashed, recognise_user, remove_user
from churn.api.pages import static
from churn.errors import ConfigError, NotFound

PASSWORD = "correct horse battery staple"
PAGES = ["/", "/jobs", "/reports"]
VENDOR = static.FOLDER / "vendor"


@pytest.fixture
def cheap_guesses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take a thousandth of the time and memory to hash a password: who gets in is tested here, not what a guess costs."""
    scrypt = hashlib.scrypt
    monkeypatch.setattr(hashlib, "scrypt", lambda password, **terms: scrypt(password, **(terms | {"n": 32})))


def form_of(client, path="/sign-in"):
    return re.search(r'name="csrf" value="(\w+)"', client.get(path, headers={"Accept": "text/html"}).text).group(1)


def signed_in(service, scopes=("admin",)):
    token = sign_in.create_link(service.context, scopes)
    assert service.client.get(f"/sign-in/link?token={token}", follow_redirects=False).status_code == 303
    return service.client


def test_pages_need_a_session_and_carry_strict_headers(standing):
    for path in PAGES:
        answer = standing.client.get(path, follow_redirects=False)
        assert (answer.status_code, answer.headers["location"][:8]) == (303, "/sign-in")
        partial = standing.client.get(path, headers={"HX-Request": "true"}, follow_redirects=False)
        assert (partial.status_code, partial.headers["hx-redirect"][:8]) == (401, "/sign-in")
    client = signed_in(standing)
    for path in PAGES:
        headers = client.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert headers["cache-control"] == "no-store"
        assert headers["x-frame-options"] == "DENY"


def test_no_page_holds_inline_style_or_script(standing):
    client = signed_in(standing)
    for path in PAGES:
        text = client.get(path).text
        assert not re.search(
            r"<style|\sstyle=|\son\w+=|javascript:", re.sub(r"<svg.*?</svg>", "", text, flags=re.DOTALL)
        )
        for attributes, body in re.findall(r"<script([^>]*)>(.*?)</script>", text, flags=re.DOTALL):
            assert "application/json" in attributes or not body.strip()


def test_the_session_cookie_is_out_of_reach_of_scripts_and_kept_as_a_hash_only(service):
    token = sign_in.create_link(service.context)
    answer = service.client.get(f"/sign-in/link?token={token}", follow_redirects=False)
    cookie = next(c for c in answer.headers.get_list("set-cookie") if c.startswith("churn_session="))
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Secure" not in cookie
    secret = re.match(r"churn_session=([^;]+)", cookie).group(1)
    raw = b"".join(path.read_bytes() for path in service.context.settings.home.glob("store.sqlite*"))
    assert secret.encode() not in raw
    assert token.encode() not in raw
    secure = service.client.get(
        f"https://testserver/sign-in/link?token={sign_in.create_link(service.context)}", follow_redirects=False
    )
    assert any("Secure" in c for c in secure.headers.get_list("set-cookie") if c.startswith("churn_session="))


def test_a_form_that_is_not_ours_is_refused(service):
    create_user(service.context, "maria", PASSWORD, ["admin"])
    given = {"name": "maria", "secret": PASSWORD}
    assert service.client.post("/sign-in", data=given).status_code == 403
    assert service.client.post("/sign-in", data={**given, "csrf": "x" * 64}).status_code == 403
    token = form_of(service.client)
    foreign = {"Origin": "https://evil.example"}
    assert service.client.post("/sign-in", data={**given, "csrf": token}, headers=foreign).status_code == 403
    assert service.client.post("/sign-in", data={**given, "csrf": token}, follow_redirects=False).status_code == 303
    for path in ("/sign-out", "/jobs/retention/run"):
        assert service.client.post(path).status_code == 403
        assert service.client.post(path, headers={"X-CSRF-Token": token}).status_code == 403
    ours = form_of(service.client, "/jobs")
    assert service.client.post("/jobs/retention/run", data={"csrf": ours}, headers=foreign).status_code == 403
    asked = service.client.post("/jobs/retention/run", data={"csrf": ours}, follow_redirects=False)
    assert asked.headers["location"].startswith("/jobs#run-")


@pytest.mark.parametrize(
    ("wanted", "reached"),
    [
        ("/reports?x=1", "/reports?x=1"),
        ("https://evil.example/", "/"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("/a\r\nSet-Cookie: x=1", "/"),
        ("javascript:alert(1)", "/"),
    ],
)
def test_sign_in_leads_on_within_the_service_only(service, wanted, reached):
    create_user(service.context, "maria", PASSWORD, ["read"])
    given = {"name": "maria", "secret": PASSWORD, "csrf": form_of(service.client), "next": wanted}
    answer = service.client.post("/sign-in", data=given, follow_redirects=False)
    assert answer.headers["location"] == reached


@pytest.mark.usefixtures("cheap_guesses")
def test_too_many_attempts_from_one_address_are_refused_there_until_the_window_has_passed(service):
    context = service.context
    create_user(context, "maria", PASSWORD, ["read"])
    for _ in range(sign_in.ATTEMPTS_PER_NAME):
        assert sign_in.sign_in_by_password(context, "Maria ", "wrong", address="testclient") is None
    given = {"name": "maria", "secret": PASSWORD, "csrf": form_of(service.client)}
    answer = service.client.post("/sign-in", data=given, headers={"Accept": "text/html"})
    assert (answer.status_code, "Too many attempts" in answer.text) == (429, True)
    later = replace(context, clock=lambda: context.clock() + sign_in.WINDOW + timedelta(seconds=1))
    assert sign_in.sign_in_by_password(later, "maria", PASSWORD, address="testclient")


@pytest.mark.usefixtures("cheap_guesses")
def test_a_stranger_delays_a_person_and_does_not_lock_them_out(service):
    context = service.context
    create_user(context, "maria", PASSWORD, ["read"])
    assert sign_in.seconds_to_wait(context, "maria") == 0
    for host in range(3):
        for _ in range(sign_in.ATTEMPTS_PER_NAME):
            assert sign_in.sign_in_by_password(context, "maria", "wrong", address=f"203.0.113.{host}") is None
    assert 0 < sign_in.seconds_to_wait(context, "MARIA") <= sign_in.LONGEST_DELAY
    assert sign_in.seconds_to_wait(context, "jan") == 0
    given = {"name": "maria", "secret": PASSWORD, "csrf": form_of(service.client)}
    began = time.monotonic()
    assert service.client.post("/sign-in", data=given, follow_redirects=False).status_code == 303
    assert time.monotonic() - began >= 1
    assert sign_in.unlock(context, "Maria") > 0
    assert sign_in.seconds_to_wait(context, "maria") == 0
    assert sign_in.sign_in_by_password(context, "maria", PASSWORD, address="203.0.113.1")


@pytest.mark.usefixtures("cheap_guesses")
def test_successes_are_no_attempts(service):
    context = service.context
    create_user(context, "maria", PASSWORD, ["read"])
    key = create_key(context, "crm", ["read"])
    for _ in range(sign_in.ATTEMPTS_PER_ADDRESS // 2 + 1):  # everybody of an office comes from one address
        assert sign_in.sign_in_by_key(context, key, address="198.51.100.1")
        assert sign_in.sign_in_by_link(context, sign_in.create_link(context), address="198.51.100.1")
    assert sign_in.sign_in_by_password(context, "maria", PASSWORD, address="198.51.100.1")
    for number in range(sign_in.ATTEMPTS_PER_ADDRESS):
        assert sign_in.sign_in_by_password(context, f"user {number}", "wrong", address="198.51.100.1") is None
    with pytest.raises(sign_in.TooManyAttempts):
        sign_in.sign_in_by_password(context, "maria", PASSWORD, address="198.51.100.1")
    sign_in.unlock(context, address="198.51.100.1")
    assert sign_in.sign_in_by_password(context, "maria", PASSWORD, address="198.51.100.1")


def test_sessions_are_listed_and_ended_also_those_of_links_and_of_keys_that_are_revoked(service):
    context = service.context
    create_user(context, "maria", PASSWORD, ["read"])
    sign_in.sign_in_by_password(context, "maria", PASSWORD, address="")
    sign_in.sign_in_by_key(context, create_key(context, "crm", ["read"]), address="")
    for _ in range(2):
        sign_in.sign_in_by_link(context, sign_in.create_link(context), address="")
    listed = sign_in.list_sessions(context)
    assert sorted(session.kind for session in listed) == ["key", "link", "link", "password"]
    links = [session for session in listed if session.kind == "link"]
    assert sign_in.end_sessions(context, which=links[0].session_hash[:12]) == 1
    assert sign_in.end_sessions(context, which=links[1].name) == 1
    with pytest.raises(NotFound, match="churn users sessions"):
        sign_in.end_sessions(context, which=links[0].session_hash[:12])
    revoke_key(context, "crm")
    remove_user(context, "maria")
    with context.open_store() as store:
        assert store.sessions.list(context.clock()) == []


def test_a_session_ends_when_it_is_not_used_and_after_a_week_at_the_latest(service):
    context = service.context
    began = context.clock()
    at = [began]
    moving = replace(context, clock=lambda: at[0])
    secret = sign_in.sign_in_by_link(moving, sign_in.create_link(moving), address="")
    with context.open_store() as store:
        while at[0] - began < sign_in.LONGEST - timedelta(hours=8):
            at[0] += timedelta(hours=8)
            assert sign_in.recognise_session(store, moving, secret) is not None
        at[0] += timedelta(hours=8)
        assert sign_in.recognise_session(store, moving, secret) is None
        at[0] = began
        idle = sign_in.sign_in_by_link(moving, sign_in.create_link(moving), address="")
        at[0] += sign_in.IDLE
        assert sign_in.recognise_session(store, moving, idle) is None
        stale = sign_in.create_link(moving)
        at[0] += sign_in.LINK_LASTS
        assert sign_in.sign_in_by_link(moving, stale, address="") is None


@pytest.mark.parametrize("password", ["short", "aaaaaaaaaaaaaa", "maria-maria-maria", "x" * 300])
def test_a_poor_password_is_refused(standing, password):
    with pytest.raises(ConfigError, match="password"):
        create_user(standing.context, "maria", password, ["read"])


def test_a_password_is_kept_as_scrypt_under_a_salt_of_its_own(service):
    create_user(service.context, "maria", PASSWORD, ["read"])
    assert hashed(PASSWORD) != hashed(PASSWORD)
    with service.context.open_store() as store:
        assert store.users.find("maria").password_hash.startswith("scrypt$32768$8$1$")
        assert recognise_user(store, "maria", PASSWORD, service.context.clock()).name == "maria"
        for name, secret in (("maria", PASSWORD.upper()), ("nobody", PASSWORD), ("mar\x00ia", PASSWORD), ("maria", "")):
            assert recognise_user(store, name, secret, service.context.clock()) is None


def test_static_files_are_kept_for_good_under_an_address_that_changes_with_them(standing):
    address = static.address("base.css")
    answer = standing.client.get(address)
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "public, max-age=31536000, immutable")
    assert (
        standing.client.get(re.sub(r"/static/\w+/", "/static/older/", address)).headers["cache-control"] == "no-cache"
    )
    for name in ("../app.py", "%2e%2e/app.py", "..%5capp.py", "nothing.css", "vendor"):
        assert standing.client.get(f"/static/{static.assets().version}/{name}").status_code == 404
    with pytest.raises(KeyError):
        static.address("nothing.css")


def test_what_others_wrote_lies_here_unchanged_with_its_licence():
    told = (VENDOR / "VENDORED.txt").read_text(encoding="utf-8")
    hashes = dict(re.findall(r"^(\S+)$(?:\n  .*)*?\n  sha256   (\w{64})$", told, flags=re.MULTILINE))
    assert {p.name for p in VENDOR.iterdir() if p.suffix in {".js", ".woff2"}} == set(hashes)
    for name, expected in hashes.items():
        assert hashlib.sha256((VENDOR / name).read_bytes()).hexdigest() == expected, name
    for licence in re.findall(r"^  licence  .*, (\S+)$", told, flags=re.MULTILINE):
        assert (VENDOR / licence).stat().st_size > 100


def test_a_program_gets_a_problem_document_and_a_person_a_page(standing):
    for path in ("/nowhere", "/v1/nowhere"):
        assert standing.client.get(path).headers["content-type"] == "application/problem+json"
    page = standing.client.get("/nowhere", headers={"Accept": "text/html"})
    assert (page.status_code, page.headers["content-type"]) == (404, "text/html; charset=utf-8")
    api = standing.client.get("/v1/nowhere", headers={"Accept": "text/html"})
    assert api.headers["content-type"] == "application/problem+json"


def test_a_name_that_means_harm_is_shown_as_it_is(service):
    name = "<script>alert(1)</script>"
    create_user(service.context, name, PASSWORD, ["read"])
    given = {"name": name, "secret": PASSWORD, "csrf": form_of(service.client)}
    text = service.client.post("/sign-in", data=given).text
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert(1)" in text


def test_every_style_and_script_stays_within_its_budget_of_lines():
    for path in sorted(Path(static.FOLDER).glob("*.*")):
        if path.suffix in {".css", ".js"}:
            assert len(path.read_text(encoding="utf-8").splitlines()) <= 300, path.name
