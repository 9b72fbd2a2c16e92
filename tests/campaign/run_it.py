"""The small campaign in a process of its own: how many batches are done, a line for each."""

from __future__ import annotations

import sys
from pathlib import Path

from worlds import run

from meshsim.campaign.scheduling import Local

if __name__ == "__main__":
    run(Path(sys.argv[1]), scheduler=Local(2), tell=lambda each: print(each.before + each.batches, flush=True))
