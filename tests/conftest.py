"""Makes what tests of several folders share importable (`leftovers`, `small_worlds`), wherever pytest was started."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
