"""Stands where a CLI would, as a program: passes its stdin and stdout on to a test."""

from __future__ import annotations

import os
import select
import socket
import sys

SIZE = 1 << 16


def main() -> None:
    """Pass bytes on until one of the two sides has no more."""
    port = int(os.environ["SCRIPTED_CLI_PORT"])
    with socket.create_connection(("127.0.0.1", port)) as test:
        while True:
            ready, _, _ = select.select([0, test.fileno()], [], [])
            if 0 in ready:
                said = os.read(0, SIZE)
                test.sendall(said)
            else:
                said = test.recv(SIZE)
                sys.stdout.buffer.write(said)
                sys.stdout.buffer.flush()
            if not said:
                return


if __name__ == "__main__":
    main()
