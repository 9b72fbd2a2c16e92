"""Scenario files: format, loading, checks, and the plan that a scenario and a seed make."""

from meshsim.scenario.check import check
from meshsim.scenario.errors import ScenarioError
from meshsim.scenario.json_schema import schema_json
from meshsim.scenario.load import Loaded, discover, load_scenarios
from meshsim.scenario.matrix import variant_label
from meshsim.scenario.plan import Plan, Step, decode_plan, encode_plan, plan, plan_digest
from meshsim.scenario.schema import Scenario
from meshsim.scenario.streams import stream, stream_key

__all__ = [
    "Loaded",
    "Plan",
    "Scenario",
    "ScenarioError",
    "Step",
    "check",
    "decode_plan",
    "discover",
    "encode_plan",
    "load_scenarios",
    "plan",
    "plan_digest",
    "schema_json",
    "stream",
    "stream_key",
    "variant_label",
]
