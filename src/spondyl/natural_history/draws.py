"""Random numbers keyed by (seed, patient, decision, number of the occasion): Philox 4x32-10 [salmon2011].

A draw is a pure function of its key, so a person lives the same life alone or among a million, on one core or many,
and under two policies differs only where the policy acts. No state is kept and no order of calls matters.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from spondyl.natural_history.compiled import compiled

_ROUNDS = 10
_MULTIPLIER_0 = np.uint64(0xD2511F53)
_MULTIPLIER_1 = np.uint64(0xCD9E8D57)
_WEYL_0 = np.uint64(0x9E3779B9)
_WEYL_1 = np.uint64(0xBB67AE85)
_LOW = np.uint64(0xFFFFFFFF)
_SHIFT = np.uint64(32)
_TO_UNIT = 2.0**-53
"""The generator's own constants [salmon2011]; the last makes 53 random bits a number below 1."""

Words = tuple[Any, Any, Any, Any]


@compiled
def philox(c0: Any, c1: Any, c2: Any, c3: Any, k0: Any, k1: Any) -> Words:
    """Four 32-bit words from a counter of four and a key of two 32-bit words (all held in uint64)."""
    for _ in range(_ROUNDS):
        product_0 = _MULTIPLIER_0 * c0
        product_1 = _MULTIPLIER_1 * c2
        c0, c1, c2, c3 = (
            (product_1 >> _SHIFT) ^ c1 ^ k0,
            product_1 & _LOW,
            (product_0 >> _SHIFT) ^ c3 ^ k1,
            product_0 & _LOW,
        )
        k0 = (k0 + _WEYL_0) & _LOW
        k1 = (k1 + _WEYL_1) & _LOW
    return c0, c1, c2, c3


@compiled
def pair(seed: int, patient: int, decision: int, occasion: int) -> tuple[float, float]:
    """Two independent uniforms in the open interval (0, 1)."""
    key, person = np.uint64(seed), np.uint64(patient)
    w0, w1, w2, w3 = philox(
        person & _LOW, person >> _SHIFT, np.uint64(decision), np.uint64(occasion), key & _LOW, key >> _SHIFT
    )
    first = ((w0 << np.uint64(21)) ^ (w1 >> np.uint64(11))) & np.uint64((1 << 53) - 1)
    second = ((w2 << np.uint64(21)) ^ (w3 >> np.uint64(11))) & np.uint64((1 << 53) - 1)
    return (float(first) + 0.5) * _TO_UNIT, (float(second) + 0.5) * _TO_UNIT


@compiled
def uniform(seed: int, patient: int, decision: int, occasion: int) -> float:
    """Uniform in (0, 1)."""
    return pair(seed, patient, decision, occasion)[0]


@compiled
def exponential(seed: int, patient: int, decision: int, occasion: int) -> float:
    """Exponential with mean 1."""
    return -math.log(pair(seed, patient, decision, occasion)[0])


@compiled
def normal(seed: int, patient: int, decision: int, occasion: int) -> float:
    """Standard normal, by Box and Muller from the two uniforms of one key."""
    u, v = pair(seed, patient, decision, occasion)
    return math.sqrt(-2.0 * math.log(u)) * math.cos(2.0 * math.pi * v)


@compiled
def gamma_mean_one(shape: float, seed: int, patient: int, decision: int) -> float:
    """Gamma with mean 1 and variance 1 / shape [marsaglia2000]; shape 0 stands for no spread at all (always 1).

    Occasions of the decision are used up one a trial, so that the draw stays a function of its key.
    """
    if shape <= 0.0:
        return 1.0
    raised = shape if shape >= 1.0 else shape + 1.0
    d = raised - 1.0 / 3.0
    c = 1.0 / math.sqrt(9.0 * d)
    value = d
    for trial in range(64):
        x = normal(seed, patient, decision, 2 * trial)
        v = (1.0 + c * x) ** 3
        if v <= 0.0:
            continue
        u, boost = pair(seed, patient, decision, 2 * trial + 1)
        if math.log(u) < 0.5 * x * x + d - d * v + d * math.log(v):
            value = d * v
            if shape < 1.0:
                value *= boost ** (1.0 / shape)
            break
    return value / shape


_PIECE = 16.0


@compiled
def poisson(mean: float, seed: int, patient: int, decision: int) -> int:
    """Poisson count; a large mean is cut into pieces whose counts add, each by inversion of one uniform."""
    count, piece = 0, 0
    while mean > 0.0:
        part = min(mean, _PIECE)
        u = uniform(seed, patient, decision, piece)
        chance = math.exp(-part)
        total, k = chance, 0
        while u > total and k < 200:
            k += 1
            chance *= part / k
            total += chance
        count += k
        mean -= part
        piece += 1
    return count


@compiled
def choice(cumulative: np.ndarray, u: float) -> int:
    """Index of the first entry of a cumulative share (n,), ending at 1, that is not below `u`."""
    for index in range(len(cumulative) - 1):
        if u <= cumulative[index]:
            return index
    return len(cumulative) - 1


@compiled
def uniforms(seed: int, first_patient: int, count: int, decision: int, occasion: int) -> np.ndarray:
    """Uniforms (count,) of consecutive patients for one decision; for checks of the generator."""
    out = np.empty(count)
    for n in range(count):
        out[n] = uniform(seed, first_patient + n, decision, occasion)
    return out
