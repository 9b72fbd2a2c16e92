"""`meshsim doctor`."""

from __future__ import annotations

import msgspec

from meshsim.cli import INCONCLUSIVE, PASSED
from meshsim.cli.console import out, table


def doctor(*, json: bool = False) -> int:
    """Say what this machine can do, and which versions are installed.

    Ends with code 3 when something is missing that runs on real processes need; simulation needs none of it.

    Parameters
    ----------
    json
        One JSON object a line: name, ok, detail, needed_for, required.
    """
    from meshsim.procs.capabilities import probe
    from meshsim.versions import versions

    found = probe()
    able = all(capability.ok for capability in found if capability.required)
    if json:
        for capability in found:
            out(msgspec.json.encode(capability).decode())
        return PASSED if able else INCONCLUSIVE
    rows = [(c.name, "ok" if c.ok else _absent(c.required), c.detail, c.needed_for) for c in found]
    table(("capability", "", "found", "needed for"), rows)
    out()
    out("  ".join(f"{name} {version}" for name, version in versions().items()))
    out()
    out("sim: ready")
    out("lockstep: ready" if able else "lockstep: this machine lacks what is marked as missing")
    return PASSED if able else INCONCLUSIVE


def _absent(required: bool) -> str:
    return "missing" if required else "limited"
