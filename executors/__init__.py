"""Executor host: claims tasks, launches containers, serves their sockets."""
