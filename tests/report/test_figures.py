"""Pictures show each thing on the side where it lies."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from skimage.draw import polygon2mask
from synthetic_case import LESION_LOCAL_MM, synthetic_case

from spondyl.anatomy.levels import Level
from spondyl.core.volume import Volume
from spondyl.report.figures import CUT_PX, LESION_COLOUR, cuts_of, load_picture, rings, vertebra_pictures
from spondyl.report.finding import Finding, finding_of
from spondyl.report.picture import Outline, Picture, row_to_png, to_png, to_svg
from spondyl.report.schema import from_case
from spondyl.report.spine import spine_picture
from spondyl.values.case import CaseResult, VertebraResult


@pytest.fixture(scope="module")
def case() -> CaseResult:
    return synthetic_case()


def lesion_level(case: CaseResult) -> VertebraResult:
    return next(result for result in case.vertebrae if result.level is Level.L2)


def coloured(png: bytes, colour: str) -> np.ndarray:
    """Where a PNG holds a colour, (n, 2) as (row, column) shares of its size."""
    pixels = np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)
    wanted = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)])
    return np.argwhere(np.abs(pixels - wanted).max(axis=-1) < 12) / pixels.shape[:2]


@pytest.mark.parametrize("name", ["axial", "coronal"])
def test_a_lesion_on_the_patients_left_is_on_the_right_of_the_picture(case: CaseResult, name: str) -> None:
    picture = vertebra_pictures(lesion_level(case), case.scan.volume, {})[name]
    outline = coloured(to_png(picture), LESION_COLOUR)
    assert len(outline) > 50
    assert outline[:, 1].min() > 0.5
    # and the CT itself, without any overlay: the hole in the bone is darker than its mirror image
    x, _ = np.concatenate([ring for o in picture.outlines if "lesion" in o.title for ring in o.rings]).mean(axis=0)
    row = CUT_PX // 2 if name == "coronal" else round(outline[:, 0].mean() * CUT_PX)
    column = round(float(x))
    patch = np.s_[row - 8 : row + 8, column - 8 : column + 8]
    mirrored = picture.base[:, ::-1][patch]
    assert picture.base[patch].mean() < mirrored.mean() - 10


def test_letters_stand_where_the_frame_says(case: CaseResult) -> None:
    result = lesion_level(case)
    assert result.vertebra is not None
    to_left = result.vertebra.frame.axes[:, 0]
    for cut in cuts_of(result):
        step_right, step_down = (result.vertebra.frame.axes @ axis for axis in (cut.right, cut.down))
        left, right, top, bottom = cut.letters
        if cut.name in ("axial", "coronal"):
            assert (left, right) == ("R", "L")
            assert step_right @ to_left == pytest.approx(1)
        else:
            assert (left, right) == ("A", "P")
            assert step_right[1] > 0.9  # LPS y runs to the back
        if cut.name == "axial":
            assert (top, bottom) == ("A", "P")
            assert step_down[1] > 0.9
        else:
            assert (top, bottom) == ("S", "I")
            assert step_down[2] < -0.9


def test_cuts_pass_through_the_largest_lesion(case: CaseResult) -> None:
    for cut in cuts_of(lesion_level(case)):
        normal = np.cross(cut.right, cut.down)
        assert abs((cut.corner - LESION_LOCAL_MM) @ normal) < 1e-9
        middle = cut.points(11)[5, 5]
        assert np.allclose(middle, cut.corner + (cut.right + cut.down) * cut.side_mm / 2)


def test_an_outline_is_where_the_mask_is() -> None:
    yy, xx = np.indices((60, 80))
    disc = (np.hypot(xx - 50, yy - 20) < 12).astype(float)
    (ring,) = rings(disc, 2.0)
    drawn = polygon2mask((120, 160), ring[:, ::-1] - 0.5)
    true = np.kron(disc, np.ones((2, 2))) > 0
    assert (drawn ^ true).sum() < 0.06 * true.sum()


def test_a_mask_at_the_rim_still_gives_closed_rings() -> None:
    mask = np.zeros((20, 20))
    mask[:8, 5:15] = 1
    (ring,) = rings(mask, 1.0)
    assert np.array_equal(ring[0], ring[-1])


def test_a_picture_is_the_same_place_in_svg_and_png() -> None:
    square = np.array([[10.0, 10], [30, 10], [30, 20], [10, 20]])
    hole = square * 0.2 + 12
    picture = Picture(np.zeros((50, 60), np.uint8), "a <square>", (Outline((square, hole), "#d55e00", "x", 0.5, 1.0),))
    where = coloured(to_png(picture), "#d55e00") * (50, 60)
    assert where.min(axis=0) == pytest.approx((10, 10), abs=1)
    assert where.max(axis=0) == pytest.approx((20, 30), abs=1)
    centre = np.abs(where - hole.mean(axis=0)[::-1]).max(axis=1)
    assert centre.min() > 0.4
    svg = to_svg(picture)
    assert "M10 10L30 10L30 20L10 20Z" in svg
    assert "a &lt;square&gt;" in svg


def test_the_load_is_shown_with_its_front_on_the_left(case: CaseResult) -> None:
    strength = case.vertebrae[1].strength
    assert strength is not None
    energy = np.zeros(strength.bone.shape, np.float32)
    energy[:, :5, -5:] = 1.0  # front, top
    energy[~strength.bone] = 0
    picture = load_picture("L1", replace(strength, strain_energy_density_mpa=energy))
    bright = np.argwhere(picture.base[:, : CUT_PX - 60].sum(axis=-1) > 600)
    assert bright[:, 0].mean() < CUT_PX / 2
    assert bright[:, 1].mean() < CUT_PX / 2


def test_the_spine_names_every_level_and_hatches_what_is_not_assessed(case: CaseResult) -> None:
    shown = from_case(case).vertebrae
    findings = {result.level: finding_of(v) for result, v in zip(case.vertebrae, shown, strict=True)}
    assert list(findings.values()) == [Finding.NOT_ASSESSED, Finding.NOTHING, Finding.LESION, Finding.HEIGHT_LOSS]
    picture = spine_picture(case, findings)
    links = [label for label in picture.labels if label.link]
    assert [label.text for label in links] == [result.level.name for result in case.vertebrae]
    assert [label.y for label in links] == sorted(label.y for label in links)
    hatched = {outline.title for outline in picture.outlines if outline.hatched}
    assert hatched == {"T12: not assessed"}
    for result in case.vertebrae:
        tints = [o for o in picture.outlines if o.title.startswith(f"{result.level.name}:")]
        assert len(tints) >= 2


def test_a_scan_without_frames_still_gives_a_picture_of_the_spine(case: CaseResult) -> None:
    bare = tuple(VertebraResult(r.level, replace(r.quality, assessed=False)) for r in case.vertebrae)
    findings = dict.fromkeys((result.level for result in bare), Finding.NOT_ASSESSED)
    picture = spine_picture(replace(case, vertebrae=bare), findings)
    assert sum(outline.hatched for outline in picture.outlines) == 2 * len(bare)
    assert vertebra_pictures(bare[0], case.scan.volume, {}) == {}


def test_a_cord_mask_is_outlined(case: CaseResult) -> None:
    local = lesion_level(case).vertebra.frame.to_local(  # type: ignore[union-attr]
        case.scan.volume.to_lps(np.stack(np.indices(case.scan.volume.shape), axis=-1))
    )
    cord: Volume = case.scan.volume.like(np.hypot(local[..., 0], local[..., 1] - 24) < 5, "mask")
    pictures = vertebra_pictures(lesion_level(case), case.scan.volume, {"cord or its sheath": cord})
    assert any(outline.title.startswith("cord") for outline in pictures["axial"].outlines)


def test_a_row_holds_all_its_pictures() -> None:
    one = Picture(np.full((30, 40), 200, np.uint8), "one")
    width, height = Image.open(io.BytesIO(row_to_png([one, one, one]))).size
    assert height == 60
    assert width > 3 * 80
