"""A small CRM over HTTP, in memory, that takes `sys.argv[2]` milliseconds for each request."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import uvicorn
from fastapi import FastAPI

WAIT = float(sys.argv[2]) / 1000 if len(sys.argv) > 2 else 0.0
app = FastAPI(openapi_url=None)
records: list[dict[str, Any]] = []
by_key: dict[str, dict[str, Any]] = {}


@app.get("/contacts")
async def find(key: str) -> dict[str, Any]:
    """Find by key."""
    await asyncio.sleep(WAIT)
    return {"data": [by_key[key]] if key in by_key else []}


@app.post("/contacts", status_code=201)
async def create(values: dict[str, Any]) -> dict[str, Any]:
    """Make a record."""
    await asyncio.sleep(WAIT)
    records.append({"id": str(len(records)), **values})
    by_key[values["key"]] = records[-1]
    return records[-1]


@app.get("/contacts/{number}")
async def read(number: int) -> dict[str, Any]:
    """Read a record."""
    await asyncio.sleep(WAIT)
    return records[number]


@app.patch("/contacts/{number}")
async def change(number: int, values: dict[str, Any]) -> dict[str, Any]:
    """Change a record."""
    await asyncio.sleep(WAIT)
    records[number].update(values)
    return records[number]


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), loop="uvloop", http="httptools", log_config=None)
