"""Faults of hosts."""

from __future__ import annotations

import signal
from collections.abc import Callable

from meshsim.drive.strikes.base import Strike
from meshsim.faults.kinds import (
    HostCrash,
)


def _host_crash(strike: Strike, fault: HostCrash) -> None:
    strike.send_signal(strike.process(fault.target), int(signal.SIGKILL))


STRIKES: dict[type, Callable[..., None]] = {
    HostCrash: _host_crash,
}
