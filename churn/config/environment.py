"""Reads environment variables `CHURN_*`: settings that override the file's, and secrets; an unknown one is an error."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from pydantic import BaseModel

from churn.config.connectors import secret_name
from churn.config.lineage import LINEAGE_KEY
from churn.config.mlflow import TRACKING_URI
from churn.config.publish import PUBLISH_DSN, PUBLISH_ICEBERG_DSN
from churn.config.schedule import CHAT_URLS, SMTP_PASSWORD, WEBHOOK_SECRET, webhook_secret
from churn.config.sso import SSO_SECRET
from churn.errors import ConfigError

HOME: Final = "CHURN_HOME"
_STORE_URL: Final = "CHURN_STORE_URL"
# The last one is the password in deploy/example.env that compose.yaml hands on under another name.
_SINGLE: Final = frozenset(
    {
        HOME,
        _STORE_URL,
        WEBHOOK_SECRET,
        SMTP_PASSWORD,
        PUBLISH_DSN,
        PUBLISH_ICEBERG_DSN,
        SSO_SECRET,
        LINEAGE_KEY,
        *CHAT_URLS,
        "CHURN_DATABASE_PASSWORD",
    }
)
_SECRETS: Final = re.compile(r"CHURN_(SOURCE_.+_(DSN|SECRET)|CONNECTOR_.+_SECRET|WEBHOOK_.+_SECRET)", re.DOTALL)
# Kubernetes tells every container where each service is: CHURN_API_SERVICE_HOST, CHURN_API_PORT_80_TCP_ADDR, ...
_SERVICES: Final = re.compile(
    r"CHURN(_[A-Z0-9]+)*_(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)"
)


def is_secret(name: str) -> bool:
    """Whether a variable may hold a secret that sources, connectors, webhooks or alerts read."""
    return (
        name
        in {
            WEBHOOK_SECRET,
            SMTP_PASSWORD,
            PUBLISH_DSN,
            PUBLISH_ICEBERG_DSN,
            SSO_SECRET,
            LINEAGE_KEY,
            *CHAT_URLS,
            "MYSQL_PWD",
        }
        or name == TRACKING_URI
        or name.startswith(("AWS_", "PG"))
        or bool(_SECRETS.fullmatch(name))
    )


# `values` are free: nothing in them is validated yet.
def overlay(values: dict[str, Any], environ: Mapping[str, str], model: type[BaseModel]) -> None:
    """Lay `CHURN_SECTION__KEY=value` over `values`, the file's, which `model` validates afterwards.

    A list or a table is written as in the file. Raises ConfigError naming the nearest known variable for one that is
    neither a setting nor a secret.
    """
    for name, value in sorted(environ.items()):
        if not name.startswith("CHURN_") or _SECRETS.fullmatch(name) or _SERVICES.fullmatch(name):
            continue
        section, *keys = name.removeprefix("CHURN_").lower().split("__")
        if name == _STORE_URL:
            values["store_url"] = value
        elif keys and section in model.model_fields:
            place = values
            for key in (section, *keys[:-1]):
                place = place.setdefault(key, {})
            place[keys[-1]] = _value(value)
        elif name not in _SINGLE:
            raise _unknown(name, [*_SINGLE, *_settings(model, "CHURN"), *_declared(values)])


def variable_of(place: Sequence[object]) -> str:
    """Return the name of the variable that stands for a key: ("training", "seed") gives CHURN_TRAINING__SEED."""
    return "CHURN_" + "__".join(str(part).upper() for part in place)


def _value(text: str) -> object:
    """Return a list or a table that is written as in the file; any other text as it is."""
    if text[:1] not in {"[", "{"}:
        return text
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:  # a pattern of files may begin so; whether it may stand here, the setting knows
        return text


def _unknown(name: str, known: list[str]) -> ConfigError:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    hint = f"Did you mean `{near[0]}`?" if near else "See docs/configuration.md for the names that are read."
    return ConfigError(f"unknown variable `{name}`", where="environment", remedy=hint)


def _settings(model: type[BaseModel], prefix: str) -> Iterator[str]:
    """Yield the variable of each key that is not in a section that the user names."""
    for name, field in model.model_fields.items():
        variable = f"{prefix}_{name.upper()}" if prefix == "CHURN" else f"{prefix}__{name.upper()}"
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from _settings(field.annotation, variable)
        elif "__" in variable:
            yield variable


def _declared(values: Mapping[str, Any]) -> Iterator[str]:
    """Yield the secrets of the sections that the file declares."""
    for section, variable in (
        ("sources", lambda name: f"CHURN_SOURCE_{name.upper()}_DSN"),
        ("sources", lambda name: f"CHURN_SOURCE_{name.upper()}_SECRET"),
        ("connectors", secret_name),
        ("webhooks", webhook_secret),
    ):
        declared = values.get(section)
        yield from (variable(name) for name in declared) if isinstance(declared, dict) else ()
