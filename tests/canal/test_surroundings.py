"""Retropulsion, foramina, open rings and masks with flaws, on shapes of known measures."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from canal_rings import NO_GEOMETRY, Ring, rotation
from spondyl.anatomy.levels import Level
from spondyl.anatomy.subregions import SubRegion
from spondyl.canal.foramina import foramina
from spondyl.canal.measure import measure_canals
from spondyl.canal.norms import norms
from spondyl.core.citations import bibliography
from spondyl.core.volume import Volume
from spondyl.values.canal import CanalMeasure
from spondyl.values.vertebra import Frame, Vertebra

LEVELS = (Level.T6, Level.T7, Level.T8, Level.T9, Level.T10)
VOXEL = (0.7, 0.7, 2.0)


def ring(level: Level) -> Ring:
    return Ring(deep_mm=8.0, spacing_mm=VOXEL, up_mm=-30.0 * LEVELS.index(level))


@cache
def column() -> dict[Level, Vertebra]:
    return {level: ring(level).vertebra(level) for level in LEVELS}


@cache
def measured() -> dict[Level, CanalMeasure]:
    return measure_canals(column())


def changed(level: Level, keep=None, add=None) -> dict[Level, Vertebra]:
    """The column with voxels of one level taken away or added to its body, by coordinates about the canal."""
    vertebra = column()[level]
    c = ring(level).across_canal(ring(level).local(vertebra.parts))
    parts = vertebra.parts.array.copy()
    if keep is not None:
        parts[~keep(c[..., 0], c[..., 1], c[..., 2])] = 0
    if add is not None:
        parts[add(c[..., 0], c[..., 1], c[..., 2])] = SubRegion.BODY
    return {**column(), level: replace(vertebra, parts=vertebra.parts.like(parts, "label"))}


@pytest.mark.parametrize("pushed", [0.0, 4.0])
def test_retropulsion_in_mm_and_share_of_the_canal(pushed):
    found = measure_canals(
        changed(Level.T8, add=lambda x, y, z: (np.abs(x) < 5) & (y > -9) & (y < pushed - 8) & (np.abs(z) < 6))
    )
    assert found[Level.T8].retropulsion_mm == pytest.approx(pushed, abs=0.6)
    assert found[Level.T8].retropulsion_share == pytest.approx(pushed / 16, abs=0.04)
    assert found[Level.T7].retropulsion_mm < 0.8 + 0.25 * pushed  # its line is drawn by the broken one as well
    assert found[Level.T6].retropulsion_mm is None
    assert any("Retropulsion not judged" in note for note in found[Level.T6].notes)


def test_without_laminae_the_canal_is_open_and_said_to_be():
    found = measure_canals(changed(Level.T8, keep=lambda x, y, z: y < 4))
    removed = found[Level.T8]
    assert removed.min_area_mm2 is None
    assert removed.pedicle_area_mm2 is None
    assert any("no cross-section" in note for note in removed.notes)
    assert np.nanmedian(removed.open_areas_mm2) == pytest.approx(ring(Level.T8).area_mm2, rel=0.1)
    assert np.nanmax(removed.bounded_shares) < 0.9
    assert found[Level.T7].min_area_mm2 == pytest.approx(ring(Level.T7).area_mm2, rel=0.05)


def test_between_levels_the_tube_goes_on_bounded_by_what_is_there():
    found = measured()[Level.T8]
    open_ = np.isnan(found.areas_mm2)
    assert open_.any()
    assert np.isfinite(found.open_areas_mm2[open_]).all()
    assert found.open_areas_mm2[open_] == pytest.approx(ring(Level.T8).area_mm2, rel=0.07)
    assert (found.bounded_shares[~open_] > 0.95).all()
    assert found.bounded_shares[open_].min() < 0.8


def test_a_mask_with_holes_and_an_absent_neighbour():
    draw = np.random.default_rng(3)
    holed = {
        level: replace(v, parts=v.parts.like(np.where(draw.random(v.parts.shape) < 0.02, 0, v.parts.array), "label"))
        for level, v in column().items()
        if level is not Level.T8
    }
    found = measure_canals(holed)
    assert set(found) == set(LEVELS) - {Level.T8}
    for level, canal in found.items():
        assert canal.pedicle_area_mm2 == pytest.approx(ring(level).area_mm2, rel=0.05), level
        assert canal.retropulsion_mm is None
        assert canal.foramina == () or canal.foramina[0].below is not Level.T9


@pytest.mark.parametrize("tilt", [-30.0, 20.0])
def test_a_column_oblique_to_the_slices(tilt):
    axes = rotation(tilt, 8)
    vertebrae = {}
    for level in LEVELS[1:4]:
        straight = Ring(spacing_mm=(0.7, 0.7, 2.5), axes=axes)
        vertebra = straight.vertebra(level)
        shift = axes[:, 2] * -30.0 * LEVELS.index(level)
        # Moved by whole voxels, so that the grids share one lattice, and the frame with them.
        steps = np.rint(shift / straight.spacing_mm)
        affine = vertebra.parts.affine.copy()
        affine[:3, 3] += steps * straight.spacing_mm
        frame = Frame(vertebra.frame.origin_mm + steps * straight.spacing_mm, axes)
        vertebrae[level] = replace(vertebra, parts=Volume(vertebra.parts.array, affine, "label"), frame=frame)
    for level, canal in measure_canals(vertebrae).items():
        assert canal.pedicle_area_mm2 == pytest.approx(Ring().area_mm2, rel=0.03), level
        assert canal.pedicle_ap_mm == pytest.approx(15.0, abs=0.6), level
        assert canal.pedicle_transverse_mm == pytest.approx(20.0, abs=0.6), level


# ---- Foramina: boxes around a rectangular passage on each side ----

HEIGHT_MM, WIDTH_MM, DISC_MM = 15.0, 9.0, 6.0


def boxes(level: Level, up_mm: float, facet_right_mm: float = 0.0, pedicle_right: bool = True) -> Vertebra:
    """A body 22 mm high, pedicles 14 mm high on its upper part, and a wall of facets behind, for levels 29 mm apart."""
    voxel = np.array([0.7, 0.7, 1.0])
    affine = np.diag([*voxel, 1.0])
    affine[:3, 3] = [-25.0, -25.0, up_mm - 30.0]
    grid = Volume(np.zeros((72, 86, 60), np.uint8), affine, "label")
    x, y, z = np.moveaxis(grid.to_lps(np.moveaxis(np.indices(grid.shape), 0, -1)) - [0, 0, up_mm], -1, 0)
    parts = np.zeros(grid.shape, np.uint8)
    beside = (np.abs(x) > 10) & (np.abs(x) < 20)
    # Levels lie 29 mm apart; the passage is what the pedicles leave of it.
    half = (29.0 - HEIGHT_MM) / 2
    inner = np.where(x < 0, WIDTH_MM - facet_right_mm, WIDTH_MM)
    wall = beside & (y >= 10 + inner) & (y < 26) & (np.abs(z) <= 14.5)
    pedicle = beside & (y >= 10) & (y < 26) & (np.abs(z) <= half)
    body = (np.abs(x) < 20) & (y < 10) & (y > -20) & (np.abs(z) <= (29 - DISC_MM) / 2)
    parts[wall & (x > 0)], parts[wall & (x < 0)] = SubRegion.FACET_LEFT, SubRegion.FACET_RIGHT
    parts[pedicle & (x > 0)] = SubRegion.PEDICLE_LEFT
    parts[pedicle & (x < 0)] = SubRegion.PEDICLE_RIGHT if pedicle_right else 0
    parts[body] = SubRegion.BODY
    return Vertebra(level, Frame(np.array([0, 0, up_mm]), np.eye(3)), grid.like(parts, "label"), NO_GEOMETRY, "shape")


def test_height_width_and_area_of_a_foramen():
    found = foramina({Level.L3: boxes(Level.L3, 29.0), Level.L4: boxes(Level.L4, 0.0)})
    assert [(one.above, one.below, one.side) for one in found] == [
        (Level.L3, Level.L4, "left"),
        (Level.L3, Level.L4, "right"),
    ]
    for one in found:
        assert one.height_mm == pytest.approx(HEIGHT_MM, abs=1.0)
        assert one.width_mm == pytest.approx(WIDTH_MM, abs=0.8)
        assert one.area_mm2 == pytest.approx(HEIGHT_MM * WIDTH_MM, rel=0.08)
        assert one.area_to_other_side == pytest.approx(1.0, abs=0.05)
        assert one.fat_share is None


def test_a_narrow_side_a_missing_pedicle_and_fat():
    narrow = {n: boxes(n, up, facet_right_mm=4.0) for n, up in ((Level.L3, 29.0), (Level.L4, 0.0))}
    around = np.eye(4)
    around[:3, 3] = -30.0
    fat = Volume(np.full((60, 60, 100), -90, np.int16), around, "HU")
    left, right = foramina(narrow, ct=fat)
    assert right.width_mm == pytest.approx(WIDTH_MM - 4, abs=0.8)
    assert right.area_to_other_side == pytest.approx((WIDTH_MM - 4) / WIDTH_MM, abs=0.07)
    assert left.fat_share == pytest.approx(1.0)
    gone = {**narrow, Level.L4: boxes(Level.L4, 0.0, pedicle_right=False)}
    assert foramina(gone)[1].area_mm2 is None
    assert "pedicle" in foramina(gone)[1].notes[0]
    assert foramina({Level.L2: boxes(Level.L2, 29.0), Level.L4: boxes(Level.L4, 0.0)}) == ()


def test_bone_and_soft_tissue_are_kept_apart():
    for norm in norms():
        assert norm.kind in ("bone", "soft tissue")
        assert ("bony" in norm.quantity) == (norm.kind == "bone")
        assert norm.verified <= bibliography()[norm.source].verified
    found = measured()[Level.T8]
    assert {norm.measured for norm in found.norms} <= {found.pedicle_ap_mm, found.pedicle_transverse_mm}
    assert all("bony" in norm.quantity for norm in found.norms)
