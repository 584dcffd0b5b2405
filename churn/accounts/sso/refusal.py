"""The refusal of a sign-in through the identity provider."""

from __future__ import annotations

from churn.errors import ChurnError


class SignInRefused(ChurnError):
    """A sign-in through the identity provider that is not valid, or gives no right here."""

    exit_code = 2
    http_status = 403
