"""The owner's documents: cut into chunks, kept in Postgres, found by words and by meaning."""
