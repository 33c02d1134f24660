"""The vocabulary: wire events, and payloads that are typed when looked at.

Read `envelope` (what every event has), `codec` (payloads to classes and back), `structure`
(what a JSON value may be), in this order. `index`, `generated` and the public facade
`trio_copilot.events` are written by `trio_copilot._codegen`.
"""
