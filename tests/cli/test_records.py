"""`meshsim records`: every kind that a trigger or an expectation may wait for."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import msgspec

from meshsim.cli.records import message_kinds, record_kinds
from meshsim.faults.matching import check_condition
from meshsim.model.messages import Message

Command = Callable[..., Any]


def test_all_fields_may_stand_in_a_condition() -> None:
    """What is listed is what `where` takes."""
    kinds = record_kinds()
    assert {"poll_started", "heard", "message"} <= {kind.tag for kind in kinds}
    for kind in kinds:
        for field in kind.fields:
            check_condition(kind.tag, {field: "x"})


def test_every_message_is_there_once() -> None:
    tags = [kind.tag for kind in message_kinds()]
    union = msgspec.inspect.type_info(Message)
    assert isinstance(union, msgspec.inspect.UnionType)
    assert len(tags) == len(set(tags)) == len(union.types)


def test_every_record_says_what_it_is() -> None:
    assert [kind.tag for kind in record_kinds() if not kind.sentence] == []


def test_the_table_has_fields_and_sentences(meshsim: Command) -> None:
    lines = meshsim("records").out.splitlines()
    line = next(line for line in lines if line.startswith("poll_started "))
    assert line.split(None, 1)[1].startswith("controller, mesh, count")
    assert line.endswith("CheckState runs. `count` is 1 for the first poll of this controller.")
    assert any(line.startswith("get_state ") for line in lines[lines.index("") :])


def test_one_kind_is_told_whole(meshsim: Command) -> None:
    """`returned` is both: a record, and a message."""
    said = meshsim("records", "returned").out
    assert said.startswith("returned, a record\n")
    assert "\n\nreturned, a message\n" in said
    assert "  fields: envelope, errors\n" in said


def test_json_has_one_object_a_line(meshsim: Command) -> None:
    first = json.loads(meshsim("records", "--json").out.splitlines()[0])
    assert (first["what"], first["kind"]) == ("record", "message")
    assert "sender" in first["fields"]


def test_a_kind_that_is_none_is_a_mistake(meshsim: Command) -> None:
    said = meshsim("records", "poll_begins")
    assert (said.code, said.out) == (2, "")
    assert said.err == "meshsim: records: 'poll_begins' is none; `meshsim records` lists all\n"
