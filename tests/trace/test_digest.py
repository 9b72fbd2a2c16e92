"""The digest: the same bytes everywhere, whatever came in which pieces."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from meshsim.model.ids import ActorId, Name, PortRef
from meshsim.model.messages import ActorSpec, CreateOrUpdate, Envelope, SetClientConfig, Work
from meshsim.trace.digest import CHUNK, TraceWriter, digest, encode_line
from meshsim.trace.records import Record, RunEnded, RunStarted

A, B = ActorId("unix:@client,local,client[0]"), ActorId("unix:@host0,service,host_agent[0]")

SMALL = [
    Record(0, 0, "", -1, RunStarted(1, "small", 7, "abc")),
    Record(1, 1_500_000, "host0", 0, Envelope(A, B, Work("héllo", 5))),
    Record(2, 2_000_000, "", -1, RunEnded("quiet", ("client", "host0"))),
]


def test_a_record_is_one_line_of_json_in_declaration_order() -> None:
    """People read traces with less and grep; the digest reads the same bytes."""
    assert [encode_line(record).decode() for record in SMALL] == [
        '{"seq":0,"at":0,"node":"","cause":-1,"what":'
        '{"type":"run_started","schema":1,"scenario":"small","seed":7,"plan_digest":"abc"}}\n',
        '{"seq":1,"at":1500000,"node":"host0","cause":0,"what":{"type":"message",'
        '"sender":"unix:@client,local,client[0]","dest":"unix:@host0,service,host_agent[0]",'
        '"message":{"type":"work","text":"héllo","busy_ns":5}}}\n',
        '{"seq":2,"at":2000000,"node":"","cause":-1,"what":'
        '{"type":"run_ended","why":"quiet","alive":["client","host0"]}}\n',
    ]


def test_the_digest_of_a_small_trace_is_golden() -> None:
    """A change of this value is a change of the trace format: raise TRACE_SCHEMA."""
    assert digest(SMALL) == "2b322c07c0fac564dc3bc67c6cdaa6a295e66947a1a24108b0af7f04e504bcdf"
    assert digest(SMALL) == hashlib.sha256(b"".join(map(encode_line, SMALL))).hexdigest()


def test_the_order_in_which_a_dictionary_was_filled_does_not_count() -> None:
    """Parameters come from files, from code and over the wire."""
    one = CreateOrUpdate(Name("t-1"), 0, ActorSpec("T", {"b": 1, "a": {"d": 2, "c": 3}}))
    two = CreateOrUpdate(Name("t-1"), 0, ActorSpec("T", {"a": {"c": 3, "d": 2}, "b": 1}))
    assert digest([Record(0, 0, "", -1, Envelope(A, B, one))]) == digest([Record(0, 0, "", -1, Envelope(A, B, two))])


@pytest.mark.parametrize("change", [{"at": 1}, {"node": "x"}, {"cause": 3}, {"seq": 9}])
def test_every_field_counts(change: dict[str, int | str]) -> None:
    """Two runs that differ anywhere have different digests."""
    fields = {"seq": 0, "at": 0, "node": "", "cause": -1, "what": SMALL[0].what}
    assert digest([Record(**{**fields, **change})]) != digest([Record(**fields)])


@pytest.mark.parametrize("count", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK])
def test_a_writer_arrives_at_the_same_digest_record_by_record(count: int) -> None:
    """The conductor appends one by one, and may ask in between."""
    records = [Record(seq, seq, "host0", seq - 1, SMALL[1].what) for seq in range(count)]
    writer = TraceWriter()
    for record in records:
        writer.records.append(record)
        if record.seq == count // 2:
            assert writer.digest() == digest(records[: record.seq + 1])
    assert writer.digest() == digest(records)


_PROGRAM = """
from meshsim.model.ids import ActorId, PortRef
from meshsim.model.messages import Envelope, SetClientConfig
from meshsim.trace.digest import digest
from meshsim.trace.records import Record
a = ActorId("unix:@client,local,client[0]")
names = {f"ATTRIBUTE_{i}" for i in range(50)}
config = {name: len(name) for name in names}
print(digest([Record(0, 0, "", -1, Envelope(a, a, SetClientConfig(config, PortRef(a, 1))))]))
"""


def test_the_hash_seed_does_not_count() -> None:
    """A dictionary filled from a set has another order in every interpreter."""
    root = Path(__file__).parents[2]
    digests = {
        subprocess.run(
            [sys.executable, "-c", _PROGRAM],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(root)},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in ("1", "2")
    }
    config = {f"ATTRIBUTE_{i}": len(f"ATTRIBUTE_{i}") for i in range(50)}
    client = Envelope(A, A, SetClientConfig(config, PortRef(A, 1)))
    assert digests == {digest([Record(0, 0, "", -1, client)]) + "\n"}
