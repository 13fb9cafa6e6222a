"""Numbered SQL files that bring a database to the present shape.

Each runs once, in one transaction.
"""
