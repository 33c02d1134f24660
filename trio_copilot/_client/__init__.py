"""A running CLI: started, greeted, shared by its sessions, and ended.

Read `open_client` (the block that owns it all), `connect` (the handshake), `routes` (where
each message goes), `client` (what users hold). `catalogue` and `status` are what the CLI
reports about its sessions and about itself.
"""
