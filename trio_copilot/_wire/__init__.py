"""Bytes become frames, frames become messages, messages settle ids; and back.

Sans-IO: nothing here waits, reads or writes, so bytes alone are enough to test it. No
module here knows Trio, a process, a session or the name of a Copilot method.

Read `framing` (bytes and frames), `messages` (frames and JSON-RPC messages; `codes` has
the numbers), `ledger` (which requests are open). `encoding` decides what JSON can express
and the CLI can read, and `text` does so for strings; `excerpts` quotes bytes in errors.
"""
