"""Who runs the batches of a campaign: processes of this machine, or a Dask cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

from meshsim.campaign.batch import Agenda, run_encoded
from meshsim.campaign.batch import encode_task as encoded
from meshsim.run.workers import Work, WorkerDiedError, Workers

#: More batches than any campaign comes to.
_ENDLESS = 1 << 40


class Scheduler(Protocol):
    """Runs batches in any order, each as often as it likes, and answers once for each."""

    #: Where it is, for the ledger; empty for this machine.
    address: str

    def run(
        self, agenda: Agenda, may_begin: Callable[[], bool], begin: Callable[[], None]
    ) -> Iterator[tuple[int, bytes | WorkerDiedError]]:
        """Answers as they come, with the place of their batch in the agenda.

        No batch is begun once `may_begin` says no; what runs comes to its end. `begin` is called in each process that
        is forked from this one.
        """


class Local:
    """Processes of this machine, forked. One that dies takes its batch with it."""

    address = ""

    def __init__(self, jobs: int) -> None:
        self._jobs = jobs

    def run(
        self, agenda: Agenda, may_begin: Callable[[], bool], begin: Callable[[], None]
    ) -> Iterator[tuple[int, bytes | WorkerDiedError]]:
        left = agenda.left
        jobs = self._jobs if left is None else min(self._jobs, left)
        with Workers(jobs, _Bench(agenda, begin)) as crew:
            yield from crew.run(_ENDLESS if left is None else left, lambda _: may_begin())


class _Bench(Work):
    """What a worker does."""

    def __init__(self, agenda: Agenda, begin: Callable[[], None]) -> None:
        self._agenda = agenda
        self._begin = begin

    def __enter__(self) -> None:
        self._begin()

    def do(self, index: int) -> bytes:
        return run_encoded(encoded(self._agenda.task(index)))
