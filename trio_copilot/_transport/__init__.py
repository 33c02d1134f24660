"""Trio moves the bytes between us and a CLI; nothing here looks at them.

Read `connections` (how to reach a CLI, as values), `link` (from such a value to a
`trio.abc.Stream`), `find_cli` (which executable), `process` (starts and owns one; `pipes`
are its pipes, and `process_group` signals it with its children), `tcp` (connects to one).
"""
