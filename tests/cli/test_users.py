from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import pytest

from churn.accounts.sign_in import create_link, sign_in_by_link, sign_in_by_password
from churn.bootstrap import build_context
from churn.config import load_settings
from tests.company import Company, clean_environment


def create(company: Company, name: str, password: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "churn", "users", "create", name, "--home", str(company.home)]
    return subprocess.run(
        command, input=password, env=clean_environment(), capture_output=True, text=True, timeout=120, check=False
    )


@pytest.mark.slow
def test_a_user_is_created_with_a_password_from_standard_input_listed_and_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Company(tmp_path)
    done = create(home, "maria", "correct horse battery staple\n")
    assert done.returncode == 0, done.stderr
    assert "battery" not in done.stdout + done.stderr
    (user,) = home.json("users", "list")["users"]
    assert (user["name"], user["scopes"], user["last_seen_at"]) == ("maria", ["read", "simulate"], None)
    for name, password in (("maria", "another long password\n"), ("jo", "short\n")):
        monkeypatch.setattr(sys, "stdin", io.StringIO(password))
        home.run("users", "create", name, code=2)
    assert home.json("users", "remove", "maria")["is_removed"]
    home.run("users", "remove", "maria", code=3)


def test_a_link_names_where_the_pages_are_and_an_unknown_scope_is_refused(tmp_path):
    home = Company(tmp_path)
    told = home.json("users", "link", "--address", "https://churn.example/", "--scope", "read")
    assert told["link"].startswith("https://churn.example/sign-in/link?token=")
    home.run("users", "link", "--scope", "everything", code=2)


def test_sessions_are_shown_and_ended_and_attempts_forgotten(company: Company) -> None:
    context = build_context(settings=load_settings(home=company.home, environ={}))
    sign_in_by_link(context, create_link(context), address="10.0.0.7")
    sign_in_by_password(context, "maria", "wrong", address="10.0.0.7")
    (session,) = company.json("users", "sessions")["sessions"]
    assert (session["name"], session["signed_in_by"], session["scopes"]) == ("One-time link", "link", ["admin"])
    assert session["number"] in company.run("users", "sessions").stdout
    assert company.json("users", "sessions", "--end", session["number"]) == {"ended": 1}
    company.run("users", "sessions", "--end", session["number"], code=3)
    assert company.json("users", "unlock", "maria")["forgotten"] == 2
    assert company.json("users", "unlock", "--address", "10.0.0.7")["forgotten"] == 1
    company.run("users", "unlock", code=2)
