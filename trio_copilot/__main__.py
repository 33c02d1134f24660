"""`python -m trio_copilot` is the command `trio-copilot`."""

from ._app import main

if __name__ == "__main__":
    main()
