"""Reads documents inside of a container of the box `reader`; its modules run there and only there.

Threat: the file is hostile. It may break the parser and run its own code here. So nothing here is
trusted: no network, no secret, one file in, lines of text out, and whoever reads those lines
believes nothing about them.
"""
