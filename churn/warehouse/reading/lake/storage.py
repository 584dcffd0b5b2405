"""How the libraries of lakes are told of an S3-compatible store, and what their failures mean."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from churn.errors import AuthFailed, ChurnError, ConfigError, ContractBroken, Unreachable

EXTRA = "pip install 'churn[lake]'"
# A status stands by itself: libraries tell how long they tried, too, and 550.394044ms holds one.
_REFUSED = re.compile(
    r"InvalidAccessKeyId|SignatureDoesNotMatch|AccessDenied|Forbidden|Unauthorized|(?<![\w./-])40[13](?![\w/-]|\.\d)"
)
_ABSENT = re.compile(r"NoSuchBucket|(?<![\w./-])404(?![\w/-]|\.\d)")


def delta_options(secrets: Mapping[str, str]) -> dict[str, str]:
    """Return the options of Delta's own store: keys and endpoint from `secrets`, and no patience of minutes."""
    options = {name: value for name, value in secrets.items() if name.startswith("AWS_")}
    if options.get("AWS_ENDPOINT_URL", "").startswith("http://"):
        options["AWS_ALLOW_HTTP"] = "true"
    return {**options, "max_retries": "3", "retry_timeout": "30s", "connect_timeout": "10s"}


def iceberg_options(secrets: Mapping[str, str]) -> dict[str, str]:
    """Return the same for Iceberg."""
    names = {
        "AWS_ENDPOINT_URL": "s3.endpoint",
        "AWS_ACCESS_KEY_ID": "s3.access-key-id",
        "AWS_SECRET_ACCESS_KEY": "s3.secret-access-key",
        "AWS_SESSION_TOKEN": "s3.session-token",
        "AWS_REGION": "s3.region",
    }
    return {name: secrets[variable] for variable, name in names.items() if secrets.get(variable)}


def extra_missing(kind: str, where: str) -> ConfigError:
    """Return the error for a library that is not installed."""
    return ConfigError(f"{kind} needs an extra package", where=where, remedy=EXTRA)


@contextmanager
def translating(place: str, *, where: str) -> Iterator[None]:
    """Turn what storage raises into our errors: refused, away, or files that are gone."""
    try:
        yield
    except ChurnError:
        raise
    except FileNotFoundError as error:
        raise ContractBroken(
            "a data file of this version is gone, as after a vacuum or an expiry of snapshots",
            where=place,
            remedy=f"Read a newer version ([{where}] version), or restore the table.",
        ) from error
    except (OSError, ValueError) as error:
        raise storage_error(error, place) from error


def storage_error(error: Exception, place: str) -> ChurnError:
    """Return our error for what a store answered."""
    text = " ".join(str(error).split())
    if _REFUSED.search(text):
        remedy = "Check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and what they may read."
        return AuthFailed("the object store refuses our keys", where=place, remedy=remedy)
    if _ABSENT.search(text):
        return ContractBroken("there is no such bucket or table", where=place, remedy="Check the address.")
    return Unreachable(
        f"the storage failed: {text[:300]}", where=place, remedy="Check AWS_ENDPOINT_URL and the network."
    )
