"""`meshsim list`, `meshsim check` and `meshsim schema`."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import msgspec

from meshsim.cli import BAD_INPUT, PASSED
from meshsim.cli.bounds import warn
from meshsim.cli.console import err, out, table
from meshsim.cli.load import Loaded, load, plans_of
from meshsim.scenario.matrix import variant_label
from meshsim.scenario.plan import Plan
from meshsim.units import format_duration


def list_scenarios(*paths: Path, json: bool = False) -> int:
    """List scenarios: name, variant, seeds, backends, length in virtual time, and what each is about.

    Parameters
    ----------
    paths
        Scenario files, or folders of them; the folder `scenarios` when none is given.
    json
        One JSON object a line.
    """
    rows: dict[tuple[str, str, str], tuple[Plan, list[int]]] = {}
    for plan in plans_of(paths or (Path("scenarios"),)):
        key = (plan.source, plan.scenario, variant_label(plan.variant))
        rows.setdefault(key, (plan, []))[1].append(plan.seed)
    if json:
        for (source, name, variant), (plan, seeds) in rows.items():
            out(_line(source, name, variant, plan, seeds))
        return PASSED
    table(
        ("scenario", "variant", "seeds", "backends", "length", "about"),
        [
            (
                name,
                variant,
                ",".join(map(str, seeds)),
                "+".join(plan.backends),
                format_duration(plan.horizon),
                _first_sentence(plan.about),
            )
            for (_, name, variant), (plan, seeds) in rows.items()
        ],
        right=("length",),
    )
    return PASSED


def check(*paths: Path) -> int:
    """Validate scenario files: syntax, types, names, targets, ranks, times. Nothing is run.

    Prints a line for each good file; a line for each bad one on standard error, and ends with code 2. Rules of
    configuration that a good file breaks are warnings on standard error and change nothing.

    Parameters
    ----------
    paths
        Scenario files, or folders of them; the folder `scenarios` when none is given.
    """
    loaded: Loaded = load(paths or (Path("scenarios"),))
    for source, count in sorted(Counter(plan.source for plan in loaded.plans).items()):
        out(f"ok  {source}  {count} {'plan' if count == 1 else 'plans'}")
    for error in loaded.errors:
        err(str(error))
    warn(loaded.plans)
    return BAD_INPUT if loaded.errors else PASSED


def schema() -> int:
    """Print the JSON schema of scenario files, for editors."""
    from meshsim.scenario.json_schema import schema_json

    out(msgspec.json.format(msgspec.json.encode(schema_json()), indent=2).decode())
    return PASSED


def _line(source: str, name: str, variant: str, plan: Plan, seeds: list[int]) -> str:
    value = {
        "schema": 1,
        "scenario": name,
        "variant": variant,
        "source": source,
        "seeds": seeds,
        "backends": plan.backends,
        "horizon_ns": int(plan.horizon),
        "about": plan.about.strip(),
    }
    return msgspec.json.encode(value).decode()


def _first_sentence(about: str) -> str:
    words = " ".join(about.split())
    head, dot, _ = words.partition(". ")
    return head + dot.strip()
