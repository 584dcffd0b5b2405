"""Sends the rows of a run from the outbox to a connector in batches; resumable, and doubtful rows are looked up."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from churn.config.connectors import ConnectorSection
from churn.crm.connector import Connector, RowResult, WriteMode
from churn.crm.diff import differs
from churn.crm.lookup import NOT_EMPTIED, NOT_FOUND, Item, mode_of, resolve, settled_by
from churn.crm.retry import Patience
from churn.errors import ConnectorError, RateLimited, RecordRejected, Unreachable
from churn.progress import SILENT, Progress
from churn.store import OutboxRow, Settled, Store, SyncRun

_FEW = 10  # rejected rows that stop nothing, however small the list
_ENOUGH = 100  # rows after which a share of rejected ones means something
_MOST = 0.5
_PROOFS = 5  # first records that are made one by one until one of them proves the key


class Push:
    """One run under way. `counts`: created, updated, unchanged, cleared, rejected, unknown, left, differing."""

    def __init__(
        self,
        connector: Connector,
        store: Store,
        run: SyncRun,
        *,
        settings: ConnectorSection,
        mode: WriteMode,
        clock: Callable[[], datetime],
        sleep: Callable[[float], None] = time.sleep,
        progress: Progress = SILENT,
        is_forced: bool = False,
        refused_before: frozenset[str] = frozenset(),
    ) -> None:
        self._connector, self._store, self._run, self._settings = connector, store, run, settings
        self._mode, self._clock, self._progress, self._is_forced = mode, clock, progress, is_forced
        self._patience = Patience(settings, seed=run.run_id, sleep=sleep)
        self.counts: Counter[str] = Counter()
        # Customers with an open rejection; a further refusal of these does not count against this push.
        self._refused_before, self._newly_refused = refused_before, 0
        self._read_back_done, self._is_key_proven, self._sleep = False, False, sleep

    def send_all(self, total: int) -> None:
        """Send every pending row of the run, the most profitable first.

        Raises AuthFailed, RateLimited or Unreachable when the system stops answering: what was done stays done,
        and what was not is for the next run. Raises ConnectorError when too many rows are rejected, or when the
        system says yes and drops a field.
        """
        after, sent, seen_before = -1, 0, 0
        while rows := self._store.outbox.pending(self._run.run_id, self._connector.batch_size, after=after):
            after = rows[-1].position
            self._progress.step(f"Pushing to {self._run.connector}: {sent:,} of {total:,}", sent / max(total, 1))
            for action in ("write", "mark", "clear"):
                if some := [row for row in rows if row.action == action]:
                    self._send(some)
            sent += len(rows)
            seen_before += sum(row.customer_id in self._refused_before for row in rows)
            self._stop_on_rejections(sent - seen_before, total - seen_before)
        self._progress.step(f"Pushing to {self._run.connector}: {sent:,} of {total:,}", 1.0)

    def _send(self, rows: Sequence[OutboxRow]) -> None:
        mode = mode_of(rows[0], self._mode)
        empty = [row for row in rows if not row.payload]  # another campaign has written all our fields since
        self._settle([Settled(row, "done") for row in empty])
        ids = self._store.crm.remote_ids(self._run.connector, [row.customer_id for row in rows])
        doubted = self._doubted([row.customer_id for row in rows if row.customer_id not in ids])
        items = [
            Item(row, ids.get(row.customer_id), is_doubtful=row.customer_id in doubted) for row in rows if row.payload
        ]
        ready, settled = self._resolve(items, mode)
        self._count_settled(settled)
        self._settle(settled)
        if ready and mode != "update":
            ready = self._prove_key(ready, mode)
        if not ready:
            return
        self._store.outbox.mark_sending(self._run.run_id, [item.row for item in ready])
        delivered = self._deliver(ready, mode)
        if rows[0].action == "write" and not self._read_back_done:
            self._read_back(delivered)

    def _prove_key(self, ready: list[Item], mode: WriteMode) -> list[Item]:
        """Make the very first record of a system alone and find it by its key; return the items that are left to send.

        A key that goes into another field than the one that is searched would have every customer made anew.
        Raises ConnectorError when the record that was made is not found.
        """
        if self._is_key_proven or not self._connector.needs_remote_id:
            return ready
        self._is_key_proven = self._store.crm.knows_ids(self._run.connector)
        left = list(ready)
        for item in [item for item in ready if item.remote_id is None][:_PROOFS]:
            if self._is_key_proven:
                break
            left.remove(item)
            self._store.outbox.mark_sending(self._run.run_id, [item.row])
            for _, end in self._deliver([item], mode):
                if end.state == "done" and end.remote_id is not None:
                    self._find_made(item.row.customer_id, end.remote_id)
                    self._is_key_proven = True
        return left

    def _find_made(self, customer_id: str, remote_id: str) -> None:
        for wait in (0.0, self._settings.lookup_lag_seconds):
            if wait:
                self._sleep(wait)
            if remote_id in self._patience.call(lambda: self._connector.find([customer_id])).get(customer_id, ()):
                return
        self._store.outbox.distrust(self._run)
        raise ConnectorError(
            f"made the record {remote_id} and does not find it by its key {customer_id}",
            where=self._run.connector,
            remedy="Look at key_field and the lookup in its section: the key must be searched where it is written. "
            "Delete that record there before the next push.",
        )

    def _deliver(self, items: list[Item], mode: WriteMode) -> list[tuple[Item, Settled]]:
        """Write items until each is settled; on a failure of the whole, settle what is known and raise."""
        done: list[tuple[Item, Settled]] = []
        work: deque[list[Item]] = deque([items])
        try:
            while work:
                batch = work.popleft()
                work.extendleft(reversed(self._attempt(batch, mode, done)))
        except _Failed as failure:
            rest = [*failure.batch, *(item for batch in work for item in batch)]
            self._settle([s for _, s in done])
            self._settle([Settled(item.row, "unknown" if item.is_doubtful else "pending") for item in rest])
            raise failure.error from failure.error.__cause__
        self._settle([s for _, s in done])
        return done

    def _attempt(self, batch: list[Item], mode: WriteMode, done: list[tuple[Item, Settled]]) -> list[list[Item]]:
        """Write one batch, add what is settled to `done`, and return what must be written again."""
        try:
            results = self._connector.write([item.wire for item in batch], mode=mode, run_id=self._run.run_id)
        except RecordRejected as error:
            return self._split(batch, error, done)
        except RateLimited as error:
            # Some of its rows may have been created before the system had enough.
            return self._looked_up(self._after(error, batch), mode, done)
        except Unreachable as error:
            if error.is_unknown:
                batch = [replace(item, is_doubtful=True) for item in batch]
            return self._looked_up(self._after(error, batch), mode, done)
        except ConnectorError as error:
            raise _Failed(error, batch) from error
        return self._judge(batch, results, mode, done)

    def _judge(
        self, batch: list[Item], results: Sequence[RowResult], mode: WriteMode, done: list[tuple[Item, Settled]]
    ) -> list[list[Item]]:
        again: list[Item] = []
        by_customer = {result.customer_id: result for result in results}
        by_customer |= self._not_emptied(batch, by_customer)
        for item in batch:
            result = by_customer.get(item.row.customer_id, RowResult(item.row.customer_id, "unknown"))
            is_partial = not item.is_whole and item.row.changed is not None
            if result.state in {"transient", "unknown"}:
                again.append(replace(item, is_doubtful=item.is_doubtful or result.state == "unknown"))
            elif result.code == NOT_FOUND and self._may_look_again(item):
                # Deleted or merged over there: whoever carries the key now is the record.
                self._store.crm.forget_ids(self._run.connector, [item.row.customer_id])
                again.append(replace(item, remote_id=None, is_whole=True, was_lost=True))
            elif result.state == "created" and is_partial:
                self.counts["created"] += 1
                again.append(replace(item, remote_id=result.remote_id, is_whole=True))
            else:
                self._count(item, result)
                done.append((item, settled_by(item, result, mode)))
        if not again:
            self._patience.succeeded()
            return []
        if len(again) < len(batch):
            self._patience.succeeded()
        is_busy = not all(item.was_lost and item.remote_id is None for item in again)
        wish = max((result.retry_after for result in results if result.retry_after is not None), default=None)
        if is_busy and not self._patience.pause(wish):
            done += [(item, Settled(item.row, "unknown" if item.is_doubtful else "pending")) for item in again]
            self.counts["left"] += len(again)
            self._patience.succeeded()
            return []
        looked_up = self._looked_up(again, mode, done)
        size = max(1, len(batch) // 4)  # a lock that many rows fight for is won by fewer
        return [some[n : n + size] for some in looked_up for n in range(0, len(some), size)]

    def _not_emptied(self, batch: Sequence[Item], by_customer: Mapping[str, RowResult]) -> dict[str, RowResult]:
        """Read back every record that was emptied, and return a rejection for each that still holds what it should not.

        Some systems say yes to an empty value and leave the field as it is: a record that goes on naming an offer would
        have somebody called who has objected. Raises _Failed when the system does not let us look.
        """
        emptied = {}
        for item in batch:
            result = by_customer.get(item.row.customer_id)
            if item.row.action != "write" and result is not None and result.state in {"updated", "created"}:
                emptied[result.remote_id or item.remote_id or item.row.customer_id] = item
        if not emptied:
            return {}
        names = sorted({name for item in emptied.values() for name in item.values})
        try:
            held = self._patience.call(lambda: self._connector.read(list(emptied), names))
        except ConnectorError as error:
            raise _Failed(error, list(batch)) from error
        refused = {}
        for remote_id, record in held.items():
            item = emptied[remote_id]
            left = sorted(name for name, value in item.values.items() if differs(value, record.get(name)))
            if left:
                words = f"it said yes, and still holds what was to be emptied: {', '.join(left)}"
                refused[item.row.customer_id] = RowResult(
                    item.row.customer_id, "rejected", remote_id, NOT_EMPTIED, left[0], words, may_pass=True
                )
        return refused

    def _may_look_again(self, item: Item) -> bool:
        return self._connector.needs_remote_id and item.remote_id is not None and not item.was_lost

    def _looked_up(self, batch: list[Item], mode: WriteMode, done: list[tuple[Item, Settled]]) -> list[list[Item]]:
        """Look up by key whatever may have been created, so that nothing is created twice."""
        try:
            ready, settled = self._resolve(batch, mode)
        except ConnectorError as error:
            raise _Failed(error, batch) from error
        by_customer = {item.row.customer_id: item for item in batch}
        self._count_settled(settled)
        done += [(by_customer[end.row.customer_id], end) for end in settled]
        return [ready] if ready else []

    def _resolve(self, items: Sequence[Item], mode: WriteMode) -> tuple[list[Item], list[Settled]]:
        name, lag = self._run.connector, self._settings.lookup_lag_seconds
        return resolve(items, self._connector, name, self._store, mode, self._patience, lag_seconds=lag)

    def _doubted(self, customers: Sequence[str]) -> frozenset[str]:
        """Return whose record an earlier run may have made so lately that a lookup need not show it yet."""
        lag = self._settings.lookup_lag_seconds
        if not lag or not customers:
            return frozenset()
        since = self._clock() - timedelta(seconds=lag)
        return frozenset(self._store.crm.doubted(self._run.connector, customers, since=since))

    def _count_settled(self, settled: Sequence[Settled]) -> None:
        """Count what a lookup has settled; rows in doubt are counted at the end of the run."""
        for end in settled:
            if end.state == "rejected":
                self._refuse(end.row.customer_id)
            elif end.state == "done":
                self.counts["unchanged"] += 1

    def _split(self, batch: list[Item], error: RecordRejected, done: list[tuple[Item, Settled]]) -> list[list[Item]]:
        if len(batch) > 1:
            half = len(batch) // 2
            return [batch[:half], batch[half:]]
        self._refuse(batch[0].row.customer_id)
        done.append((batch[0], Settled(batch[0].row, "rejected", message=error.what)))
        return []

    def _after(self, error: RateLimited | Unreachable, batch: list[Item]) -> list[Item]:
        try:
            self._patience.wait(error)
        except ConnectorError as final:
            raise _Failed(final, batch) from error
        return batch

    def _count(self, item: Item, result: RowResult) -> None:
        if result.state == "rejected":
            if item.row.action != "write" and result.code == NOT_FOUND:
                self.counts["unchanged"] += 1
            else:
                self._refuse(item.row.customer_id)
        elif item.row.action != "write":
            self.counts["cleared"] += 1
        elif not (result.state == "updated" and item.is_whole and item.row.changed is not None):
            self.counts[result.state] += 1
        else:
            self.counts["updated"] += 1

    def _settle(self, settled: Sequence[Settled]) -> None:
        self._store.outbox.settle(self._run, settled, self._clock())

    def _refuse(self, customer_id: str) -> None:
        self.counts["rejected"] += 1
        self._newly_refused += customer_id not in self._refused_before

    def _stop_on_rejections(self, sent: int, total: int) -> None:
        """Stop once it is certain that too much of the run is refused, or most of a good part of it is.

        Rows that were refused before are left out of both: they neither stop a push nor make its share look small.
        """
        refused = self._newly_refused
        if self._is_forced or refused < _FEW or sent < min(total, _ENOUGH):
            return
        is_most = sent >= _ENOUGH and refused > _MOST * sent
        if refused > self._settings.max_rejected_share * total or is_most:
            raise ConnectorError(
                f"{refused:,} of the first {sent:,} rows were rejected",
                where=self._run.connector,
                remedy="See `churn sync status --rejected`; --force goes on regardless.",
            )

    def _read_back(self, delivered: Sequence[tuple[Item, Settled]]) -> None:
        """Read some written records back and compare: some systems say yes and drop what they do not know."""
        written = {
            s.remote_id: item for item, s in delivered if s.state == "done" and s.remote_id is not None and s.is_ours
        }
        sample = dict(list(written.items())[: self._settings.sample_size])
        if not sample:
            return
        self._read_back_done = True
        names = sorted({name for item in sample.values() for name in item.values})
        held = self._patience.call(lambda: self._connector.read(list(sample), names))
        off: Counter[str] = Counter()
        seen: Counter[str] = Counter()
        for remote_id, record in held.items():
            for name, value in sample[remote_id].values.items():
                seen[name] += 1
                off[name] += differs(value, record.get(name))
        self.counts["differing"] = sum(off.values())
        dropped = sorted(name for name, count in off.items() if count == seen[name])
        if dropped:
            self._store.outbox.distrust(self._run)
            raise ConnectorError(
                f"it said yes, but does not hold what was written to {', '.join(dropped)}",
                where=self._run.connector,
                remedy="Look whether the field exists there and nothing there overwrites it, then push again.",
            )


class _Failed(Exception):
    """The system stopped answering while `batch` was being written."""

    def __init__(self, error: ConnectorError, batch: list[Item]) -> None:
        super().__init__(str(error))
        self.error, self.batch = error, batch
