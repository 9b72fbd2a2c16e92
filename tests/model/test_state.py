import msgspec

from meshsim.model.state import copied, fingerprint
from meshsim.model.status import RUNNING, STOPPED, Status


class Machine(msgspec.Struct):
    statuses: dict[int, Status]
    members: set[str] = set()


def test_equal_states_have_equal_fingerprints_however_they_came_about():
    """Ranks that reported in another order leave the same state behind."""
    one = Machine({10: RUNNING, 2: STOPPED}, {"a", "b"})
    other = Machine({2: STOPPED, 10: RUNNING}, {"b", "a"})

    assert fingerprint(one) == fingerprint(other)
    assert fingerprint(Machine({10: STOPPED, 2: RUNNING}, {"a", "b"})) != fingerprint(one)


def test_a_copy_shares_nothing_with_its_origin():
    """An explorer goes on with both."""
    origin = Machine({0: RUNNING})
    copy = copied(origin)

    copy.statuses[0] = STOPPED

    assert origin == Machine({0: RUNNING})
