"""Postgres and Valkey inside an instance's own folder, for a machine that has neither.

Both listen on unix sockets only and, when we are root, run as unprivileged users. Standard library
only.
"""
