"""Trio moves the bytes between us and a CLI; nobody here looks at them.

`connections` says how to reach a CLI, `find_cli` which executable it is, `process`
starts and owns one, `tcp` connects to one. What comes out is a `trio.abc.Stream`.
"""
