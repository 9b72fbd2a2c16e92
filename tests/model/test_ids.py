import re

import pytest

from meshsim.model.ids import (
    InvalidNameError,
    Name,
    NameSource,
    actor_id,
    actor_name_of,
    address_of,
    address_of_node,
    base_of,
    checked_base,
    fixed_proc_name,
    host_agent_id,
    pid_of,
    proc_agent_id,
    proc_id,
    proc_name_of,
    proc_of,
    short_uuid,
)


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "111111111111"),
        (57, "11111111111Z"),
        (58, "111111111121"),
        (2**32, "1111117xwQ9h"),
        (0x0123456789ABCDEF, "11c3coQ7B8ox"),
        (2**63, "1npL6MjP8Qfd"),
        (2**64 - 1, "1JPwcyDCgEup"),
    ],
)
def test_short_uuids_are_the_worked_examples(number, text):
    """The golden values of mesh_model.md B.8."""
    assert short_uuid(number) == text


@pytest.mark.parametrize("base", ["", "trainer", "_x", "a1_b2", "Z", "ä", "a::b", "::a"])
def test_bases_of_letters_digits_and_underscores_are_names(base):
    """Only the empty one is replaced."""
    assert checked_base(base) == (base or "unnamed")


@pytest.mark.parametrize("base", ["1a", "a-b", "a b", "r#a", "a.b", "a\n", "a:b"])
def test_other_bases_are_refused_with_the_reference_text(base):
    """A dash in a base would make names ambiguous."""
    with pytest.raises(InvalidNameError) as caught:
        checked_base(base)

    assert str(caught.value) == (
        f"invalid name '{base}': names must contain only alphanumeric characters and underscores, "
        "and must start with a letter or underscore"
    )


def test_a_name_source_repeats_itself_for_the_same_key_only():
    """Names are part of the digest: the same plan must draw the same ones."""
    one, same, other = NameSource(7), NameSource(7), NameSource(8)

    drawn = [one.draw("w"), one.draw("w")]

    assert drawn == [same.draw("w"), same.draw("w")]
    assert len({*drawn, other.draw("w")}) == 3
    assert [base_of(name) for name in drawn] == ["w", "w"]
    assert all(len(name) == len("w-") + 12 for name in drawn)


def test_ids_come_apart_as_they_were_put_together():
    """Ids are text; every part of one can be had back."""
    proc = proc_id(address_of_node("host0"), "workers_0-1aaaaaaaaaaa")
    actor = actor_id(proc, "trainer-1bbbbbbbbbbb", 3)

    assert actor == "unix:@host0,workers_0-1aaaaaaaaaaa,trainer-1bbbbbbbbbbb[3]"
    assert (proc_of(actor), actor_name_of(actor), pid_of(actor)) == (proc, Name("trainer-1bbbbbbbbbbb"), 3)
    assert (address_of(proc), proc_name_of(proc)) == ("unix:@host0", "workers_0-1aaaaaaaaaaa")


def test_agents_are_found_without_asking():
    """Their ids are computed from where they must be."""
    assert host_agent_id("host0") == "unix:@host0,service,host_agent[0]"
    assert proc_agent_id(proc_id("unix:@host0", "w-1a")) == "unix:@host0,w-1a,proc_agent[0]"


def test_a_fixed_base_gets_eight_hex_digits_of_the_address():
    """The same for the same address, and gone again with `base_of`."""
    one, other = (fixed_proc_name("hostproc", f"unix:@client/w_{index}") for index in range(2))

    assert one == fixed_proc_name("hostproc", "unix:@client/w_0") != other
    assert re.fullmatch(r"hostproc-[0-9a-f]{8}", one)
    assert base_of(one) == "hostproc"
