import msgspec
import pytest

from meshsim.model.commands import Fail, Panic
from meshsim.model.ids import ActorId, Name, PortRef
from meshsim.model.messages import Envelope, GetState, MeshFailed, SeqInfo, Stop, Undeliverable
from meshsim.model.messaging.undeliverable import (
    default_undeliverable,
    handler_port,
    mailbox_closed_error,
    no_mailbox_error,
    port_id,
    port_not_bound_error,
    restore_sender,
    return_failed_text,
    undeliverable_text,
)
from meshsim.model.supervision import Generic, actor_failed, actor_stopped

SENDER = ActorId("unix:@client,local,client[0]")
DEST = ActorId("unix:@host0,service,host_agent[0]")
STOP = Envelope(SENDER, DEST, Stop(Name("w-1a"), "done"))
#: First 8 bytes of the blake2b hash of the type's name, with bit 63 set.
STOP_PORT = handler_port("Stop")


def test_handler_ports_are_fixed_numbers_with_bit_63_set():
    """They are part of texts, hence of digests: the same in every process and version."""
    assert handler_port("Stop") == 18273894437537295105
    assert handler_port("Stop") >> 63 == 1
    assert handler_port("Stop") != handler_port("GetState")


def test_ports_print_their_type_only_where_it_is_the_address():
    """mesh_model.md 7: `[{index}<{type}>]` for handler ports, `[{index}]` for those an actor opened."""
    assert port_id(STOP) == f"{DEST}[{STOP_PORT}<Stop>]"
    assert port_id(Envelope(SENDER, DEST, MeshFailed(None), port=1025)) == f"{DEST}[1025]"


def test_a_message_that_comes_back_prints_everything_about_it():
    """mesh_model.md 3.5 point 4; the payload is compact JSON."""
    assert undeliverable_text(STOP, ("broken link: a", "ttl expired")) == (
        "undeliverable message error:\n"
        "\tdescription: delivery of message from sender to dest failed\n"
        f"\tsender: {SENDER}\n"
        f"\tdest: {DEST}[{STOP_PORT}<Stop>]\n"
        "\theaders: \n"
        '\tdata: {"type":"stop","name":"w-1a","reason":"done"}\n'
        "\terror: broken link: a; ttl expired"
    )


def test_a_message_that_cannot_even_be_returned_has_its_own_form():
    """Second form of the same text, with a header and without errors."""
    heartbeat = Envelope(SENDER, DEST, MeshFailed(None), port=1025, subscriber=True)

    assert return_failed_text(heartbeat, ()) == (
        "undeliverable message error:\n"
        "\tdescription: returning undeliverable message to original sender failed\n"
        f"\toriginal sender: {SENDER}\n"
        f"\toriginal dest: {DEST}[1025]\n"
        "\theaders: hyperactor_mesh::mesh_controller::actor_mesh_subscriber_message=true\n"
        '\tdata: {"type":"mesh_failed","failure":null}\n'
        "\terror: <none>"
    )


def test_by_default_the_sender_of_an_undeliverable_message_fails():
    """Sending to a dead actor kills the sender (supervision.md 4.6)."""
    commands = default_undeliverable(SENDER, Undeliverable(STOP, ("ttl expired",)))

    assert commands == [Fail(Generic(undeliverable_text(STOP, ("ttl expired",))))]


def test_a_message_that_somebody_else_sent_is_a_panic():
    """The handler asserts that it is the sender."""
    commands = default_undeliverable(DEST, Undeliverable(STOP, ()))

    assert commands == [Panic(f"assertion `left == right` failed\n  left: {DEST}\n right: {SENDER}")]


def test_a_cast_that_comes_back_is_given_its_caster_again():
    """Comm actors name themselves as its sender; what is no cast, or a direct one, is left as it is."""
    cast = Envelope(DEST, SENDER, STOP.message, cast_sender=SENDER, cast_point="", cast_mesh=Name("m"))
    direct = Envelope(SENDER, DEST, STOP.message, cast_sender=SENDER, cast_point="")

    restored = restore_sender(Undeliverable(cast, ("why",)))

    assert restored == Undeliverable(msgspec.structs.replace(cast, sender=SENDER), ("why",))
    for other in (Undeliverable(STOP, ("why",)), Undeliverable(direct, ())):
        assert restore_sender(other) is other


def test_the_headers_of_a_cast_are_part_of_the_text():
    """mesh_model.md 3.8: keys are full paths."""
    cast = Envelope(SENDER, DEST, STOP.message, cast_sender=SENDER, cast_point="x=0/2,y=1/2", cast_mesh=Name("m"))

    assert undeliverable_text(cast, ()).splitlines()[4] == (
        "\theaders: hyperactor_mesh::comm::multicast::cast_point=x=0/2,y=1/2,"
        f"hyperactor_mesh::comm::multicast::cast_originating_sender={SENDER},"
        "hyperactor_mesh::casting::cast_actor_mesh_id=m"
    )


def test_the_number_of_a_message_is_a_header_too():
    numbered = Envelope(SENDER, DEST, STOP.message, seq=SeqInfo("0190", 7))

    assert undeliverable_text(numbered, ()).splitlines()[4] == "\theaders: hyperactor::ordering::seq_info=0190:7"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (no_mailbox_error(DEST), f"address not routable: no mailbox for actor {DEST} registered in muxer"),
        (
            port_not_bound_error(STOP),
            f"address not routable: port not bound in mailbox; port id: {STOP_PORT}; message type: Stop",
        ),
        (
            port_not_bound_error(Envelope(SENDER, DEST, GetState(Name("w"), PortRef(SENDER, 1024)), port=1030)),
            "address not routable: port not bound in mailbox; port id: 1030; message type: GetState",
        ),
        (
            mailbox_closed_error(DEST, actor_stopped("parent stopping")),
            f"mailbox error: mailbox owner {DEST} is stopped: parent stopping",
        ),
        (
            mailbox_closed_error(DEST, actor_failed(Generic("boom"))),
            f"mailbox error: mailbox owner {DEST} failed: boom",
        ),
    ],
)
def test_delivery_errors_have_the_reference_texts(text, expected):
    """mesh_model.md 3.2 and supervision.md 4.5 step 9."""
    assert text == expected
