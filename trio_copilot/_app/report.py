"""A report on stdout: titles, findings with marks, code. Plain if stdout is not a terminal.

Commands import this module only when they print a report: rich takes 0.1 s to load.
"""

from __future__ import annotations

from rich.console import Console
from rich.syntax import Syntax
from rich.text import Text

# For a stdout that can only encode ASCII.
_ASCII = str.maketrans({"✓": "+", "✗": "x", "·": "-", "…": "..."})


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Raise, as for any other closed pipe; rich would exit the process."""
        raise BrokenPipeError


class Report:
    """Prints findings.

    Attributes:
      has_problem: whether one of them was a problem.
    """

    def __init__(self) -> None:
        self._console = _Console(highlight=False, soft_wrap=True)
        self.has_problem = False

    def title(self, text: str) -> None:
        """Begin a group of findings."""
        self.line("")
        self.line(text, "bold")

    def good(self, text: str) -> None:
        """Print that something is as it should be."""
        self.line(f"  ✓ {text}", "green")

    def fact(self, text: str) -> None:
        """Print a fact that is neither good nor bad."""
        self.line(f"  · {text}")

    def finding(self, text: str, advice: str) -> None:
        """Print that something useful is missing, and what to do about it."""
        self.line(f"  ! {text}", "yellow")
        self._advise(advice)

    def problem(self, text: str, advice: str | None = None) -> None:
        """Print that something is wrong."""
        self.has_problem = True
        self.line(f"  ✗ {text}", "red")
        if advice is not None:
            self._advise(advice)

    def check(self, holds: bool, text: str) -> None:
        """Print a claim, and whether it holds."""
        if holds:
            self.good(text)
        else:
            self.problem(f"not so: {text}")

    def code(self, code: str) -> None:
        """Print lines of Python."""
        for line in Syntax("", "python").highlight(code.rstrip()).split():
            self._console.print(Text("    ") + line if line else line)

    def piece(self, text: str) -> None:
        """Print text at once, directly after the last piece."""
        self._console.print(self._shown(text), end="", style="cyan", markup=False)
        self._console.file.flush()

    def line(self, text: str, style: str = "") -> None:
        """Print a line."""
        self._console.print(self._shown(text), style=style, markup=False)

    def _advise(self, advice: str) -> None:
        self.line(f"    -> {advice}", "dim")

    def _shown(self, text: str) -> str:
        return text.translate(_ASCII) if self._console.options.ascii_only else text
