"""Bytes become frames, frames become messages, messages settle ids; and back.

Sans-IO: nothing here waits, reads or writes, so all of it can be tested with bytes
alone. Read `framing`, then `messages`, then `ledger`. No module here knows Trio, a
process, a session or the name of a method.
"""
