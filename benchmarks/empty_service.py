"""A service with one FastAPI route that does nothing: the most that this server could answer."""

from __future__ import annotations

import sys

import uvicorn
from fastapi import FastAPI

app = FastAPI(openapi_url=None)


@app.get("/v1/customers/{customer_id}/risk")
async def empty(customer_id: str) -> dict[str, str]:  # noqa: ARG001 - taken from the path, as ours does
    """Answer with nothing."""
    return {}


if __name__ == "__main__":
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=int(sys.argv[1]),
        loop="uvloop",
        http="httptools",
        log_config=None,
        access_log=False,
        server_header=False,
    )
