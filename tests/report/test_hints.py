"""What is said of a red run beside what is wrong with it."""

from meshsim.oracle.verdict import Verdict, Violation
from meshsim.report.findings import finding_lines

TWICE = Violation(invariant="at-most-once", subject="client", message="heard twice", at=0)
RED = Verdict(outcome="violated", violations=(TWICE,), reason="at-most-once: heard twice")


def test_only_quirks_that_are_on_may_be_behind_it() -> None:
    """The one that is proposed to be listed as known is one of them."""
    everything = "\n".join(finding_lines(RED, [()]))
    without = "\n".join(finding_lines(RED, [()], quirks_off=("Q18",)))

    assert 'quirk = "Q18"' in everything
    assert "Q18" not in without
    assert 'quirk = "Q21"' in without


def test_without_quirks_none_is_behind_it() -> None:
    """Then it is a finding."""
    off = tuple(f"Q{number}" for number in range(1, 100))

    assert finding_lines(RED, [()], quirks_off=off) == ["at-most-once (safety) at 0.000s: heard twice"]
