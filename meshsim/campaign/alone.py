"""A batch in a process of its own: `python -m meshsim.campaign.alone PARENT`, task on standard input, answer on output.

What code of a scenario prints goes to standard error.
"""

from __future__ import annotations

import os
import sys

from meshsim.campaign.batch import run_encoded
from meshsim.run.attended import attend


def main() -> None:
    attend(int(sys.argv[1]))
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    with answers:
        answers.write(run_encoded(sys.stdin.buffer.read()))


if __name__ == "__main__":
    main()
