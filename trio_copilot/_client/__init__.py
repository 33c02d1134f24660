"""A running CLI: started, greeted, shared by sessions, and ended.

Read `connect` for the handshake, `routes` for where each message goes, `client` for what
users hold and the block that owns it all. `catalogue` and `status` are what the CLI reports
about its sessions and about itself.
"""
