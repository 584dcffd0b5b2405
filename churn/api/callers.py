"""Recognises callers by their keys; simultaneous requests share one read of the store."""

from __future__ import annotations

import asyncio

from starlette.concurrency import run_in_threadpool

from churn.accounts.keys import Keyring
from churn.store.service_records import ApiKey


class Callers:
    """The keys of callers, cached for a second; see `Keyring`."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring
        self._looking: dict[str, asyncio.Task[ApiKey | None]] = {}

    async def key(self, token: str) -> ApiKey | None:
        """Return the valid key that `token` is, None for anything else.

        A caller's cached key expires on all connections at the same moment: one reads the store, the others wait for
        it.
        """
        key = self._keyring.held(token)
        if key is not None:
            return key
        looking = self._looking.get(token)
        if looking is None:
            looking = asyncio.create_task(run_in_threadpool(self._keyring.look_up, token))
            self._looking[token] = looking
            looking.add_done_callback(lambda _: self._looking.pop(token, None))
        return await asyncio.shield(looking)  # a canceled request must not cancel a read that others wait for
