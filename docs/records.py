"""The page about records and messages: what a trace may hold, to wait for in triggers and expectations."""

from __future__ import annotations

from collections.abc import Iterable

from meshsim.cli.records import Kind, message_kinds, record_kinds


def records_page(made: str) -> str:
    """The whole page; `made` is the sentence that says where it comes from."""
    lines = [
        "# What a trace may hold",
        "",
        made,
        "Kinds of records, for `record` in triggers and expectations, with their fields, for `where`. Each also",
        "has `node`, the process it happened in. `meshsim records` prints these tables, `meshsim trace RUN --json` the",
        "records of a run as they are. How to write conditions: [scenarios/README.md](../scenarios/README.md#when).",
        "",
        *_table("record", record_kinds()),
        "",
        "## Messages",
        "",
        "The records `message` (from process to process), `local` (inside one), `bounced`, `lost`, `returned` and",
        "`in_flight` hold one: `message.type` in a record `message`, `envelope.message.type` in the others. It is also",
        "the `message` of a fault of the network and the `type` of an expectation `messages`.",
        "",
        *_table("message", message_kinds()),
    ]
    return "\n".join(lines) + "\n"


def _table(what: str, kinds: Iterable[Kind]) -> list[str]:
    rows = [f"| `{kind.tag}` | {', '.join(f'`{name}`' for name in kind.fields)} | {kind.sentence} |" for kind in kinds]
    return [f"| {what} | fields | what it says |", "|---|---|---|", *rows]
