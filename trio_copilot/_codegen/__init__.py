"""Writes the payload classes from the schema that the Copilot CLI ships.

Read `model` (schema to model), `layout` (which module a class goes to), `emit` (model to
source), `__main__` (the command), in this order. Nothing of this is in the wheel.

Names: an event's class is named after its wire type (`assistant.message_delta` becomes
`AssistantMessageDelta`), every other class after its definition in the schema, or after
its owner and field where it has none. The events take their names first; another type of
the same name gets a word more: `Value` for an enumeration, `Variant` for a union,
`Details` for an object.
"""
