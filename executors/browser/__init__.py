"""The browser inside a container of the `browser` box, and its tools for the model. Untrusted.

Chromium is driven by the DevTools protocol over a pipe, with nothing but the standard library.
Nothing in this package protects the owner: what may leave the container is decided at the gateway.
"""
