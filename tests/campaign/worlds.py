"""Small campaigns, and what is in a ledger apart from wall times."""

from __future__ import annotations

import os
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
from small_worlds import mesh

from meshsim.campaign.ledger import Ledger
from meshsim.campaign.running import Campaign, Progress, run_campaign
from meshsim.campaign.scheduling import Local, Scheduler

PLANS = (mesh(hosts=2, horizon_s=9), mesh(horizon_s=9, clients=["other"]))

#: Four batches for each round.
CAMPAIGN = Campaign(plans=PLANS, strategies=("random", "swarm"), seed=3, runs=8, rounds=2)

#: Four batches in all.
SMALLER = msgspec.structs.replace(CAMPAIGN, plans=PLANS[:1])

MARK = "MESHSIM_TEST_CAMPAIGN"

_KEY = "batch.round, batch.plan, batch.strategy, batch.seed, batch.kinds, batch.runs"
_CONTENTS = (
    f"SELECT {_KEY}, own_seed, passed, violated, inconclusive, decisions, records FROM batch",
    f"SELECT {_KEY}, violated.invariant, violated.runs FROM violated JOIN batch ON batch.id = batch",
    f"SELECT {_KEY}, lost.run, why FROM lost JOIN batch ON batch.id = batch",
    f"SELECT invariant, machine, cause, run, count, {_KEY} FROM sighting JOIN batch ON batch.id = batch"
    " JOIN finding ON finding.id = finding",
    f"SELECT invariant, machine, cause, run, example.plan, violation, {_KEY} FROM example"
    " JOIN batch ON batch.id = batch JOIN finding ON finding.id = finding",
    "SELECT strategy, feature FROM coverage",
    "SELECT digest, label, profile, source, body FROM plan",
)


def run(
    path: Path,
    campaign: Campaign = CAMPAIGN,
    scheduler: Scheduler | None = None,
    tell: Callable[[Progress], None] = lambda _: None,
) -> Progress:
    with Ledger(path) as ledger:
        return run_campaign(campaign, ledger, scheduler or Local(1), tell=tell)


def environment(path: Path) -> dict[str, str]:
    """For a process of tests: what is here can be imported, and it and its children can be told by `MARK`."""
    here = Path(__file__).parent
    places = [str(here), str(here.parent), *filter(None, sys.path)]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(places), MARK: str(path)}


def contents(path: Path) -> list[list[tuple[Any, ...]]]:
    """Everything in a ledger but wall times, whatever the order in which it came there."""
    with closing(sqlite3.connect(path)) as db:
        return [sorted(db.execute(query).fetchall()) for query in _CONTENTS]


def count(path: Path, table: str) -> int:
    with closing(sqlite3.connect(path)) as db:
        (rows,) = db.execute(f"SELECT count(*) FROM {table}").fetchone()
        return int(rows)
