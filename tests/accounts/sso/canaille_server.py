"""Runs Canaille with its data in memory: `python -m tests.accounts.sso.canaille_server PORT APPLICATION`."""

from __future__ import annotations

import sys
from datetime import UTC, datetime

CLIENT, SECRET = "churn-pages", "sso-s3cret-word"
USER, PASSWORD = "maria", "correct horse battery staple"


def main(port: int, application: str) -> None:
    from canaille import create_app
    from joserfc.jwk import RSAKey
    from werkzeug.serving import make_server

    app = create_app(
        config={
            "SECRET_KEY": "x" * 32,
            "SERVER_NAME": f"127.0.0.1:{port}",
            "PREFERRED_URL_SCHEME": "http",
            "CANAILLE": {"DATABASE": "memory", "JAVASCRIPT": False, "HTMX": False},
            "CANAILLE_OIDC": {"ACTIVE_JWKS": [RSAKey.generate_key(2048, {"kid": "only"}).as_dict(private=True)]},
        }
    )
    with app.app_context():
        from canaille.app import models

        backend = app.backend.instance
        user = models.User(
            user_name=USER,
            display_name=USER,
            formatted_name="Maria Mora",
            family_name="Mora",
            emails=["maria@example.com"],
            password=PASSWORD,
        )
        backend.save(user)
        backend.save(models.Group(members=[user], display_name="retention"))
        client = models.Client(
            client_id=CLIENT,
            client_name="churn",
            client_uri="http://127.0.0.1",  # on a trusted domain: no page asks for consent
            client_secret=SECRET,
            client_id_issued_at=datetime.now(UTC),
            redirect_uris=[f"{application}/sign-in/sso/callback"],
            post_logout_redirect_uris=[f"{application}/sign-in"],
            grant_types=["authorization_code"],
            response_types=["code"],
            scope=["openid", "profile", "email", "groups"],
            token_endpoint_auth_method="client_secret_basic",
            id_token_signed_response_alg="RS256",
        )
        backend.save(client)
        client.audience = [client]
        backend.save(client)
    make_server("127.0.0.1", port, app, threaded=True).serve_forever()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
