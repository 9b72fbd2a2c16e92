"""The JSON schema of scenario files, for editors: from the same types that files are decoded with."""

from __future__ import annotations

from typing import Any

import msgspec

from meshsim.scenario.schema import Scenario
from meshsim.units import Drift, Duration, Shift

#: A number and a unit, once or more: what `meshsim.units.parse_duration` reads. It is stricter about the units.
DURATION_PATTERN = r"^\s*(0|(\d+(\.\d+)?\s*[a-zµ]+\s*)+)\s*$"

#: The same with a sign, for `parse_shift`; and what `parse_drift` reads.
SHIFT_PATTERN = r"^\s*[-+]?\s*(0|(\d+(\.\d+)?\s*[a-zµ]+\s*)+)\s*$"
DRIFT_PATTERN = r"^\s*[-+]?\s*(\d+(\.\d+)?\s*ppm|(\d+(\.\d+)?\s*[a-zµ]+\s*)+/s|0/s)$"


def schema_json() -> dict[str, Any]:
    """The schema of one scenario file. What depends on other keys (names, ranks) is only checked on loading."""
    (root,), components = msgspec.json.schema_components(
        (Scenario,), schema_hook=_duration_schema, ref_template="#/$defs/{name}"
    )
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "meshsim scenario",
        **root,
        "$defs": components,
    }


def _duration_schema(kind: type) -> dict[str, Any]:
    if kind is Duration:
        return {"type": "string", "pattern": DURATION_PATTERN, "examples": ["1.5s", "200ms", "2m"]}
    if kind is Shift:
        return {"type": "string", "pattern": SHIFT_PATTERN, "examples": ["1.5s", "-200ms"]}
    if kind is Drift:
        return {"type": "string", "pattern": DRIFT_PATTERN, "examples": ["200us/s", "-50ppm"]}
    raise NotImplementedError(kind)
