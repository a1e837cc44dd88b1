"""Odd files, made from a seed: reading one gives a value or one clear line, in bounded time and memory, and leaves nothing behind.

`samples` are whole files of each kind, `pieces` says where their parts begin, `damage` makes an odd one of them, `reading` is what the
program does with it, `judge` what is wrong with that, `campaign` runs many in processes of their own, `python -m tests.fuzz` any number.
"""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1] / "helpers"))
