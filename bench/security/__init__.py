"""Suites that attack the product; `make security` runs them all."""
