"""The vocabulary: events, calls and handlers of the CLI, typed when they are first used.

Events: read `envelope` (what every event has), `codec` (payloads to classes and back),
`structure` (what a JSON value may be), `short_cut` (the fast way for regular payloads).
`wire_object`, `open_enum` and `unknown` are what the generated classes are made of, and
`wire_types` knows which types of events exist.

Calls: read `calls` (what the generated methods are made of), `call_codec` (arguments and
results), `strict` (what we send is checked to the letter), `answers` (the CLI's own
requests and their handlers), `roots` (where the generated calls begin). `names` finds a
class by its name, and `unset` is the default of parameters that may be `None`.

`index`, `rpc_index`, `generated` and the public modules `trio_copilot.events` and
`trio_copilot.rpc` are written by `trio_copilot._codegen`.
"""
