"""Makes `machines`, `shapes` and what test files share importable, wherever pytest was started."""

import sys
from pathlib import Path

_HERE = Path(__file__).parent

sys.path[:0] = [str(_HERE), str(_HERE / "controllers"), str(_HERE / "runtime")]
