"""The codes and the one method that JSON-RPC itself reserves."""

from __future__ import annotations

PARSE_ERROR = -32700
"""The body of a frame is not JSON."""

INVALID_REQUEST = -32600
"""It is JSON, but not a request."""

METHOD_NOT_FOUND = -32601
"""The peer has no such method."""

INVALID_PARAMS = -32602
"""The method does not take these parameters."""

INTERNAL_ERROR = -32603
"""The method failed. The CLI answers nearly every failure with this one."""

REQUEST_CANCELLED = -32800
"""The caller cancelled the request. The Language Server Protocol added this code."""

CANCEL_REQUEST = "$/cancelRequest"
"""The notification that nobody waits for the answer to a request anymore."""
