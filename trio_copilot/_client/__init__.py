"""A running CLI: started, greeted, shared by sessions, and ended.

Read `open_client` for the block that owns it all, `connect` for the handshake, `routes` for
where each message goes, and `client` for what users hold. `catalogue` and `status` are what
the CLI reports about its sessions and about itself.
"""
