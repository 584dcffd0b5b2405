"""Readers of a service under load: what they ask, how long each answer took, and whether any of them saw half a run."""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

EMPTY = "an empty route of another process, beside"
_LENGTH = re.compile(rb"^content-length: *(\d+)", re.IGNORECASE | re.MULTILINE)
_CHUNKED = re.compile(rb"^transfer-encoding: *chunked", re.IGNORECASE | re.MULTILINE)


@dataclass
class Answer:
    """Status, head and body of one answer."""

    status: int
    head: bytes
    body: bytes

    def json(self) -> Any:
        """Return the body as a document."""
        return json.loads(self.body)


class Connections:
    """Keeps connections to 127.0.0.1 open and sends one request at a time on each: a library's client would cost more than ours."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def ask(self, path: str, headers: dict[str, str], body: str | None = None) -> Answer:
        """Send one request and return its answer. Raises OSError or asyncio.IncompleteReadError when it is cut off."""
        while self._idle and self._idle[-1][0].at_eof():  # the service has closed it as idle
            self._idle.pop()[1].close()
        reader, writer = (
            self._idle.pop() if self._idle else await asyncio.open_connection("127.0.0.1", self._port, limit=1 << 20)
        )
        told = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        if body is not None:
            told += f"Content-Type: application/json\r\nContent-Length: {len(body.encode())}\r\n"
        verb = "GET" if body is None else "POST"
        writer.write(f"{verb} {path} HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\n{told}\r\n{body or ''}".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        if (length := _LENGTH.search(head)) is not None:
            content = await reader.readexactly(int(length[1]))
        elif _CHUNKED.search(head):
            content = b"".join([part async for part in _chunks(reader)])
        else:
            content = b""
        self._idle.append((reader, writer))
        return Answer(int(head[9:12]), head, content)

    def close(self) -> None:
        """Close what is idle."""
        for _, writer in self._idle:
            writer.close()


async def _chunks(reader: asyncio.StreamReader) -> Any:
    while size := int(await reader.readuntil(b"\r\n"), 16):
        yield (await reader.readexactly(size + 2))[:-2]
    await reader.readexactly(2)


@dataclass
class Seen:
    """What the readers saw: seconds of every answer by kind, what was wrong, and the runs they read."""

    seconds: dict[str, list[float]] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    whole: int = 0  # lists read from their first page to their last
    cut: int = 0  # lists that changed on the way, which the service said
    lists: dict[str, str] = field(default_factory=dict)  # run -> fingerprint of its whole list, which never varies
    counts: dict[str, int] = field(default_factory=dict)  # run -> customers on the list as read
    scores: dict[str, dict[str, float]] = field(default_factory=dict)  # run -> customer -> probability, of the list
    single: list[tuple[str, str, float]] = field(default_factory=list)  # run, customer, probability, of single lookups
    models: set[str] = field(default_factory=set)
    scraped: set[int] = field(default_factory=set)  # customers that the metrics told, over all bands

    def lookups_that_differ(self) -> int:
        """Return how many single lookups say something else than the list of the run that they name."""
        known = [(run, one, p) for run, one, p in self.single if run in self.scores]
        return sum(self.scores[run].get(one) != p for run, one, p in known)


class Readers:
    """Asks a service for `seconds`: each kind of request at its own pace, whatever became of those before."""

    def __init__(
        self, port: int, key: str, cookie: str, customers: list[str], features: dict[str, Any], *, empty_port: int
    ) -> None:
        self._connections, self._empty = Connections(port), Connections(empty_port)
        self._key = {"Authorization": f"Bearer {key}"}
        self._cookie = {"Cookie": f"churn_session={cookie}", "Accept": "text/html"}
        self._customers, self._dice = customers, random.Random(7)
        rows = [{"customer_id": f"new {n}", "features": features} for n in range(3)]
        self._rows = json.dumps({"rows": rows, "with_reasons": True})
        self.seen = Seen()

    async def work(self, seconds: float, pace: float) -> Seen:
        """Read for `seconds`, `pace` times as often as the least; return what was seen."""
        until = time.perf_counter() + seconds
        await asyncio.gather(
            self._paced("risk of one customer", 25 * pace, until, self._lookup),
            self._paced(EMPTY, 25 * pace, until, self._nothing),
            self._paced("three scores with reasons", 8 * pace, until, self._score),
            self._paced("page of a person", 1.5 * pace, until, self._page),
            self._paced("simulation", 0.5 * pace, until, self._simulate),
            self._paced("metrics", 0.2, until, self._metrics),
            self._paced("ready?", 1, until, self._ready),
            self._lists(until),
        )
        self._connections.close()
        self._empty.close()
        return self.seen

    async def _paced(self, kind: str, rate: float, until: float, ask: Callable[[], Awaitable[str | None]]) -> None:
        began, tasks = time.perf_counter(), set()
        number = 0
        while (due := began + number / rate) < until:
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            task = asyncio.create_task(self._timed(kind, due, ask))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
            number += 1
        await asyncio.gather(*tasks)

    async def _timed(self, kind: str, due: float, ask: Callable[[], Awaitable[str | None]]) -> None:
        """Ask once; seconds count from when the request was due, so that waiting behind others is not hidden."""
        try:
            wrong = await ask()
        except (OSError, asyncio.IncompleteReadError) as error:
            wrong = type(error).__name__
        self.seen.seconds.setdefault(kind, []).append(time.perf_counter() - due)
        if wrong:
            self.seen.wrong.append(f"{kind}: {wrong}")

    async def _lookup(self) -> str | None:
        customer = self._dice.choice(self._customers)
        answer = await self._connections.ask(f"/v1/customers/{customer}/risk", self._key)
        if answer.status != 200:
            return _told(answer)
        told = answer.json()
        self.seen.single.append((told["run_id"], customer, told["churn_probability"]))
        return None

    async def _nothing(self) -> str | None:
        """Ask the empty route of another process: what the machine itself takes at that moment."""
        answer = await self._empty.ask("/v1/customers/nobody/risk", self._key)
        return None if answer.status == 200 else _told(answer)

    async def _score(self) -> str | None:
        answer = await self._connections.ask("/v1/scores", self._key, self._rows)
        if answer.status != 200:
            return _told(answer)
        told = answer.json()
        self.seen.models.add(told["model_version"])
        return None if len(told["scores"]) == 3 else "scores are missing"

    async def _page(self) -> str | None:
        customer = self._dice.choice(self._customers)
        path = self._dice.choice(
            [
                *("/", "/risk-list", "/risk-list?show=all&sort=churn_probability", f"/customers/{customer}"),
                *("/simulator", "/campaigns", "/insights", "/model", "/reports", "/jobs"),
            ]
        )
        answer = await self._connections.ask(path, self._cookie)
        is_whole = answer.status == 200 and answer.body.rstrip().endswith(b"</html>")
        return None if is_whole else f"{path.split('?')[0]} {_told(answer)}"

    async def _simulate(self) -> str | None:
        budget = self._dice.randrange(1_000, 20_000)
        answer = await self._connections.ask("/v1/simulations", self._key, json.dumps({"budget": budget}))
        return None if answer.status in {200, 201} else _told(answer)

    async def _metrics(self) -> str | None:
        answer = await self._connections.ask("/metrics", {})
        if answer.status != 200:
            return _told(answer)
        bands = re.findall(rb"^churn_scored_customers\{.*\} ([\d.e+]+)", answer.body, re.MULTILINE)
        self.seen.scraped.add(int(sum(float(one) for one in bands)))
        return None

    async def _ready(self) -> str | None:
        answer = await self._connections.ask("/readyz", {})
        return None if answer.status == 200 else _told(answer)

    async def _lists(self, until: float) -> None:
        """Read the whole list page by page, again and again; pages of one list bear one run, or the service says it changed."""
        while time.perf_counter() < until:
            run, cursor, told = None, "", []
            while True:
                began = time.perf_counter()
                path = f"/v1/risk-list?min_probability=0&limit=500{cursor}"
                try:
                    answer = await self._connections.ask(path, self._key)
                except (OSError, asyncio.IncompleteReadError) as error:
                    self.seen.wrong.append(f"page of the list: {type(error).__name__}")
                    break
                self.seen.seconds.setdefault("page of the list (500 rows)", []).append(time.perf_counter() - began)
                if answer.status == 409 and answer.json()["code"] == "list_changed" and cursor:
                    self.seen.cut += 1
                    break
                if answer.status != 200:
                    self.seen.wrong.append(f"page of the list: {_told(answer)}")
                    break
                page = answer.json()
                if page["run_id"] != (run or page["run_id"]):
                    self.seen.wrong.append("pages of two runs under one cursor")
                    break
                run = page["run_id"]
                told += [(one["customer_id"], one["churn_probability"]) for one in page["customers"]]
                await asyncio.sleep(0.05)
                if page["next_cursor"] is None:
                    self._read(run, told)
                    break
                cursor = f"&cursor={page['next_cursor']}"

    def _read(self, run: str, told: list[tuple[str, float]]) -> None:
        """Keep a list that was read to its end: it must be what everybody else read under the run's name."""
        self.seen.whole += 1
        mark = hashlib.sha256(repr(sorted(told)).encode()).hexdigest()
        if self.seen.lists.setdefault(run, mark) != mark:
            self.seen.wrong.append(f"two different lists of run {run}")
        self.seen.counts[run] = len(told)
        self.seen.scores[run] = dict(told)
        if len(self.seen.scores[run]) != len(told):
            self.seen.wrong.append(f"a customer twice on the list of run {run}")


def _told(answer: Answer) -> str:
    return f"{answer.status} {answer.body[:200].decode('utf-8', 'replace')}"
