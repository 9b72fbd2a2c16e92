"""Whether a run on the wall clock is the run that its scenario describes: docs/equivalence.md has the relation."""

from meshsim.oracle.equivalence.account import Account, Line, account_of
from meshsim.oracle.equivalence.difference import Difference, differences

__all__ = ["Account", "Difference", "Line", "account_of", "differences"]
