"""Writes the payload classes and calls from the schemas that the Copilot CLI ships.

Read `schema` (JSON schemas to the `model`; `errata` corrects them, `names` makes Python
names), `given` (enumerations as strings), `layout` (which module a type goes to), `emit`
(files; `classes` and `calls` have the source of types and methods, `source` the pieces),
`public` (the table of public names), `__main__` (the command), in this order. `diff`
compares two versions, and `samples` makes test data. None of this is in the wheel.

Names: an event's class is named after its wire type (`assistant.message_delta` becomes
`AssistantMessageDelta`), every other class after its definition in the schema, or after
its owner and field if it has none. The events take their names first; another type of the
same name gets an additional word: `Value` for an enumeration, `Variant` for a union,
`Details` for an object.
"""
