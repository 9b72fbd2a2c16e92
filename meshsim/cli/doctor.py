"""`meshsim doctor`."""

from __future__ import annotations

import msgspec

from meshsim.cli import INCONCLUSIVE, PASSED
from meshsim.cli.console import out, table


def doctor(*, json: bool = False) -> int:
    """Say what this machine can do, and which versions are installed.

    Ends with code 3 when something is missing that `lockstep` or `live` needs; simulation needs none of it.

    Parameters
    ----------
    json
        One JSON object a line: name, ok, detail, needed_for, required, and which backend alone uses it.
    """
    from meshsim.procs.capabilities import probe
    from meshsim.versions import versions

    found = probe()
    lacking = [capability for capability in found if capability.required and not capability.ok]
    if json:
        for capability in found:
            out(msgspec.json.encode(capability).decode())
        return INCONCLUSIVE if lacking else PASSED
    rows = [(c.name, "ok" if c.ok else _absent(c.required), c.detail, c.needed_for) for c in found]
    table(("capability", "", "found", "needed for"), rows)
    out()
    out("  ".join(f"{name} {version}" for name, version in versions().items()))
    out()
    out("sim: ready")
    for backend in ("lockstep", "live"):
        able = not any(capability.only in ("", backend) for capability in lacking)
        out(f"{backend}: ready" if able else f"{backend}: this machine lacks what is marked as missing")
    return INCONCLUSIVE if lacking else PASSED


def _absent(required: bool) -> str:
    return "missing" if required else "limited"
