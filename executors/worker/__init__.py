"""The code inside the container. Untrusted; standard library only."""
