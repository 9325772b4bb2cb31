"""Random streams keyed by what is being decided, so that one decision never shifts another."""

from __future__ import annotations

import hashlib

import numpy as np


def keyed(*key: object) -> np.random.Generator:
    """A generator that depends on the key alone (numbers, names), on any machine and in any order of calls."""
    digest = hashlib.sha256("|".join(map(str, key)).encode()).digest()
    return np.random.default_rng(np.random.SeedSequence(list(np.frombuffer(digest, "<u4").tolist())))
