"""The keyed draws against the generator's published vectors, and against the distributions they claim."""

import numpy as np
import pytest
from numba import njit
from scipy import stats

from spondyl.natural_history import draws

COUNT = 200_000


@pytest.mark.parametrize(
    ("counter", "key", "words"),
    [  # the known-answer vectors distributed with Random123 for philox4x32-10
        ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
        (
            (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
            (0xA4093822, 0x299F31D0),
            (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
        ),
    ],
)
def test_published_vectors(counter, key, words):
    found = draws.philox(*(np.uint64(word) for word in (*counter, *key)))
    assert tuple(int(word) for word in found) == words


def test_uniform_whatever_the_decision():
    for decision in (1, 2, 50):
        assert stats.kstest(draws.uniforms(3, 0, COUNT, decision, 0), "uniform").pvalue > 1e-3


def test_neighbouring_keys_are_unrelated():
    base = draws.uniforms(3, 0, COUNT, 7, 0)
    others = [
        draws.uniforms(3, 1, COUNT, 7, 0),
        draws.uniforms(3, 0, COUNT, 8, 0),
        draws.uniforms(3, 0, COUNT, 7, 1),
        draws.uniforms(4, 0, COUNT, 7, 0),
    ]
    for other in others:
        assert abs(np.corrcoef(base, other)[0, 1]) < 4 / np.sqrt(COUNT)
        table = np.histogram2d(base, other, bins=16, range=((0, 1), (0, 1)))[0]
        assert stats.chisquare(table.ravel()).pvalue > 1e-3


def test_a_draw_does_not_know_its_chunk():
    whole = draws.uniforms(11, 0, 1000, 5, 2)
    parts = np.concatenate([draws.uniforms(11, start, 125, 5, 2) for start in range(0, 1000, 125)])
    assert np.array_equal(whole, parts)


def test_seeds_and_patients_above_32_bits_differ():
    low = draws.uniforms(1, 0, 100, 5, 0)
    assert not np.array_equal(low, draws.uniforms(1 + (1 << 32), 0, 100, 5, 0))
    assert not np.array_equal(low, draws.uniforms(1, 1 << 32, 100, 5, 0))


@njit
def _normals(count):
    return np.array([draws.normal(5, n, 9, 0) for n in range(count)])


@njit
def _gammas(count, shape):
    return np.array([draws.gamma_mean_one(shape, 5, n, 9) for n in range(count)])


@njit
def _poissons(count, mean):
    return np.array([draws.poisson(mean, 5, n, 9) for n in range(count)])


@pytest.mark.parametrize("mean", [0.2, 7.0, 45.0])
def test_poisson(mean):
    counts = _poissons(50_000, mean)
    law = stats.poisson(mean)
    seen = np.bincount(counts)
    expected = law.pmf(np.arange(len(seen))) * len(counts)
    enough = expected > 5
    scaled = expected[enough] * seen[enough].sum() / expected[enough].sum()
    assert stats.chisquare(seen[enough], scaled).pvalue > 1e-3


def test_normal():
    assert stats.kstest(_normals(COUNT), "norm").pvalue > 1e-3


@pytest.mark.parametrize("shape", [0.3, 0.8, 1.0, 4.0])
def test_gamma(shape):
    assert stats.kstest(_gammas(COUNT, shape), stats.gamma(shape, scale=1 / shape).cdf).pvalue > 1e-3


def test_gamma_without_spread_is_one():
    assert np.array_equal(_gammas(10, 0.0), np.ones(10))
