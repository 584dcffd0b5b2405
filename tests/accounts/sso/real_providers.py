"""Two identity providers that others wrote, on loopback: Canaille, and Debian's Glewlwyd. Each knows maria, of `retention`."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from tests.accounts.sso.canaille_server import CLIENT, PASSWORD, SECRET, USER

GLEWLWYD = shutil.which("glewlwyd")
_TABLES = Path("/usr/share/dbconfig-common/data/glewlwyd/install/sqlite3")


@contextmanager
def canaille(port: int, application: str, folder: Path) -> Iterator[str]:
    """Serve Canaille for the application at that address; give the issuer."""
    arguments = [sys.executable, "-m", "tests.accounts.sso.canaille_server", str(port), application]
    with _running(arguments, f"http://127.0.0.1:{port}/.well-known/openid-configuration", folder / "canaille.log"):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def glewlwyd(port: int, application: str, folder: Path) -> Iterator[str]:
    """Serve Glewlwyd for the application at that address, set up over its own API; give the issuer."""
    assert GLEWLWYD is not None
    with sqlite3.connect(folder / "glewlwyd.db") as database:
        database.executescript(_TABLES.read_text(encoding="utf-8"))
    database.close()
    config = folder / "glewlwyd.conf"
    config.write_text(
        f"""
        port={port}
        bind_address="127.0.0.1"
        external_url="http://127.0.0.1:{port}"
        login_url="login.html"
        api_prefix="api"
        log_mode="console"
        log_level="WARNING"
        cookie_secure=0
        session_key="GLEWLWYD2_SESSION_ID"
        admin_scope="g_admin"
        profile_scope="g_profile"
        user_module_path="/usr/lib/glewlwyd/user"
        client_module_path="/usr/lib/glewlwyd/client"
        user_auth_scheme_module_path="/usr/lib/glewlwyd/scheme"
        plugin_module_path="/usr/lib/glewlwyd/plugin"
        use_secure_connection=false
        secure_connection_key_file="{folder}/none"
        secure_connection_pem_file="{folder}/none"
        hash_algorithm="SHA512"
        database = {{ type = "sqlite3"; path = "{folder}/glewlwyd.db"; }};
        """,
        encoding="utf-8",
    )
    base = f"http://127.0.0.1:{port}/api"
    with _running([GLEWLWYD, "-c", str(config)], f"{base}/config", folder / "glewlwyd.log"):
        with httpx.Client(base_url=base) as admin:
            _post(admin, "/auth/", {"username": "admin", "password": "password"})  # as the package makes it
            _post(admin, "/mod/plugin/", _plugin(f"{base}/oidc"))
            users = admin.get("/mod/user/database").json()
            users["parameters"]["data-format"]["groups"] = {"multiple": True, "read": True, "write": True}
            assert admin.put("/mod/user/database", json=users).is_success
            assert admin.put("/mod/user/database/reset").is_success
            person = {"username": USER, "password": PASSWORD, "email": "maria@example.com", "scope": ["openid"]}
            _post(admin, "/user/", person | {"groups": ["retention", "sales"], "enabled": True})
            client = {
                "client_id": CLIENT,
                "name": "churn",
                "confidential": True,
                "client_secret": SECRET,
                "redirect_uri": [f"{application}/sign-in/sso/callback"],
                "post_logout_redirect_uri": f"{application}/sign-in",
                "authorization_type": ["code"],
                "token_endpoint_auth_method": ["client_secret_basic"],
                "scope": ["openid"],
                "enabled": True,
            }
            _post(admin, "/client/", client)
        yield f"{base}/oidc"


def allow_at_glewlwyd(issuer: str, address: str) -> str:
    """Sign maria in at Glewlwyd and let the application have what it asks for; return where the browser goes on to."""
    with httpx.Client(base_url=issuer.removesuffix("/oidc")) as browser:
        _post(browser, "/auth/", {"username": USER, "password": PASSWORD})
        assert browser.put(f"/auth/grant/{CLIENT}", json={"scope": "openid"}).is_success
        answer = browser.get(address, params={**httpx.URL(address).params, "g_continue": ""})
        assert answer.status_code == 302, answer.text
        return answer.headers["location"]


def _plugin(issuer: str) -> dict[str, object]:
    key = rsa.generate_private_key(65537, 2048)
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    given = {"type": "string", "mandatory": True, "on-demand": True, "scope": []}
    parameters = {
        "iss": issuer,
        "jwt-type": "rsa",
        "jwt-key-size": "256",
        "key": key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
        "cert": public.decode(),
        "access-token-duration": 60,
        "refresh-token-duration": 60,
        "code-duration": 60,
        "auth-type-code-enabled": True,
        "auth-type-refresh-enabled": True,
        "allow-non-oidc": False,
        "subject-type": "public",
        "pkce-allowed": True,
        "pkce-required": True,
        "pkce-method-plain-allowed": False,
        "oauth-as-iss-id": True,
        "jwks-show": True,
        "session-management-allowed": True,
        "session-cookie-name": "GLEWLWYD2_OIDC_SID",
        "session-cookie-expiration": 3600,
        "email-claim": "mandatory",
        "claims": [
            {"name": "groups", "user-property": "groups", **given},
            {"name": "preferred_username", "user-property": "username", **given},
        ],
    }
    return {"module": "oidc", "name": "oidc", "display_name": "OIDC", "parameters": parameters, "order_rank": 0}


def _post(client: httpx.Client, path: str, body: object) -> None:
    answer = client.post(path, json=body)
    assert answer.is_success, answer.text


@contextmanager
def _running(arguments: list[str], address: str, log: Path) -> Iterator[None]:
    """Run a server, from its first answer at `address` on."""
    with log.open("w") as output:
        process = subprocess.Popen(arguments, stdout=output, stderr=subprocess.STDOUT)
        try:
            deadline = time.monotonic() + 60
            while True:
                try:
                    httpx.get(address)
                    break
                except httpx.HTTPError:
                    assert process.poll() is None, log.read_text()
                    assert time.monotonic() < deadline, log.read_text()
                    time.sleep(0.05)
            yield
        finally:
            process.terminate()
            process.wait(timeout=30)
