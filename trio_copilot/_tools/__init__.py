"""Tools: the user's functions that the model can call.

Read `declare`, which makes a tool of an async function, with `annotations` and
`arguments` for its parameters, then `run`, which runs one call. The session brings calls
here and takes their results back.
"""
