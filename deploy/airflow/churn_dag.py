"""The nights and months of churn as Airflow DAGs: each task is one command, whose exit code says whether to try again.

Put this file into Airflow's folder of DAGs. The variables AIRFLOW_VAR_CHURN_COMMAND (default `churn`) and CHURN_HOME of Airflow's workers
say how it is started and where its home is; secrets are in the workers' environment. churn keeps its own ledger: a night
that was cut off goes on at the step where it stood, and one that is done is not done twice, so that a task may be cleared
and tried again at any time. Do not run `churn scheduler` beside it.
"""

from __future__ import annotations

import os
import subprocess
from datetime import datetime, timedelta
from typing import Any

try:  # Airflow 3
    from airflow.exceptions import AirflowFailException
    from airflow.sdk import DAG, task
except ImportError:  # Airflow 2
    from airflow import DAG
    from airflow.decorators import task
    from airflow.exceptions import AirflowFailException

PASSING = {5, 6, 7}  # somebody holds the warehouse, a remote system failed, the disk is full: later it may work
DEFAULTS = {"retries": 3, "retry_delay": timedelta(minutes=10), "retry_exponential_backoff": True}


def command(job: str, day: str) -> list[str]:
    """Return the command that works `job` for the night of `day`; Airflow tries again, so churn itself does not."""
    return [*os.environ.get("AIRFLOW_VAR_CHURN_COMMAND", "churn").split(), "run", job, "--date", day, "--no-retry"]


def run(job: str, day: str) -> None:
    """Work a job. Raises AirflowFailException where trying again would not help, CalledProcessError where it may."""
    done = subprocess.run(command(job, day), check=False)  # noqa: S603 - the operator's own command, without a shell
    if done.returncode in PASSING:
        raise subprocess.CalledProcessError(done.returncode, done.args)
    if done.returncode != 0:
        raise AirflowFailException(f"churn run {job} ended with {done.returncode}: see its line above")


def dag_of(job: str, schedule: str, *, catchup: bool) -> DAG:
    """Return the DAG of a job. One run at a time, as churn's warehouse has one writer."""
    with DAG(
        dag_id=f"churn_{job}",
        schedule=schedule,
        start_date=datetime(2026, 1, 1),  # noqa: DTZ001 - in Airflow's zone
        catchup=catchup,
        max_active_runs=1,
        default_args=DEFAULTS,
        tags=["churn"],
    ) as dag:

        @task(task_id=job, execution_timeout=timedelta(hours=4))
        def work(data_interval_end: datetime | None = None, dag_run: Any = None) -> None:
            # Airflow fills them in; a run that Airflow 3 was asked for by hand has no interval.
            run(job, (data_interval_end or dag_run.run_after).date().isoformat())

        work()
    return dag


# A night that Airflow makes up for (backfill, catchup) loads and scores as of its date, and contacts nobody.
nightly = dag_of("nightly", "0 2 * * *", catchup=True)
monthly = dag_of("monthly", "0 6 2 * *", catchup=False)
retention = dag_of("retention", "30 4 * * *", catchup=False)
