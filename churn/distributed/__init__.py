"""Shares the work on customers out among the tasks of a Spark cluster; Spark is imported here only."""

from churn.distributed.engine import SparkEngine
from churn.distributed.probe import probe_cluster, probe_source
from churn.distributed.work import forget_work

__all__ = ["SparkEngine", "forget_work", "probe_cluster", "probe_source"]
