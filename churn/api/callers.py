"""Recognises callers by the keys that they send; requests that ask at the same time share one look at the store."""

from __future__ import annotations

import asyncio

from starlette.concurrency import run_in_threadpool

from churn.accounts.keys import Keyring
from churn.store.service_records import ApiKey


class Callers:
    """The keys of callers, remembered for a second; see `Keyring`."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring
        self._looking: dict[str, asyncio.Task[ApiKey | None]] = {}

    async def key(self, token: str) -> ApiKey | None:
        """Return the valid key that `token` is, None for anything else.

        A caller with many connections is forgotten on all of them at the same moment: one looks, the others wait for it.
        """
        key = self._keyring.held(token)
        if key is not None:
            return key
        looking = self._looking.get(token)
        if looking is None:
            looking = asyncio.create_task(run_in_threadpool(self._keyring.look_up, token))
            self._looking[token] = looking
            looking.add_done_callback(lambda _: self._looking.pop(token, None))
        return await asyncio.shield(looking)  # a request that is given up ends no look that others wait for
