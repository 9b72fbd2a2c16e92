"""What must hold in every run, without being asked: one class for each invariant, one module for each family."""

from __future__ import annotations

from meshsim.oracle.invariants.announcing import StoppedMeshIsTold
from meshsim.oracle.invariants.answering import AgentsAnswer, ControllersPoll
from meshsim.oracle.invariants.base import Invariant
from meshsim.oracle.invariants.beginnings import ConfiguredFirst
from meshsim.oracle.invariants.calling import StopsAreCalledStops
from meshsim.oracle.invariants.completeness import Completeness
from meshsim.oracle.invariants.delivery import LastWords, NothingVanishes
from meshsim.oracle.invariants.finality import KernelAgrees, TerminalIsFinal
from meshsim.oracle.invariants.grace import GracePeriods
from meshsim.oracle.invariants.hearing import Accuracy, AtMostOnce, OwnerHearsErrorsOnly
from meshsim.oracle.invariants.infrastructure import InfrastructureSurvives
from meshsim.oracle.invariants.keepalives import KeepaliveSoundness
from meshsim.oracle.invariants.leftovers import FailedSpawnLeavesNothing
from meshsim.oracle.invariants.lifetime import NoProcessLeft, NothingOutlivesItsOwner
from meshsim.oracle.invariants.naming import RightCause
from meshsim.oracle.invariants.output import OutputIsKept
from meshsim.oracle.invariants.ownership import HostsEndWithTheirOwner
from meshsim.oracle.invariants.quiescence import QuietAfterTheEnd
from meshsim.oracle.invariants.repetition import NoEndlessRepetition
from meshsim.oracle.invariants.scope import StopsStayInScope
from meshsim.oracle.invariants.stopping import StopHappens, StopIsTrue
from meshsim.oracle.invariants.views import ViewsAgree
from meshsim.oracle.invariants.waits import EveryWaitBounded

__all__ = ["INVARIANTS", "Invariant"]

#: Every invariant by its id.
INVARIANTS: dict[str, type[Invariant]] = {
    invariant.id: invariant
    for invariant in (
        TerminalIsFinal,
        KernelAgrees,
        Accuracy,
        AtMostOnce,
        OwnerHearsErrorsOnly,
        Completeness,
        NothingOutlivesItsOwner,
        NoProcessLeft,
        EveryWaitBounded,
        ViewsAgree,
        KeepaliveSoundness,
        StopsStayInScope,
        NoEndlessRepetition,
        QuietAfterTheEnd,
        ConfiguredFirst,
        InfrastructureSurvives,
        StopIsTrue,
        StopHappens,
        AgentsAnswer,
        ControllersPoll,
        NothingVanishes,
        LastWords,
        RightCause,
        GracePeriods,
        FailedSpawnLeavesNothing,
        StopsAreCalledStops,
        StoppedMeshIsTold,
        OutputIsKept,
        HostsEndWithTheirOwner,
    )
}
