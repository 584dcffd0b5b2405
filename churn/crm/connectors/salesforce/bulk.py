"""One job of Bulk API 2.0: rows as CSV, asked after until it is done, and the fate of every row read back."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from churn.crm.connector import Row, RowResult
from churn.crm.connectors.salesforce.values import cell, refused
from churn.errors import ConnectorError, RateLimited, Unreachable

if TYPE_CHECKING:
    import httpx

    from churn.crm.http import Http

MOST_BYTES = 100_000_000  # Salesforce takes 150 MB after its own encoding, which adds half
PATIENCE_SECONDS = 3_600.0
_ENDED = {"JobComplete", "Failed", "Aborted"}


@dataclass(frozen=True)
class BulkJob:
    """How jobs are made: `operation` upsert (by `key_field`) or update (by Id), on `object_name`."""

    http: Http
    ask: Callable[..., Mapping[str, Any]]
    root: str
    object_name: str
    key_field: str
    poll_seconds: float
    sleep: Callable[[float], None]

    def run(self, operation: str, records: Sequence[tuple[Row, Mapping[str, Any]]]) -> list[RowResult]:
        """Return the fate of each record, in order; those that Salesforce did not get to are transient.

        Raises Unreachable with `is_unknown` when the job was started and its end was not seen.
        """
        text = _as_csv([values for _, values in records])
        if len(text) > MOST_BYTES and len(records) > 1:
            middle = len(records) // 2
            return self.run(operation, records[:middle]) + self.run(operation, records[middle:])
        description = {"object": self.object_name, "operation": operation, "contentType": "CSV", "lineEnding": "LF"}
        if operation == "upsert":
            description["externalIdFieldName"] = self.key_field
        made = self._told(self.ask("POST", f"{self.root}/jobs/ingest", json=description), "id")
        job = f"{self.root}/jobs/ingest/{made['id']}"
        # Nothing is carried out before the upload is declared complete.
        self.ask("PUT", f"{job}/batches", content=text, headers={"Content-Type": "text/csv"})
        self.ask("PATCH", job, json={"state": "UploadComplete"}, is_write=True)
        try:
            self._await_end(job)
            return self._results(job, "Id" if operation == "update" else self.key_field, records)
        except (RateLimited, Unreachable) as error:
            raise Unreachable(
                f"{error.what} while a bulk job was under way",
                where=self.http.where,
                remedy="Push again: what the job has done is looked up first.",
                is_unknown=True,
            ) from error

    def _told(self, answer: object, name: str) -> Mapping[str, Any]:
        """Return an answer that says what it must. Raises Unreachable for any other."""
        if not isinstance(answer, Mapping) or not answer.get(name):
            raise Unreachable(
                f"answers a bulk job without {name}",
                where=self.http.where,
                remedy="Push again: what the job has done is looked up first.",
            )
        return answer

    def _await_end(self, job: str) -> None:
        waited = 0.0
        while True:
            status = self._told(self.ask("GET", job), "state")
            if status["state"] in _ENDED:
                break
            if status["state"] == "Open":
                raise Unreachable("took the rows of a bulk job and did not begin it", where=self.http.where)
            if waited >= PATIENCE_SECONDS:
                raise Unreachable("has not finished a bulk job within the hour", where=self.http.where)
            self.sleep(self.poll_seconds)
            waited += self.poll_seconds
        if status["state"] != "JobComplete" and not status.get("numberRecordsProcessed"):
            words = self.http.clean(status.get("errorMessage") or f"the bulk job ended as {status['state']}")
            raise ConnectorError(words, where=self.http.where, remedy="Look at the job in Salesforce's setup.")

    def _results(self, job: str, key: str, records: Sequence[tuple[Row, Mapping[str, Any]]]) -> list[RowResult]:
        rows = {str(values[key]): row for row, values in records}
        results: dict[str, RowResult] = {}
        for record in self._lines(f"{job}/successfulResults"):
            if (row := rows.get(record[key])) is not None:
                is_new = record.get("sf__Created", "").lower() == "true"
                results[row.customer_id] = RowResult(
                    row.customer_id, "created" if is_new else "updated", remote_id=record["sf__Id"]
                )
        for record in self._lines(f"{job}/failedResults"):
            if (row := rows.get(record[key])) is not None:
                # CODE:words:fields --
                code, _, words = record["sf__Error"].partition(":")
                message, _, fields = words.rpartition(":")
                named = [name.strip() for name in fields.removesuffix("--").split(",") if name.strip()]
                results[row.customer_id] = refused(row, code, self.http.clean(message or words), named)
        unseen = "the bulk job ended before this row"
        return [
            results.get(row.customer_id) or RowResult(row.customer_id, "transient", row.remote_id, message=unseen)
            for row, _ in records
        ]

    def _lines(self, path: str) -> list[dict[str, str]]:
        answer: httpx.Response = self.http.send("GET", path)
        if answer.status_code != 200:
            raise Unreachable(f"does not tell a job's results (HTTP {answer.status_code})", where=self.http.where)
        lines = csv.DictReader(io.StringIO(answer.content.decode("utf-8")))
        if lines.fieldnames and "sf__Id" not in lines.fieldnames:
            raise Unreachable("does not tell a job's results", where=self.http.where)
        return list(lines)


def _as_csv(records: Sequence[Mapping[str, Any]]) -> bytes:
    names = sorted({name for record in records for name in record})
    target = io.StringIO()
    writer = csv.writer(target, lineterminator="\n")
    writer.writerow(names)
    # A field that a record does not have stays an empty cell, which leaves it as it is.
    writer.writerows([cell(record[name]) if name in record else "" for name in names] for record in records)
    return target.getvalue().encode()
