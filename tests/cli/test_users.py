from __future__ import annotations

import subprocess
import sys

import pytest

from tests.company import Company, clean_environment


def create(company: Company, name: str, password: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "churn", "users", "create", name, "--home", str(company.home)]
    return subprocess.run(
        command, input=password, env=clean_environment(), capture_output=True, text=True, timeout=120, check=False
    )


@pytest.mark.slow
def test_a_user_is_created_with_a_password_from_standard_input_listed_and_removed(tmp_path):
    home = Company(tmp_path)
    done = create(home, "maria", "correct horse battery staple\n")
    assert done.returncode == 0, done.stderr
    assert "battery" not in done.stdout + done.stderr
    (user,) = home.json("users", "list")["users"]
    assert (user["name"], user["scopes"], user["last_seen_at"]) == ("maria", ["read", "simulate"], None)
    assert create(home, "maria", "another long password\n").returncode == 2
    assert create(home, "jo", "short\n").returncode == 2
    assert home.json("users", "remove", "maria")["is_removed"]
    home.run("users", "remove", "maria", code=3)


def test_a_link_names_where_the_pages_are_and_an_unknown_scope_is_refused(tmp_path):
    home = Company(tmp_path)
    told = home.json("users", "link", "--address", "https://churn.example/", "--scope", "read")
    assert told["link"].startswith("https://churn.example/sign-in/link?token=")
    home.run("users", "link", "--scope", "everything", code=2)
