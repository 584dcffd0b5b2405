from __future__ import annotations

import hashlib

import polars as pl
import pytest

from churn.campaigns.audience_file import audience_frame, hashed, normalised


@pytest.mark.parametrize(
    ("email", "platform", "plain"),
    [
        ("  Jane.Doe@Example.COM ", "google", "jane.doe@example.com"),
        ("Jane.Doe@Gmail.com", "google", "janedoe@gmail.com"),
        ("Jane.Doe@googlemail.com", "google", "janedoe@googlemail.com"),
        ("Jane.Doe@Gmail.com", "meta", "jane.doe@gmail.com"),
        ("Jane.Doe@Gmail.com", "linkedin", "jane.doe@gmail.com"),
        ("no address", "meta", None),
        ("@example.com", "meta", None),
        ("...@gmail.com", "google", None),
        ("jane@host", "meta", None),
        ("ja ne@example.com", "meta", None),
    ],
)
def test_an_address_is_normalised_as_each_platform_asks_for(email, platform, plain):
    assert normalised(email, platform) == plain


def test_the_hash_is_sha_256_in_hexadecimal_digits_of_a_known_address():
    # sha256sum of test@example.com
    assert hashed("TEST@example.com ", "meta") == "973dfe463ec85785f5f95af5ba3906eedb2d931c24e69824a89ea65dba4e813b"


def test_each_hash_stands_once_and_in_its_own_order():
    emails = pl.Series(["b@example.com", "A@example.com", "a@example.com ", None, "nothing"])
    frame = audience_frame(emails, "google")
    expected = sorted(hashlib.sha256(text).hexdigest() for text in (b"a@example.com", b"b@example.com"))
    assert (frame.columns, frame["Email"].to_list()) == (["Email"], expected)
