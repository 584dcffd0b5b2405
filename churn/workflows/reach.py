"""Finds out whether what is configured elsewhere can be reached: CRMs, lakes, tables, MLflow, rooms, webhooks, the cluster, the identity provider."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from churn.accounts.sso.people import client_secret
from churn.accounts.sso.provider import Provider
from churn.config.schedule import WEBHOOK_SECRET, chat_url, webhook_secret
from churn.context import Context
from churn.distributed import probe_cluster, probe_source
from churn.errors import ChurnError, ConfigError, Unreachable
from churn.warehouse.reading import lake_load
from churn.workflows.mirror import reach_mlflow
from churn.workflows.publish import reach_destinations

_SECONDS: Final = 5.0
_PORTS: Final = {"https": 443, "http": 80}


@dataclass(frozen=True)
class Reached:
    """Something configured elsewhere, and why it cannot be used now if so."""

    what: str
    where: str
    error: ChurnError | None


def reach_places(context: Context) -> list[Reached]:
    """Look at each place; nothing is written or posted there."""
    tables = [Reached("publish", f"{place.kind} ({place.place})", place.error) for place in reach_destinations(context)]
    mlflow = reach_mlflow(context)
    tracking = [] if mlflow is None else [Reached("mlflow", mlflow.place, mlflow.error)]
    elsewhere = [*_receivers(context), *_cluster(context), *_provider(context), *_collector(context)]
    return [*_lakes(context), *tables, *tracking, *elsewhere]


def reach_connectors(context: Context) -> list[Reached]:
    """Sign in to each CRM, list and audience that lists are pushed to; nothing is written there."""
    reached = []
    for name in context.settings.connectors:
        error: ChurnError | None = None
        try:
            with closing(context.open_connector(name)) as connector:
                connector.check()
        except ChurnError as failure:
            error = failure
        reached.append(Reached("connector", name, error))
    return reached


def _cluster(context: Context) -> Iterator[Reached]:
    """Try a few tasks where the work is to be shared out."""
    engine = context.settings.engine
    if engine.kind == "spark":
        context.progress.step("Trying the Spark cluster")
        error: ChurnError | None = None
        try:
            probe_cluster(context.settings.home, engine, context.secrets)
        except ChurnError as failure:
            error = failure
        yield Reached("engine", f"Spark ({engine.master})", error)


def _lakes(context: Context) -> Iterator[Reached]:
    """Look up the tables of lakes, and those of Spark, that sources name."""
    for name, source in context.settings.sources.items():
        if source.format in {"delta", "iceberg", "spark"}:
            error: ChurnError | None = None
            try:
                if source.format == "spark":
                    probe_source(context.settings.engine, name, source)
                else:
                    lake_load.reach(name, source, context.secrets)
            except ChurnError as failure:
                error = failure
            yield Reached("sources", f"{name} ({source.format})", error)


def _receivers(context: Context) -> Iterator[Reached]:
    """Yield whoever we post to, by whether an address and a secret are set and its host takes connections."""
    alerts, secrets = context.settings.alerts, context.secrets
    for room in alerts.chat:
        variable = chat_url(room)
        url = secrets.get(variable, "")
        yield Reached("alerts", room, _trouble(url, f"[alerts] chat {room}", variable, is_set=bool(url)))
    if alerts.webhook_url:
        where = "[alerts] webhook_url"
        is_set = bool(secrets.get(WEBHOOK_SECRET))
        yield Reached("alerts", "webhook", _trouble(alerts.webhook_url, where, WEBHOOK_SECRET, is_set=is_set))
    for name, settings in context.settings.webhooks.items():
        variable = webhook_secret(name)
        trouble = _trouble(settings.url, f"[webhooks.{name}]", variable, is_set=bool(secrets.get(variable)))
        yield Reached("webhooks", name, trouble)


def _provider(context: Context) -> Iterator[Reached]:
    """Yield the identity provider, by whether its documents fit and it gives keys, and whether the secret can be read."""
    sso = context.settings.sso
    if not sso.is_on:
        return
    error: ChurnError | None = None
    try:
        client_secret(context)
        if not Provider(sso).keys():
            error = ConfigError(
                "the provider has no key to sign with", where="[sso] issuer", remedy="Look at its keys."
            )
    except ChurnError as trouble:
        error = trouble
    yield Reached("sso", str(sso.issuer), error)


def _collector(context: Context) -> Iterator[Reached]:
    lineage = context.settings.lineage.url
    if lineage is not None:
        yield Reached("lineage", lineage, _trouble(lineage, "[lineage] url", "url", is_set=True))
    endpoint = context.settings.tracing.endpoint
    if endpoint is not None:
        yield Reached("tracing", endpoint, _trouble(endpoint, "[tracing] endpoint", "endpoint", is_set=True))


def _trouble(url: str, where: str, variable: str, *, is_set: bool) -> ChurnError | None:
    if not is_set:
        return ConfigError(f"{variable} is not set", where=where, remedy="Put it into the environment.")
    parts = urlsplit(url.strip())
    if parts.scheme not in _PORTS or not parts.hostname:
        return ConfigError("its address is none", where=where, remedy="Write it as https://host/path.")
    try:
        socket.create_connection((parts.hostname, parts.port or _PORTS[parts.scheme]), timeout=_SECONDS).close()
    except (OSError, ValueError) as error:
        return Unreachable(
            f"{parts.hostname} takes no connection: {error}", where=where, remedy="Check the address and the network."
        )
    return None
