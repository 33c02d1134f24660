"""Values from users may be the strings of an enumeration; values for users are members.

Strategy: the types of parameters, and of the fields of objects that users make for them,
list the strings: editors offer them, and type checkers find a misspelt one.
"""

from __future__ import annotations

import re

import attrs

from .model import Annotation, EnumType, Field, ObjectType, Vocabulary
from .source import string


def with_strings(vocabulary: Vocabulary) -> Vocabulary:
    """Return the vocabulary with strings allowed wherever users give an enumeration."""
    types = dict(vocabulary.types)

    def with_string(name: re.Match[str]) -> str:
        named = types.get(name[0])
        if not isinstance(named, EnumType):
            return name[0]
        return f"{name[0]} | Literal[{', '.join(string(v) for _, v in named.members)}]"

    def widened(field: Field) -> Field:
        text = re.sub(r"\w+", with_string, field.annotation.text)
        return attrs.evolve(field, annotation=Annotation(text, field.annotation.refs))

    def widen(fields: tuple[Field, ...]) -> tuple[Field, ...]:
        return tuple(map(widened, fields))

    for name in vocabulary.closure(*(method.given for method in vocabulary.methods)):
        made = types[name]
        if isinstance(made, ObjectType):
            types[name] = attrs.evolve(made, fields=widen(made.fields))
    methods = (attrs.evolve(m, params=widen(m.params)) for m in vocabulary.methods)
    return attrs.evolve(vocabulary, types=types, methods=tuple(methods))
