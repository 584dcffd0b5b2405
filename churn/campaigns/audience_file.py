"""Hashed audiences: e-mail addresses as ad platforms take them, normalised and hashed, under the column that each expects."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final, TypeAlias, get_args

from churn.config.connectors import AudiencePlatform

if TYPE_CHECKING:
    import polars as pl

Platform: TypeAlias = AudiencePlatform
PLATFORMS: Final[tuple[Platform, ...]] = get_args(AudiencePlatform)
# The header of their templates: Google Customer Match, Meta's customer lists, LinkedIn's contact lists.
COLUMNS: Final[dict[Platform, str]] = {"google": "Email", "meta": "email", "linkedin": "email"}
_GOOGLE_MAIL: Final = frozenset({"gmail.com", "googlemail.com"})


def normalised(email: str, platform: Platform) -> str | None:
    """Return an address as `platform` wants it before hashing: trimmed, in lower case; None for what is no address.

    Google alone leaves out the dots before the @ of its own addresses, since it does so with those of its users.
    """
    name, at, domain = email.strip().lower().rpartition("@")
    if not at or not name or "." not in domain or any(sign.isspace() for sign in f"{name}{domain}"):
        return None
    if platform == "google" and domain in _GOOGLE_MAIL:
        name = name.replace(".", "")
    return f"{name}@{domain}" if name else None


def hashed(email: str, platform: Platform) -> str | None:
    """Return the SHA-256 of the normalised address in hexadecimal digits; None for what is no address."""
    plain = normalised(email, platform)
    return None if plain is None else hashlib.sha256(plain.encode()).hexdigest()


def audience_frame(emails: pl.Series, platform: Platform) -> pl.DataFrame:
    """Return the hashes of the addresses, each once and in their own order, which tells nothing of anybody's rank."""
    import polars as pl

    digests = {digest for email in emails.drop_nulls() if (digest := hashed(email, platform)) is not None}
    return pl.DataFrame({COLUMNS[platform]: pl.Series(sorted(digests), dtype=pl.String)})


def hashes_of(emails: pl.DataFrame, platform: Platform) -> pl.DataFrame:
    """Return customer_id and email_sha256 of those with an address that no other customer has."""
    import polars as pl

    digests = pl.Series("email_sha256", [hashed(email, platform) for email in emails["email"]], dtype=pl.String)
    frame = emails.select("customer_id").with_columns(digests).drop_nulls()
    return frame.filter(pl.col("email_sha256").is_unique())


def consenting(frame: pl.DataFrame, consent: pl.DataFrame) -> tuple[pl.DataFrame, int]:
    """Return those of a list who consented to marketing, and how many did not."""
    import polars as pl

    kept = frame.join(consent.filter(pl.col("has_consent")), on="customer_id", how="semi", maintain_order="left")
    return kept, frame.height - kept.height
