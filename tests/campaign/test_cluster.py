"""Campaigns on a Dask cluster."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from leftovers import processes_with, wait_until
from worlds import MARK, SMALLER, contents, environment, run

from meshsim.campaign.batch import Agenda, BatchFailed, decode_answer, encode_task, run_batch
from meshsim.campaign.cluster import Cluster, ClusterError, connected, in_own_process

HERE = Path(__file__).parent


@pytest.mark.timeout(300)  # Four interpreters import Dask, and eight meshsim.
def test_a_worker_that_is_killed_costs_nothing(tmp_path: Path) -> None:
    """Two workers, one of which is killed while it has a batch: the same is found as by one process of this machine."""
    path, alone = tmp_path / "cluster.sqlite", tmp_path / "alone.sqlite"
    command = [sys.executable, str(HERE / "on_cluster.py"), str(path)]

    said = subprocess.run(command, env=environment(path), capture_output=True, text=True, check=True)
    run(alone, SMALLER)

    assert said.stdout == "4 batches, 0 broken, the one that was killed is gone: True\n"
    assert contents(path) == contents(alone)
    assert wait_until(lambda: not processes_with(MARK, str(path), but=0))


def test_nobody_at_an_address_is_said_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client of Dask is replaced: a real one leaves a thread, which must not be where tests fork."""
    import distributed

    def refuses(*_: object, **__: object) -> None:
        raise OSError("Timed out trying to connect to tcp://127.0.0.1:1 after 10 s\nand more")

    monkeypatch.setattr(distributed, "Client", refuses)

    with pytest.raises(ClusterError) as raised, connected("tcp://127.0.0.1:1"):
        pass
    assert str(raised.value) == (
        "--scheduler tcp://127.0.0.1:1: no Dask scheduler there: "
        "Timed out trying to connect to tcp://127.0.0.1:1 after 10 s"
    )


def test_without_the_extra_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)

    with pytest.raises(ClusterError) as raised, connected("tcp://127.0.0.1:1"):
        pass
    assert str(raised.value) == "--scheduler: needs the extra `campaign`: pip install 'meshsim[campaign]'"


def test_what_a_worker_runs_comes_back_as_bytes(tmp_path: Path) -> None:
    """From an interpreter of its own, with the same result; a task it cannot read is a reason and no crash."""
    task = Agenda(SMALLER.plans, ["random"], runs=2).task(0)

    assert without_times(decode_answer(in_own_process(encode_task(task)))) == without_times(run_batch(task))
    failed = decode_answer(in_own_process(b"\xc1"))
    assert isinstance(failed, BatchFailed)
    assert failed.why.startswith("DecodeError in run_encoded")


def without_times(done: Any) -> Any:
    sightings = tuple(msgspec.structs.replace(each, after_s=0.0) for each in done.sightings)
    return msgspec.structs.replace(done, wall_s=0.0, sightings=sightings)


class FakeFuture:
    """A future of Dask that is over."""

    def __init__(self, status: str, value: Any) -> None:
        self.status = status
        self._value = value

    def done(self) -> bool:
        return True

    def result(self) -> Any:
        return self._value

    def exception(self) -> Any:
        return self._value


class FakeClient:
    """A cluster of so many threads that answers at once; `status` is what becomes of a batch."""

    def __init__(self, threads: int, status: str) -> None:
        self.status = "running"
        self._threads = threads
        self._became = status
        self.most = 0

    def nthreads(self) -> dict[str, int]:
        return {"tcp://127.0.0.1:2": self._threads}

    def submit(self, run: Callable[[bytes], bytes], task: bytes, *, pure: bool) -> FakeFuture:
        return FakeFuture(self._became, RuntimeError("killed too often\nand more"))


def test_a_batch_that_the_cluster_gives_up_is_broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not in the ledger, so that it comes again."""
    import distributed

    monkeypatch.setattr(distributed, "wait", lambda *_, **__: None)

    progress = run(tmp_path / "ledger.sqlite", SMALLER, Cluster(FakeClient(2, "error"), "tcp://127.0.0.1:2"))

    assert progress.batches == 0
    assert [each.why for each in progress.broken] == ["the cluster gave it up: killed too often"] * 4
    assert run(tmp_path / "ledger.sqlite", SMALLER).batches == 4


def test_a_cluster_that_loses_its_scheduler_ends_the_campaign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import distributed

    client = FakeClient(2, "error")

    def goes(*_: object, **__: object) -> None:
        client.status = "closed"
        raise TimeoutError

    monkeypatch.setattr(distributed, "wait", goes)

    progress = run(tmp_path / "ledger.sqlite", SMALLER, Cluster(client, "tcp://127.0.0.1:2"))

    assert [each.why for each in progress.broken] == ["the cluster is gone"] * 2
