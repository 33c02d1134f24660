"""Makes visible what a text hides from the person who decides on it.

Characters that reverse the text around them, or that take no space, make a command read
as another one. Each is shown by its number, such as `<U+202E>`.
"""

from __future__ import annotations

import unicodedata

# Categories: controls, formats (bidirectional ones too), separators of lines, halves.
_HIDING = frozenset({"Cc", "Cf", "Zl", "Zp", "Cs"})

# Not formats, but just as invisible: the property Default_Ignorable_Code_Point in
# Unicode's DerivedCoreProperties.
_IGNORABLE = (
    (0x034F, 0x034F),
    (0x115F, 0x1160),
    (0x17B4, 0x17B5),
    (0x180B, 0x180F),
    (0x2065, 0x2065),
    (0x3164, 0x3164),
    (0xFE00, 0xFE0F),
    (0xFFA0, 0xFFA0),
    (0xFFF0, 0xFFF8),
    (0xE0000, 0xE0FFF),
)


def visible(text: str) -> str:
    """Return a text with its hidden characters shown; newlines and tabs stay."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(f"<U+{ord(c):04X}>" if _hides(c) else c for c in text)


def _hides(character: str) -> bool:
    if character in "\n\t":
        return False
    code = ord(character)
    return unicodedata.category(character) in _HIDING or any(
        first <= code <= last for first, last in _IGNORABLE
    )
