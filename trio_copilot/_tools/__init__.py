"""Functions of yours that the model can call.

`declare` makes a tool of an async function, `run` runs one call of it. How a call gets
here and its result gets back is the session's business.
"""
