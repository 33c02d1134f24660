"""The ledger knows which ids are open, and what every answer means."""

from __future__ import annotations

import pytest
from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tests.depth import DEPTH
from trio_copilot._errors import ProtocolError
from trio_copilot._wire.ledger import MAX_ABANDONED, Ledger, Stray

some_id = st.integers(-1, 12)


class LedgerAgainstModel(RuleBasedStateMachine):
    """The model knows the fate of every id by a word."""

    def __init__(self) -> None:
        super().__init__()
        self.ledger: Ledger[str] = Ledger()
        self.fates: dict[int, str] = {}  # {id: "open" | "abandoned" | "settled"}
        self.heard: set[int] = set()  # ids that were answered, whatever that meant
        self.theirs: set[int] = set()
        self.closed = False

    @precondition(lambda self: not self.closed)
    @rule()
    def issue(self):
        id_ = self.ledger.issue(f"waiter {len(self.fates) + 1}")
        assert id_ == len(self.fates) + 1
        self.fates[id_] = "open"

    @rule(id_=some_id)
    def settle(self, id_):
        expected = {
            "open": f"waiter {id_}",
            "abandoned": Stray.LATE,
            "closed": Stray.LATE,
            "settled": Stray.DOUBLE,
            "unknown": Stray.UNKNOWN,
        }
        assert self.ledger.settle(id_) == expected[self.fates.get(id_, "unknown")]
        if id_ in self.fates:
            self.heard.add(id_)
        if id_ in self.fates and self.fates[id_] != "closed":
            self.fates[id_] = "settled"

    @rule(id_=some_id)
    def abandon(self, id_):
        was_open = self.fates.get(id_) == "open"
        assert self.ledger.abandon(id_) is was_open
        if was_open:
            self.fates[id_] = "abandoned"

    @rule()
    def close(self):
        open_ids = [id_ for id_, fate in self.fates.items() if fate == "open"]
        assert self.ledger.close() == [f"waiter {id_}" for id_ in open_ids]
        self.fates = dict.fromkeys(self.fates, "closed")
        self.closed = True

    @invariant()
    def what_the_peer_may_not_have_read_is_open_and_newer_than_all_it_answered(self):
        assert self.ledger.unread() == [
            id_
            for id_, fate in self.fates.items()
            if fate == "open" and id_ > max(self.heard, default=0)
        ]
        for id_ in range(-1, 13):
            assert self.ledger.is_open(id_) is (self.fates.get(id_) == "open")

    @rule(id_=some_id)
    def accept(self, id_):
        if id_ in self.theirs:
            with pytest.raises(ProtocolError, match=f"open id {id_}"):
                self.ledger.accept(id_)
        else:
            self.ledger.accept(id_)
        self.theirs.add(id_)

    @rule(id_=some_id)
    def answered(self, id_):
        assert self.ledger.answered(id_) is (id_ in self.theirs)
        self.theirs.discard(id_)

    @invariant()
    def repr_counts(self):
        ours = list(self.fates.values()).count("open")
        counts = f"{ours} of ours and {len(self.theirs)} of theirs unanswered"
        assert counts in repr(self.ledger)


TestLedgerAgainstModel = LedgerAgainstModel.TestCase
TestLedgerAgainstModel.settings = settings(
    max_examples=40 * DEPTH, stateful_step_count=30
)


def test_a_closed_ledger_refuses_new_waiters():
    ledger: Ledger[str] = Ledger()
    ledger.close()
    with pytest.raises(RuntimeError, match="closed"):
        ledger.issue("nobody")
    assert "closed" in repr(ledger)


@pytest.mark.parametrize("id_", [None, "1", "", 0, 2, 10**30])
def test_an_answer_to_what_was_never_issued_is_unknown(id_):
    ledger: Ledger[str] = Ledger()
    ledger.issue("me")
    assert ledger.settle(id_) is Stray.UNKNOWN


def test_the_peer_may_use_our_numbers_and_strings_beside_them():
    ledger: Ledger[str] = Ledger()
    ours = ledger.issue("me")
    ledger.accept(ours)
    ledger.accept(str(ours))
    assert ledger.settle(ours) == "me"
    assert ledger.answered(ours)
    assert ledger.answered(str(ours))
    assert not ledger.answered(ours)


def test_abandoned_ids_that_are_never_answered_do_not_pile_up():
    ledger: Ledger[None] = Ledger()
    answered = ledger.issue(None)
    ledger.settle(answered)
    ids = [ledger.issue(None) for _ in range(3 * MAX_ABANDONED)]
    for id_ in ids:
        ledger.abandon(id_)
    assert len(ledger._abandoned) == MAX_ABANDONED
    assert {ledger.settle(id_) for id_ in ids} == {Stray.LATE}
    assert ledger._abandoned == {}
    assert ledger.settle(ids[-1]) is Stray.DOUBLE
    assert ledger.settle(answered) is Stray.LATE  # old: the harmless reading
