"""What we sign is verified by the library that receivers use, and by the header that we had before."""

from __future__ import annotations

import base64
import time

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from churn.signing import SIGNATURE, sign, signed_headers

BODY = '{"event":"alert.raised","data":{"message":"Zahlung fehlt für Käufer"}}'.encode()
NEW, OLD = f"whsec_{base64.b64encode(b'n' * 24).decode()}", f"whsec_{base64.b64encode(b'o' * 24).decode()}"


def headers(secret: str, *, seconds_ago: int = 0) -> dict[str, str]:
    return signed_headers(secret, str(int(time.time()) - seconds_ago), "alert-1-critical", BODY)


def test_a_receiver_verifies_with_the_library_of_standard_webhooks() -> None:
    verified = Webhook(NEW).verify(BODY, headers(NEW))
    assert verified["data"] == {"message": "Zahlung fehlt für Käufer"}


def test_a_secret_of_any_form_is_the_bytes_that_it_is_written_with() -> None:
    assert Webhook(b"a-secret-of-the-webhook").verify(BODY, headers("a-secret-of-the-webhook"))


@pytest.mark.parametrize("known", [OLD, NEW])
def test_while_a_secret_is_changed_both_are_good(known: str) -> None:
    assert Webhook(known).verify(BODY, headers(f"{NEW} {OLD}"))


def test_a_wrong_secret_another_body_and_an_old_message_are_refused() -> None:
    with pytest.raises(WebhookVerificationError):
        Webhook(OLD).verify(BODY, headers(NEW))
    with pytest.raises(WebhookVerificationError):
        Webhook(NEW).verify(BODY + b" ", headers(NEW))
    with pytest.raises(WebhookVerificationError):
        Webhook(NEW).verify(BODY, headers(NEW, seconds_ago=600))


def test_the_header_of_our_own_is_signed_with_the_first_secret_as_it_is_written() -> None:
    signed = headers(f"{NEW} {OLD}")
    expected = sign(NEW.encode(), signed["webhook-timestamp"], "alert-1-critical", BODY)
    assert signed[SIGNATURE] == f"sha256={expected}"
