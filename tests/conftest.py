"""Makes the helpers in this folder importable as `data` and friends from every test."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
