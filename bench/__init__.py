"""Measurements and long runs.

Each writes `bench/results/NAME.json`; docs/benchmarks.md is made from these.
"""
