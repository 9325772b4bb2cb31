"""What the interval is made of: its sources, their signs, and how they add."""

from __future__ import annotations

import pytest

from spondyl.mechanics.composition import Variant
from spondyl.mechanics.interval import LYTIC_SWEEP_MPA, OTHER_LAWS, Source, sources, spread, together
from spondyl.values.strength import Spread

BASE = Variant("kopperdahl2002")


def named(**fields):
    return {source.name: source for source in sources(BASE, **{"relative_density_sd": 0.1, "lytic": True, **fields})}


def test_each_source_changes_one_thing():
    differing = {
        "calibration": {"density_factor"},
        "segmentation": {"surface_voxels"},
        "law": {"law"},
        "supports": {"bonded"},
        "tumour": {"lytic_mpa"},
    }
    found = named()
    assert set(found) == set(differing)
    for name, source in found.items():
        for variant in source.variants:
            assert {key for key, value in vars(variant).items() if value != getattr(BASE, key)} == differing[name]


def test_the_calibration_is_taken_to_its_95_per_cent_and_never_below_no_bone():
    low, high = named()["calibration"].variants
    assert (low.density_factor, high.density_factor) == pytest.approx((1 - 0.196, 1 + 0.196), abs=1e-4)
    assert min(v.density_factor for v in named(relative_density_sd=3.0)["calibration"].variants) > 0
    assert "calibration" not in named(relative_density_sd=0.0)


def test_tumour_is_varied_only_where_there_is_soft_tumour_and_a_law_not_against_itself():
    assert "tumour" not in named(lytic=False)
    assert [v.lytic_mpa for v in named()["tumour"].variants] == list(LYTIC_SWEEP_MPA)
    own = sources(Variant(OTHER_LAWS[0]), relative_density_sd=0.0, lytic=False)
    laws = next(source for source in own if source.name == "law")
    assert [variant.law for variant in laws.variants] == list(OTHER_LAWS[1:])


@pytest.mark.parametrize(
    ("loads", "low", "high"),
    [((800.0, 1300.0), -0.2, 0.3), ((1100.0, 1300.0), 0.0, 0.3), ((700.0,), -0.3, 0.0), ((1000.0, 1000.0), 0.0, 0.0)],
)
def test_a_spread_reaches_from_the_base_to_its_ends(loads, low, high):
    found = spread(Source("x", "y", ()), 1000.0, loads)
    assert (found.low_share, found.high_share) == pytest.approx((low, high))


def test_sources_add_as_squares_each_side_by_itself():
    both = [Spread("a", -0.3, 0.0, ""), Spread("b", -0.4, 0.12, ""), Spread("c", 0.0, 0.05, "")]
    assert together(1000.0, both) == pytest.approx((500.0, 1130.0))
    assert together(1000.0, []) == (1000.0, 1000.0)


def test_no_interval_reaches_below_nothing():
    low, high = together(1000.0, [Spread("a", -0.9, 1.0, ""), Spread("b", -0.9, 1.0, "")])
    assert low == 0.0
    assert high == pytest.approx(1000 * (1 + 2**0.5))
