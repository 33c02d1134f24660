"""How Sphinx builds this documentation; no network is needed.

`sphinx-build -n -W -b html docs docs/_build`
"""

from __future__ import annotations

import re
import sys
from importlib.metadata import version as version_of
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.pycode import ModuleAnalyzer
from sphinx.util.docutils import SphinxDirective

import trio_copilot.testing._scripted_model  # noqa: F401  # so that its source is known

project = "trio-copilot"
author = project
release = version = version_of(project)

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinxcontrib_trio",
]
exclude_patterns = ["_build", "newsfragments"]
html_theme = "furo"
html_title = project

# A name in backquotes is code, and a link if there is an object of that name.
default_role = "py:obj"
# Sphinx's new autodoc does not know documenters such as sphinxcontrib_trio's.
autodoc_use_legacy_class_based = True
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True, "undoc-members": True}
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 72
napoleon_numpy_docstring = False
napoleon_use_ivar = True
myst_heading_anchors = 3

# `type[...]` in a signature is Python's, not one of our attributes called type.
suppress_warnings = ["ref.python"]
nitpick_ignore_regex = [
    ("py:obj", "(?s).*"),  # see default_role
    # Other projects' names: without a network their addresses are unknown.
    ("py:.*", r"(trio|attrs|pathlib|os|datetime|collections|contextlib|enum)\..*"),
    ("py:class", r"trio_copilot\._wire\.messages\..*"),  # what a scripted CLI receives
    # Short names of types in attributes and signatures that autodoc does not resolve.
    ("py:class", "PathLike|PathRule|Handler|ErrorPolicy|Connection|datetime"),
    ("py:class", "AbstractAsyncContextManager"),
    ("py:class", r"trio_copilot\._session\.fanout\.E"),  # a type variable
    # Generated classes: their pages are Markdown, not part of the Python domain.
    ("py:class", "ServerRpc|SessionRpc|ClientHandlers|SessionHandlers"),
    ("py:class", "PingResult|Model"),
]


def _gather_attribute_docs() -> None:
    """Show autodoc the docstrings of attributes, which it reads from the source.

    It looks in the public module, where the classes claim to live, not at their source.
    """
    for public in ("trio_copilot", "trio_copilot.testing"):
        facade = ModuleAnalyzer.for_module(public)
        facade.analyze()
        for name in [name for name in sys.modules if name.startswith(f"{public}.")]:
            source = ModuleAnalyzer.for_module(name)
            source.analyze()
            facade.attr_docs.update(source.attr_docs)
            facade.tagorder.update(source.tagorder)
            facade.annotations.update(source.annotations)
            facade.overloads.update(source.overloads)


def _keep_colons(
    _app: Sphinx, what: str, _name: str, _object: Any, _options: Any, lines: list[str]
) -> None:
    """Keep napoleon from taking text before a colon for the attribute's type."""
    if what in ("attribute", "data", "property"):
        lines.insert(0, "\\")  # napoleon looks at the first line only


class SessionOptionGroups(SphinxDirective):
    """Shows the fields of `SessionOptions`: a section for each `# -- Group` in the class."""

    def run(self) -> list[nodes.Node]:
        """Return the sections."""
        module = ModuleAnalyzer.for_module("trio_copilot._session.options")
        module.analyze()
        text: list[str] = []
        for line in module.code.splitlines():
            if group := re.fullmatch(r"    # -- (.+)", line):
                text += ["", group[1], "~" * len(group[1]), ""]
            elif field := re.match(r"    (\w+): .* = ", line):
                key = ("SessionOptions", field[1])
                text.append(f".. py:attribute:: SessionOptions.{field[1]}")
                text += [f"   :type: {module.annotations[key]}", ""]
                text += [f"   {line}" for line in module.attr_docs[key]]
        return self.parse_text_to_nodes("\n".join(text), allow_section_headings=True)


def setup(app: Sphinx) -> None:
    """Prepare autodoc before the first page is read."""
    app.add_directive("session-option-groups", SessionOptionGroups)
    app.connect("builder-inited", lambda _: _gather_attribute_docs())
    app.connect("autodoc-process-docstring", _keep_colons, priority=400)
