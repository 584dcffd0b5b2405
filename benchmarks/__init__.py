"""Benchmarks: what the product costs, each time beside a reference measured in the same run."""
