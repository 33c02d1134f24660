"""The command: `python -m trio_copilot._codegen`, or `python trio_copilot/_codegen`.

Writes the classes and calls from the schemas of an installed Copilot CLI, and the table
of public names. With `--check` it reports which files differ from what it would write;
with `--diff`, what changed between two versions of the CLI. Run by its path it imports
nothing that it writes, so that no state of these files can stop it.
"""

from __future__ import annotations

import argparse
import difflib
import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType

import attrs

if not __package__:  # run by its path
    # A bare package: its __init__ would import what is written here.
    bare = sys.modules["trio_copilot"] = ModuleType("trio_copilot")
    bare.__path__ = [str(Path(__file__).resolve().parents[1])]
    __package__ = "trio_copilot._codegen"

from . import public
from .diff import report
from .emit import Pin, emit, has_true_header
from .model import Vocabulary
from .public import TABLE
from .schema import read_schema

SCHEMA = "session-events.schema.json"
API = "api.schema.json"
PACKAGE = Path(__file__).parent.parent
PIN_FILE = "_codegen/PINNED.json"
OUTPUT = (
    "events.py",
    "rpc.py",
    "_protocol/index.py",
    "_protocol/rpc_index.py",
    "_protocol/generated/**/*.py",
)

_CLI_START = 60.0  # seconds; the first start unpacks some 200 MB
_DIFF_LINES = 20  # of each file that differs: a summary, not a patch


def main(argv: Sequence[str], package: Path = PACKAGE) -> int:
    """Run the command and return its exit status: 0 if all is well."""
    options = _parser().parse_args(argv)
    if options.diff is not None:
        return _diff(*options.diff)
    failed = _vocabulary(options, package)
    path, table = package / TABLE, public.table(package)
    if not options.check:
        path.write_text(table)
    elif not path.is_file() or path.read_text() != table:
        print(f"{TABLE} does not have the names of the public modules.")
        return 1
    return failed


def _vocabulary(options: argparse.Namespace, package: Path) -> int:
    """Write or check the files that are made from the schemas."""
    pin = Pin(**json.loads((package / PIN_FILE).read_text()))
    schemas = _schemas(options, pin)
    if schemas is None:
        print(f"No {SCHEMA} was found. A Copilot CLI unpacks it when first started:")
        print(f"start version {pin.cli_version}, or use --cli PATH or --schemas DIR.")
        return _check_headers(package, pin) if options.check else 1
    paths = (schemas / SCHEMA, schemas / API)
    contents = (path.read_bytes() for path in paths if path.is_file())
    digest = hashlib.sha256(b"".join(contents)).hexdigest()
    if options.pin is not None:
        pin = Pin(options.pin, digest)
        (package / PIN_FILE).write_text(json.dumps(attrs.asdict(pin), indent=2) + "\n")
    if digest != pin.schema_sha256:
        print(f"{schemas} does not have the schemas of the pinned Copilot CLI ", end="")
        print(f"{pin.cli_version}. Use --pin VERSION to move to another version.")
        return 1
    files = emit(_read(schemas), pin)
    if options.check:
        return _check(package, files)
    for name, path in _present(package).items():
        if name not in files:
            path.unlink()
    for name, text in files.items():
        path = package / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    print(f"{len(files)} files written.")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("trio_copilot._codegen", description=__doc__)
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--schemas", type=Path, metavar="DIR", help=f"directory with {SCHEMA} and {API}"
    )
    where.add_argument(
        "--cli", metavar="PATH", help="start this Copilot CLI, so that it unpacks them"
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        "--check", action="store_true", help="write nothing; exit 1 if anything differs"
    )
    what.add_argument(
        "--pin", metavar="VERSION", help="move to the schemas of another CLI version"
    )
    what.add_argument(
        "--diff",
        nargs=2,
        metavar=("OLD", "NEW"),
        help="show what changed between two versions of the CLI that have been started "
        "here, or between two directories of schemas; write nothing",
    )
    return parser


# -- the schemas


def _schemas(options: argparse.Namespace, pin: Pin) -> Path | None:
    """Return the directory with the schemas."""
    if options.schemas is not None:
        found = [options.schemas]
    else:
        version = options.pin or pin.cli_version
        if options.cli is not None:  # it unpacks itself when it is started
            command = [options.cli, "--version"]
            ended = subprocess.run(
                command, capture_output=True, text=True, timeout=_CLI_START, check=True
            )
            match = re.search(r"\d+(\.\d+)+(-\w+(\.\w+)*)?", ended.stdout)
            version = match.group() if match else "of unknown version"
        found = _unpacked(version)
    return next((path for path in found if (path / SCHEMA).is_file()), None)


def _unpacked(version: str) -> list[Path]:
    """Return the directories where a version of the CLI has unpacked its schemas."""
    cache = Path.home() / ".cache" / "copilot" / "pkg"
    return sorted(cache.glob(f"*/{version}/schemas"))


def _read(schemas: Path) -> Vocabulary:
    events, api = schemas / SCHEMA, schemas / API
    calls = json.loads(api.read_bytes()) if api.is_file() else None
    return read_schema(json.loads(events.read_bytes()), calls)


# -- what changed


def _diff(old: str, new: str) -> int:
    before, after = _find(old), _find(new)
    if before is None or after is None:
        missing = new if after is None else old
        print(f"No {SCHEMA} of {missing} was found: name a directory with the schemas,")
        print("or a version of the Copilot CLI that has been started here.")
        return 1
    print(report(_read(before), _read(after), f"Copilot CLI: {old} to {new}"))
    return 0


def _find(named: str) -> Path | None:
    """Return the directory with the schemas; `named` is it, or a version."""
    places = (Path(named), *_unpacked(named))
    return next((path for path in places if (path / SCHEMA).is_file()), None)


# -- the files


def _present(package: Path) -> dict[str, Path]:
    """Return the generated files that exist, by their path in the package."""
    found = (path for pattern in OUTPUT for path in package.glob(pattern))
    return {path.relative_to(package).as_posix(): path for path in sorted(found)}


def _check(package: Path, files: Mapping[str, str]) -> int:
    present = {name: path.read_text() for name, path in _present(package).items()}
    wrong = [
        name
        for name in sorted({*files, *present})
        if files.get(name) != present.get(name)
    ]
    for name in wrong:
        diff = difflib.unified_diff(
            present.get(name, "").splitlines(),
            files.get(name, "").splitlines(),
            f"{name} (is)",
            f"{name} (would be)",
            lineterm="",
            n=0,
        )
        lines = list(diff)
        print("\n".join(lines[:_DIFF_LINES]))
        if len(lines) > _DIFF_LINES:
            print(f"... and {len(lines) - _DIFF_LINES} more lines")
    print(f"{len(wrong)} of {len(files)} files are not as they would be written.")
    return 1 if wrong else 0


def _check_headers(package: Path, pin: Pin) -> int:
    print("Without it, only the headers are checked: are the files as they were made?")
    present = _present(package)
    wrong = [
        name
        for name, path in present.items()
        if not has_true_header(path.read_text(), pin)
    ]
    for name in wrong:
        print(f"{name} was edited, or made from another schema.")
    missing = [
        name for name in ("events.py", "_protocol/index.py") if name not in present
    ]
    if missing:
        print(f"Files are missing: {', '.join(missing)}.")
    return 1 if wrong or missing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
