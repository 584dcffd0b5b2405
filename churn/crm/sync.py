"""Brings a remote system in step with a list: preflight, difference, guard rails, then the push, each run on record."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from churn.config.connectors import ConnectorSection
from churn.crm.connector import Connector
from churn.crm.diff import Changes, canonical, compare
from churn.crm.mapping import FieldMapping
from churn.crm.preflight import MakesFields, MappingTerms, ShowsFields, absent_faults, check_mapping, examine, refuse
from churn.crm.preview import preview
from churn.crm.push import Push
from churn.crm.request import PUSH_ONE, Checked, CheckedField, SyncReport, SyncRequest
from churn.crm.retry import Patience
from churn.crm.rows import Acknowledged, Planned, plan_rows
from churn.errors import CampaignError, ChurnError
from churn.progress import SILENT, Progress
from churn.store import MappingChange, Store, SyncRun
from churn.store.records import SyncState

_FEW = 50  # records whose change stops nothing, however small the list


@dataclass(frozen=True)
class Shape:
    """What a push is about to do: sizes of the list now and last time, and how many known records it touches."""

    list_size: int
    last_size: int | None
    known: int
    touched: int


def check_guards(shape: Shape, settings: ConnectorSection, *, where: str) -> None:
    """Raise CampaignError when the list shrank too much, or too many of the records written before would change."""
    if shape.last_size and shape.list_size < settings.min_list_share * shape.last_size:
        raise CampaignError(
            f"the list has {shape.list_size:,} customers, and had {shape.last_size:,} at the last push",
            where=where,
            remedy="Look at the plan and at the data; --force pushes it all the same.",
        )
    if shape.touched > _FEW and shape.touched > settings.max_changed_share * max(shape.known, 1):
        raise CampaignError(
            f"{shape.touched:,} of the {shape.known:,} records written before would change, "
            f"more than {settings.max_changed_share:.0%}",
            where=where,
            remedy="Look with --dry-run; --force pushes it all the same.",
        )


COUNTS = ("created", "updated", "unchanged", "cleared", "rejected", "unknown", "left", "differing")


class Sync:
    """One request, carried out against one connector and one store."""

    def __init__(
        self,
        request: SyncRequest,
        connector: Connector,
        store: Store,
        *,
        clock: Callable[[], datetime],
        sleep: Callable[[float], None] = time.sleep,
        progress: Progress = SILENT,
    ) -> None:
        self._request, self._connector, self._store = request, connector, store
        self._clock, self._sleep, self._progress = clock, sleep, progress

    def run(self, *, is_dry: bool = False) -> SyncReport:
        """Push what differs and return what became of it; a dry run writes nothing, here or there.

        Raises ConfigError (the mapping does not fit), CampaignError (a guard rail), SyncBusy (another push to the
        same system), AuthFailed, RateLimited, Unreachable or ConnectorError when the system stops answering; the run
        and its alert are on record then, and the next one goes on where it stopped.
        """
        began, request = time.monotonic(), self._request
        check_mapping(request.fields, campaign=request.campaign, is_campaign=request.is_campaign)
        if is_dry:
            mapping, warnings = self._mapping(is_dry=True), self._warnings()
            planned, acknowledged = self._plan(mapping, warnings)
            expected = preview(
                planned,
                self._connector,
                request.connector,
                self._store,
                settings=request.settings,
                mode=request.write_mode,
                acknowledged=acknowledged,
            )
            return SyncReport(
                run_id="",
                state="dry run",
                counts=expected.counts,
                skipped=dict(planned.skipped),
                seconds=time.monotonic() - began,
                preview=expected,
                warnings=tuple(warnings),
            )
        with self._store.lock_destination(request.connector, request.holder):
            resumed = self._take_up()
            return self._push(began, resumed)

    def check(self) -> Checked:
        """Return what the system holds of the first customer of the list, field by field, and what would be written.

        Reads only. Raises as a push, for whatever a push refuses before it writes.
        """
        request = self._request
        check_mapping(request.fields, campaign=request.campaign, is_campaign=request.is_campaign)
        mapping = self._mapping(is_dry=True)
        row = request.wanted.row(0, named=True)
        key = str(row["customer_id"])
        patience = Patience(request.settings, seed=request.run_id, sleep=self._sleep)
        ids = patience.call(lambda: self._connector.find([key])).get(key, ())
        held = patience.call(lambda: self._connector.read(ids[:1], list(request.fields.values()))) if ids else {}
        if ids and not mapping.schema and isinstance(self._connector, ShowsFields):
            refuse(absent_faults(self._connector, request.fields, ids[0], patience) or (), where=request.where)
        record, values = held.get(ids[0], {}) if ids else {}, mapping.values(row)
        fields = tuple(
            CheckedField(
                ours=ours,
                theirs=theirs,
                kind=mapping.schema[theirs].kind if theirs in mapping.schema else None,
                holds=canonical(record.get(theirs)),
                would_hold=canonical(values[theirs]),
            )
            for ours, theirs in request.fields.items()
        )
        return Checked(key, ids, fields)

    def _take_up(self) -> tuple[str, ...]:
        """Close the runs that were killed: what they had begun to send is doubted, and so written again."""
        left = self._store.sync_runs.unfinished(self._request.connector)
        for run in left:
            self._store.outbox.abandon(run, self._clock())
        return tuple(run.run_id for run in left)

    def _push(self, began: float, resumed: tuple[str, ...]) -> SyncReport:
        request, store = self._request, self._store
        run = self._new_run()
        previous = store.sync_runs.last_mapping(request.connector, request.campaign)
        push: Push | None = None
        skipped: dict[str, int] = {}
        store.sync_runs.start(run)
        try:
            mapping = self._mapping()
            self._refuse_silent_change(previous)
            planned, _ = self._plan(mapping)
            skipped = dict(planned.skipped)
            if request.action == "push" and previous != dict(request.fields):
                store.sync_runs.note_mapping(
                    MappingChange(
                        request.connector,
                        request.campaign,
                        run.run_id,
                        dict(request.fields),
                        previous,
                        request.who,
                        self._clock(),
                    )
                )
            store.outbox.queue(run.run_id, planned.rows)
            refused_before = {r.customer_id for r in store.crm.rejections(request.connector, request.campaign)}
            push = Push(
                self._connector,
                store,
                run,
                settings=request.settings,
                mode=request.write_mode,
                clock=self._clock,
                sleep=self._sleep,
                progress=self._progress,
                is_forced=request.is_forced,
                refused_before=frozenset(refused_before),
            )
            push.send_all(len(planned.rows))
        except ChurnError as error:
            self._finish(run, "failed", push, skipped, error=str(error))
            raise
        self._drop_past_rejections()
        counts = self._finish(run, None, push, skipped)
        refused = self._refused()
        state = "partial" if refused or counts["rejected"] or counts["left"] or counts["unknown"] else "done"
        seconds = time.monotonic() - began
        return SyncReport(run.run_id, state, counts, skipped, seconds, resumed, refused=refused)

    def _refused(self) -> int:
        """Return how many rows are refused as of now, in this push or before."""
        return len(self._store.crm.rejections(self._request.connector, self._request.campaign))

    def _drop_past_rejections(self) -> None:
        """Forget rejections of those who are not on the list any more and of whom the system holds nothing of ours."""
        request, crm = self._request, self._store.crm
        if request.only is not None:
            return
        concerned = {*request.wanted["customer_id"], *crm.records(request.connector, request.campaign)["customer_id"]}
        rejections = crm.rejections(request.connector, request.campaign)
        past = [rejection.customer_id for rejection in rejections if rejection.customer_id not in concerned]
        if past:
            crm.drop_rejections(request.connector, request.campaign, past)

    def _new_run(self) -> SyncRun:
        request = self._request
        return SyncRun(
            run_id=request.run_id,
            connector=request.connector,
            campaign=request.campaign,
            action=request.action,
            mode=request.mode,
            mapping=dict(request.fields),
            model_version=request.model_version,
            score_run_id=request.score_run_id,
            list_size=request.wanted.height,
            holder=request.holder,
            started_at=self._clock(),
            is_full=request.is_full,
        )

    def _mapping(self, *, is_dry: bool = False) -> FieldMapping:
        request = self._request
        self._progress.step(f"Signing in to {request.connector}")
        patience = Patience(request.settings, seed=request.run_id, sleep=self._sleep)
        terms = MappingTerms(
            request.fields,
            request.settings,
            request.where,
            may_mark=request.leaving == "band_none" and bool(request.fields),
            may_create=request.write_mode != "update" and request.action in {"push", PUSH_ONE},
            constants=request.constants,
        )
        examined = examine(self._connector, terms, patience)
        mapping = examined.mapping
        if examined.to_make and not is_dry and isinstance(self._connector, MakesFields):
            self._connector.make_fields(examined.to_make)
            mapping = examine(self._connector, terms, patience).mapping
        return mapping

    def _refuse_silent_change(self, previous: Mapping[str, str] | None) -> None:
        request = self._request
        if request.is_full or request.action != "push" or previous is None:
            return
        changed = sorted({n for n in {*previous, *request.fields} if previous.get(n) != request.fields.get(n)})
        last = self._store.sync_runs.last_done(request.connector, request.campaign)
        model = last.model_version if last else None
        reasons = []
        if changed:
            reasons.append(f"the mapping of {', '.join(changed)} changed")
        if model is not None and model != request.model_version:
            reasons.append(f"the scores are of model {request.model_version}, and were of {model}")
        if reasons:
            raise CampaignError(
                f"{' and '.join(reasons)} since the last push, so that every record would be written again",
                where=request.where,
                remedy="Look with --full --dry-run, then push with --full.",
            )

    def _warnings(self) -> list[str]:
        """Return what would stop a push, which a dry run only tells of."""
        try:
            self._refuse_silent_change(
                self._store.sync_runs.last_mapping(self._request.connector, self._request.campaign)
            )
        except CampaignError as error:
            return [str(error)]
        return []

    def _plan(self, mapping: FieldMapping, warnings: list[str] | None = None) -> tuple[Planned, Acknowledged]:
        request, store = self._request, self._store
        self._progress.step("Comparing with what the system holds")
        records = store.crm.records(request.connector, request.campaign)
        if request.only is not None:
            records = records.filter(records["customer_id"].is_in(list(request.only)))
        changes: Changes = compare(
            request.wanted,
            records,
            mapped=tuple(request.fields),
            probability_step=request.settings.probability_step,
            is_full=request.is_full,
        )
        known = [*changes.writes.filter("is_known")["customer_id"], *changes.leaves["customer_id"]]
        acknowledged = store.crm.acknowledged(request.connector, request.campaign, known)
        others = store.crm.others(request.connector, request.campaign, list(changes.leaves["customer_id"]))
        planned = plan_rows(
            changes,
            mapping,
            acknowledged=acknowledged,
            others=others,
            rejections=store.crm.rejections(request.connector, request.campaign),
            on_leave=request.leaving,
            forbidden=request.forbidden,
            mode=request.mode,
            probability_step=request.settings.probability_step,
            is_full=request.is_full,
        )
        if not request.is_forced and request.action == "push":
            try:
                self._guard(changes, planned)
            except CampaignError as error:
                if warnings is None:
                    raise
                warnings.append(str(error))
        return planned, acknowledged

    def _guard(self, changes: Changes, planned: Planned) -> None:
        request = self._request
        last = self._store.sync_runs.last_done(request.connector, request.campaign)
        touched = sum(row.action != "write" for row in planned.rows)
        touched += 0 if request.is_full else changes.changed_known
        check_guards(
            Shape(
                list_size=request.wanted.height,
                last_size=last.list_size if last else None,
                known=changes.known + changes.leaves.height,
                touched=touched,
            ),
            request.settings,
            where=request.where,
        )

    def _finish(
        self,
        run: SyncRun,
        state: SyncState | None,
        push: Push | None,
        skipped: Mapping[str, int],
        *,
        error: str | None = None,
    ) -> dict[str, int]:
        """Record the end of a run; raise an alert where a person must look, else close it."""
        store, at = self._store, self._clock()
        doubtful = store.outbox.leave_in_doubt(run, at)
        counts = {name: int(push.counts[name]) if push is not None else 0 for name in COUNTS}
        counts["unknown"] = doubtful
        counts["unchanged"] += skipped.get("unchanged", 0)
        subject = f"{run.campaign} to {run.connector}"
        refused = self._refused()
        is_partial = bool(refused or counts["rejected"] or counts["left"] or doubtful)
        ended: SyncState = state or ("partial" if is_partial else "done")
        kept_counts = {**counts, "skipped": dict(skipped)}
        store.sync_runs.finish(run.run_id, state=ended, counts=kept_counts, at=at, error=error)
        if error is not None:
            store.alerts.raise_("sync_failed", subject, "critical", error, at)
            return counts
        store.alerts.resolve("sync_failed", subject, at)
        if is_partial:
            message = (
                f"not all of it is in step: {refused:,} rows are refused ({counts['rejected']:,} in this push), "
                f"{counts['left'] + doubtful:,} were not sent"
            )
            store.alerts.raise_("sync_partial", subject, "warning", message, at)
        else:
            store.alerts.resolve("sync_partial", subject, at)
        return counts
