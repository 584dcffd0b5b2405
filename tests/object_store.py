"""A real server of the S3 protocol for tests, on loopback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class ObjectServer:
    """A running server, and what a client needs to know of it."""

    url: str

    @property
    def secrets(self) -> dict[str, str]:
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "word",
            "AWS_REGION": "us-east-1",
        }

    @contextmanager
    def client(self) -> Iterator[Any]:
        import botocore.session

        client = botocore.session.get_session().create_client(
            "s3",
            region_name="us-east-1",
            endpoint_url=self.url,
            aws_access_key_id="key",
            aws_secret_access_key="word",
        )
        yield client
        client.close()

    def keys(self, bucket: str) -> list[str]:
        """Return the keys of all objects in a bucket, but for the empty ones that stand for folders."""
        with self.client() as client:
            pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket)
            return [
                entry["Key"] for page in pages for entry in page.get("Contents", []) if not entry["Key"].endswith("/")
            ]


@contextmanager
def running_object_server() -> Iterator[ObjectServer]:
    """Run a server, and stop it."""
    from moto.server import ThreadedMotoServer

    running = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    try:
        yield ObjectServer(f"http://{host}:{port}")
    finally:
        running.stop()
