"""For each test an empty package to generate into, and schemas small enough to read."""

from __future__ import annotations

import hashlib
import importlib
import itertools
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import attrs
import pytest

from trio_copilot._codegen.__main__ import PIN_FILE, SCHEMA, main

_numbers = itertools.count()


def schema_of(events: dict[str, Any], **definitions: Any) -> dict[str, Any]:
    """A schema like the CLI's: wire type -> schema of the payload, and definitions."""
    envelopes = {
        f"Envelope{number}": {
            "type": "object",
            "properties": {"type": {"const": wire}, "data": data},
            "required": ["type", "data"],
        }
        for number, (wire, data) in enumerate(events.items())
    }
    union = {"anyOf": [{"$ref": f"#/definitions/{name}"} for name in envelopes]}
    return {
        "$ref": "#/definitions/SessionEvent",
        "definitions": {"SessionEvent": union, **envelopes, **definitions},
    }


def object_of(required: dict[str, Any] | None = None, **optional: Any) -> Any:
    """The schema of an object."""
    required = required or {}
    return {
        "type": "object",
        "properties": {**required, **optional},
        "required": list(required),
        "additionalProperties": False,
        "description": "The words of the schema.",
    }


@attrs.define
class Workshop:
    """A package with the generator's pin, and a directory of schemas."""

    root: Path
    package: Path

    @property
    def schemas(self) -> Path:
        return self.root / "schemas"

    def give(self, schema: dict[str, Any], *, pin: str | None = "1.0.0") -> None:
        """Put a schema where `--schemas` finds it, and pin it."""
        self.schemas.mkdir(exist_ok=True)
        body = json.dumps(schema).encode()
        (self.schemas / SCHEMA).write_bytes(body)
        if pin is not None:
            digest = hashlib.sha256(body).hexdigest()
            pinned = {"cli_version": pin, "schema_sha256": digest}
            (self.package / PIN_FILE).write_text(json.dumps(pinned))

    def run(self, *argv: str) -> int:
        return main(["--schemas", str(self.schemas), *argv], self.package)

    def generate(self, schema: dict[str, Any]) -> ModuleType:
        """Generate from a schema and import the facade of the result."""
        self.give(schema)
        assert self.run() == 0
        return importlib.import_module(f"{self.package.name}.events")

    def sources(self) -> dict[str, str]:
        return {
            path.relative_to(self.package).as_posix(): path.read_text()
            for path in self.package.rglob("*.py")
            if path.read_text().startswith("# Generated")
        }


@pytest.fixture
def workshop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workshop]:
    package = tmp_path / f"generated_package_{next(_numbers)}"
    (package / "_protocol").mkdir(parents=True)
    (package / "_codegen").mkdir()
    modules = ("envelope", "open_enum", "unknown", "wire_object")
    for module in ("_facade", *(f"_protocol.{name}" for name in modules)):
        real = f"from trio_copilot.{module} import *\n"
        (package / f"{module.replace('.', '/')}.py").write_text(real)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield Workshop(tmp_path, package)
    for name in [name for name in sys.modules if name.startswith(package.name)]:
        del sys.modules[name]


@pytest.fixture
def types_of(workshop: Workshop) -> Callable[..., ModuleType]:
    """Return what makes the facade of a schema: by events, and definitions."""

    def generate(events: dict[str, Any], **definitions: Any) -> ModuleType:
        return workshop.generate(schema_of(events, **definitions))

    return generate
