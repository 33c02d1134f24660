"""Where a listener continues."""

from __future__ import annotations

from trio_copilot.bridge._messages import Delta
from trio_copilot.web._turn_log import Place, TurnLog


def test_a_listener_with_part_of_a_message_does_not_get_its_separator_again() -> None:
    log = TurnLog()
    log.put(Delta(turn="t", text="one", message="1"))
    log.put(Delta(turn="t", text="two ", message="2", separator="\n\n"))
    log.put(Delta(turn="t", text="three", message="2"))

    messages = []
    place = Place()
    while (step := log.after(place)) is not None:
        place, message = step
        messages.append(message)
    again = log.after(Place(1, 2))

    assert [(m.separator, m.text) for m in messages if isinstance(m, Delta)] == [
        (None, "one"),
        ("\n\n", "two "),
        (None, "three"),
    ]
    assert again is not None
    assert again[1] == Delta(turn="t", text="o ", message="2")
