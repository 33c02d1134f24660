"""One stream of events becomes many subscribers, and prompts become turns.

Read `fanout` for what happens to the slow, `transcript` for what the events of a turn
mean, `turn` for what leaving a turn early does, `requests` for tools and permissions.
"""
