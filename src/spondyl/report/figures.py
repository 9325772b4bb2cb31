"""Pictures of one vertebra, cut along its own axes.

Every cut is a sample of the CT, linear between voxels, never a screenshot of its slices, so an oblique or
anisotropic scan shows straight vertebrae. Axial cuts are seen from below, coronal ones from the front: the
patient's left is on the right of the picture.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from spondyl.anatomy.subregions import POSTEROLATERAL, SubRegion
from spondyl.core.volume import Volume
from spondyl.report.picture import Label, Line, Outline, Picture
from spondyl.values.case import CaseResult, VertebraResult
from spondyl.values.strength import LoadCase, Strength
from spondyl.values.vertebra import Vertebra

# A bone window, a little narrower than the usual 400/1800 so that trabecular bone is told from soft tissue;
# own choice: it changes what is seen, not what is measured.
WINDOW_CENTRE_HU = 300.0
WINDOW_WIDTH_HU = 1400.0
AIR_HU = -1000.0

# Own choices for the page.
CUT_PX = 300
CUT_MARGIN_MM = 8.0
CONTOUR_MM = 0.6
"""Masks are sampled this finely for their outlines: at most a CT's voxel."""
SMOOTH_SAMPLES = 1.0
"""Takes the voxels' stairs from an outline and moves it by less than a voxel."""
SCALE_BAR_MM = 20.0
SAME_CUT_MM = 3.0
"""Two cuts closer than this show the same."""

_SIDES = frozenset().union(*POSTEROLATERAL.values())
OUTLINES = {
    "vertebral body": ("#56b4e9", (SubRegion.BODY,)),
    "pedicles and facets": ("#f0e442", tuple(sorted(_SIDES))),
    "laminae and processes": ("#009e73", tuple(sorted(set(SubRegion) - _SIDES - {SubRegion.BODY}))),
}
LESION_COLOUR, CANAL_COLOUR = "#d55e00", "#cc79a7"
LABELS = {
    "thecal sac": ("#ffffff", 0.0),
    "cord or its sheath": ("#e69f00", 0.0),
    "tumour in the canal": ("#b79cff", 0.35),
}
"""Colour and veil of what given labels show in the canal."""
WORST = "axial, worst"
"""Name of the further axial cut where tumour in the canal takes most."""
SEEN = {"sagittal": "", "coronal": ", seen from the front", "axial": ", seen from below", WORST: ", seen from below"}


@dataclass(frozen=True, eq=False)
class Cut:
    """A square through a vertebra. `corner`, `right` and `down` are in the vertebra's own coordinates, mm."""

    name: str
    corner: NDArray[np.float64]
    right: NDArray[np.float64]
    down: NDArray[np.float64]
    side_mm: float
    letters: tuple[str, str, str, str]
    """What lies at the left, right, top and bottom of the picture."""
    place: str
    """Where the cut lies, in words."""

    def points(self, count: int) -> NDArray[np.float64]:
        """Centres of count x count pixels in local mm, (rows, columns, 3)."""
        steps = (np.arange(count) + 0.5) * self.side_mm / count
        return self.corner + steps[:, None, None] * self.down + steps[None, :, None] * self.right


def grey(hu: NDArray) -> NDArray[np.uint8]:
    """HU in the bone window to 0..255."""
    low = WINDOW_CENTRE_HU - WINDOW_WIDTH_HU / 2
    return np.clip((hu - low) * (255 / WINDOW_WIDTH_HU), 0, 255).astype(np.uint8)


def rings(inside: NDArray, px: float, at: tuple[float, float] = (0.0, 0.0)) -> tuple[NDArray[np.float64], ...]:
    """Outlines of a soft mask (rows, columns, 0..1) at one half: (x, y) in pixels, `px` a sample, moved to `at`."""
    from skimage.measure import find_contours

    if not (inside > 0.5).any():
        return ()
    # The rim of zeros closes every ring; -0.5 is that rim's one sample less the half to a pixel's centre.
    found = find_contours(np.pad(inside, 1), 0.5)
    return tuple((ring[:, ::-1] - 0.5) * px + np.array(at) for ring in found if len(ring) > 3)


def cuts_of(result: VertebraResult) -> tuple[Cut, ...]:
    """Sagittal, coronal, axial through the body's centre or the largest lesion; axial at the worst compression too."""
    vertebra = result.vertebra
    assert vertebra is not None
    voxels = vertebra.parts.to_lps(np.argwhere(vertebra.parts.array > 0))
    local = vertebra.frame.to_local(voxels)
    low, high = local.min(axis=0), local.max(axis=0)
    side = float((high - low).max()) + 2 * CUT_MARGIN_MM
    centre, through, place = (low + high) / 2, np.zeros(3), "through the centre of the body"
    pedicles = (vertebra.parts.array == SubRegion.PEDICLE_LEFT) | (vertebra.parts.array == SubRegion.PEDICLE_RIGHT)
    if not result.lesions and pedicles.any():
        # Only there does one axial cut show body, arch and the closed ring of the canal together.
        through[2] = vertebra.frame.to_local(vertebra.parts.to_lps(np.argwhere(pedicles)))[:, 2].mean()
    if result.lesions:
        largest = max(result.lesions, key=lambda lesion: lesion.volume_mm3)
        through = vertebra.frame.to_local(np.array(largest.centroid_lps_mm))
        place = "through the largest lesion"
    x, y, z = np.eye(3)

    def cut(name: str, right: NDArray, down: NDArray, letters: tuple[str, str, str, str]) -> Cut:
        normal = np.abs(np.cross(right, down))
        middle = centre * (1 - normal) + through * normal
        where = "through the pedicles" if normal[2] and through[2] and not result.lesions else place
        return Cut(name, middle - (right + down) * side / 2, right, down, side, letters, where)

    cuts = (
        cut("sagittal", y, -z, ("A", "P", "S", "I")),
        cut("coronal", x, -z, ("R", "L", "S", "I")),
        cut("axial", x, y, ("R", "L", "A", "P")),
    )
    worst = result.canal.compression if result.canal else None
    if worst is None or not worst.epidural_area_mm2 or abs(worst.position_mm - through[2]) < SAME_CUT_MM:
        return cuts
    corner = cuts[2].corner * (1 - z) + worst.position_mm * z
    return (*cuts, replace(cuts[2], name=WORST, corner=corner, place="where tumour takes most of the canal"))


def labels_of(case: CaseResult) -> dict[str, Volume]:
    """The given masks of what lies in the canal, by their names in `LABELS`; an empty one shows nothing."""
    given = {"thecal sac": case.sac, "cord or its sheath": case.cord, "tumour in the canal": case.epidural}
    return {title: mask for title, mask in given.items() if mask is not None and mask.array.any()}


def outlines_of(case: CaseResult) -> dict[str, str]:
    """What the cuts of this case outline, and in which colour."""
    shown = {title: colour for title, (colour, _) in OUTLINES.items()}
    if any(result.canal and result.canal.lumen is not None for result in case.vertebrae):
        shown["spinal canal"] = CANAL_COLOUR
    shown |= {title: LABELS[title][0] for title in labels_of(case)}
    return shown | ({"lesion": LESION_COLOUR} if any(result.lesions for result in case.vertebrae) else {})


def vertebra_pictures(result: VertebraResult, ct: Volume, labels: Mapping[str, Volume]) -> dict[str, Picture]:
    """`sagittal`, `coronal`, `axial`, that of the worst compression where there is one and, with a strength, `load`.

    Empty when there is no vertebra to show. `labels` as `labels_of` gives them.
    """
    if result.vertebra is None or not result.vertebra.parts.array.any():
        return {}
    pictures = {cut.name: _cut_picture(result, result.vertebra, cut, ct, labels) for cut in cuts_of(result)}
    if result.strength is not None:
        pictures["load"] = load_picture(result.level.name, result.strength)
    return pictures


def _cut_picture(
    result: VertebraResult, vertebra: Vertebra, cut: Cut, ct: Volume, labels: Mapping[str, Volume]
) -> Picture:
    frame = vertebra.frame
    pixels = ct.sample(frame.to_lps(cut.points(CUT_PX)), order=1, outside=AIR_HU)
    coarse = frame.to_lps(cut.points(round(cut.side_mm / CONTOUR_MM)))

    from scipy.ndimage import gaussian_filter

    def outline(mask: Volume, title: str, colour: str, opacity: float = 0.0) -> Outline:
        inside = gaussian_filter(mask.sample(coarse, order=1, outside=0), SMOOTH_SAMPLES)
        return Outline(rings(inside, CUT_PX / len(coarse)), colour, title, fill_opacity=opacity)

    parts = vertebra.parts
    drawn = [
        outline(parts.like(vertebra.mask(*members), "mask"), title, colour)
        for title, (colour, members) in OUTLINES.items()
    ]
    if result.canal is not None and result.canal.lumen is not None:
        drawn.append(outline(result.canal.lumen, "spinal canal", CANAL_COLOUR))
    for title, mask in labels.items():
        drawn.append(outline(_near(mask, coarse), title, *LABELS[title]))
    for lesion in result.lesions:
        drawn.append(outline(lesion.mask, f"{lesion.kind} lesion, {lesion.origin}", LESION_COLOUR, 0.18))
    bar = SCALE_BAR_MM * CUT_PX / cut.side_mm
    return Picture(
        grey(pixels),
        f"{_named(cut)} cut of {result.level.name} {cut.place}"
        + (", with the lesion outlined." if result.lesions else "."),
        tuple(e for e in drawn if e.rings),
        (Line(10, CUT_PX - 10, 10 + bar, CUT_PX - 10, width=2),),
        (*_edge_letters(cut.letters), Label(10, CUT_PX - 19, f"{SCALE_BAR_MM:.0f} mm", size=11)),
        f"{_named(cut)}, {cut.place}{SEEN[cut.name]}.",
    )


def _named(cut: Cut) -> str:
    return cut.name.partition(",")[0].capitalize()


def _edge_letters(letters: tuple[str, str, str, str]) -> tuple[Label, ...]:
    left, right, top, bottom = letters
    middle, rim = CUT_PX / 2, 10.0
    return (
        Label(rim - 2, middle, left, size=14),
        Label(CUT_PX - rim + 2, middle, right, size=14, anchor="end"),
        Label(middle, rim, top, size=14, anchor="middle"),
        Label(middle, CUT_PX - rim, bottom, size=14, anchor="middle"),
    )


def _near(mask: Volume, points: NDArray[np.float64]) -> Volume:
    """The part of a large mask that the points can touch."""
    index = mask.to_index(points.reshape(-1, 3))
    low, high = np.floor(index.min(axis=0)).astype(int) - 1, np.ceil(index.max(axis=0)).astype(int) + 2
    inside_low = np.clip(low, 0, np.array(mask.shape) - 1)
    inside_high = np.clip(high, inside_low + 1, mask.shape)
    crop = mask.crop(tuple(inside_low), tuple(inside_high))
    return crop.like(crop.array > 0, "mask")


def load_picture(name: str, strength: Strength) -> Picture:
    """Strain energy density in the middle cut along the bending; the scale ends at its 99th percentile."""
    said = (
        f"Strain energy density of {name} at the failure load, middle {_plane(strength)} cut, 0 to {{top}}.",
        f"Load: strain energy density at the estimated failure load, middle {_plane(strength)} cut of the model.",
    )
    return _field_picture(strength, 1000 * strength.strain_energy_density_mpa, "kPa", said)


def yield_picture(name: str, strength: Strength) -> Picture:
    """Equivalent plastic strain at the highest load in the same cut: where the bone gives way."""
    said = (
        f"Plastic strain of {name} at the highest load, middle {_plane(strength)} cut, 0 to {{top}}.",
        "Yield: equivalent plastic strain at the highest load, the same cut; dark bone is still elastic.",
    )
    return _field_picture(strength, 100 * strength.plastic_strain, "%", said)


def _plane(strength: Strength) -> str:
    """Bending to a side shows in the coronal cut, seen from the front; all else in the sagittal one, front left."""
    return "coronal" if strength.load_case in (LoadCase.SIDE_LEFT, LoadCase.SIDE_RIGHT) else "sagittal"


def _field_picture(strength: Strength, values: NDArray, unit: str, said: tuple[str, str]) -> Picture:
    """A field on the bone; `said` are the alternative text (with a place for the scale's top) and the caption."""
    from matplotlib import colormaps

    coronal = _plane(strength) == "coronal"
    middle = strength.bone.shape[1 if coronal else 0] // 2
    cut = np.s_[:, middle] if coronal else np.s_[middle]
    bone, field = strength.bone[cut].T[::-1], values[cut].T[::-1]
    if bone.any():
        rows, columns = (np.flatnonzero(bone.any(axis=axis)) for axis in (1, 0))
        shown = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        bone, field = bone[shown], field[shown]
    top = float(np.percentile(field[bone], 99)) if bone.any() else 0.0
    scaled = np.clip(field / top, 0, 1) if top > 0 else np.zeros_like(field)
    # Bone that carries nothing must still be seen against what is not bone: the map starts above black.
    colours = (colormaps["inferno"](0.12 + 0.88 * scaled)[..., :3] * 255).astype(np.uint8)
    colours[~bone] = 0
    across_mm, z_mm = strength.voxel_mm[0 if coronal else 1], strength.voxel_mm[2]
    width_mm, height_mm = bone.shape[1] * across_mm, bone.shape[0] * z_mm
    mm_per_px = max(width_mm / (CUT_PX - 110), height_mm / (CUT_PX - 60))
    wide, high = max(1, round(width_mm / mm_per_px)), max(1, round(height_mm / mm_per_px))
    rows = (np.arange(high) * bone.shape[0]) // high
    columns = (np.arange(wide) * bone.shape[1]) // wide
    base = np.zeros((CUT_PX, CUT_PX, 3), np.uint8)
    y0, x0 = (CUT_PX - high) // 2, 24 + (CUT_PX - 110 - wide) // 2
    base[y0 : y0 + high, x0 : x0 + wide] = colours[rows][:, columns]
    ramp = 0.12 + 0.88 * np.linspace(1, 0, 200)
    base[50:250, CUT_PX - 56 : CUT_PX - 44] = (colormaps["inferno"](ramp)[:, None, :3] * 255).astype(np.uint8)
    bar = SCALE_BAR_MM / mm_per_px
    labels = (
        Label(x0 - 6, CUT_PX / 2, "R" if coronal else "A", size=14, anchor="end"),
        Label(x0 + wide + 6, CUT_PX / 2, "L" if coronal else "P", size=14),
        Label(CUT_PX - 40, 54, f"{top:.2g}", size=11),
        Label(CUT_PX - 40, 70, unit, size=11),
        Label(CUT_PX - 40, 247, "0", size=11),
        Label(10, CUT_PX - 19, f"{SCALE_BAR_MM:.0f} mm", size=11),
    )
    alt, caption = said
    return Picture(
        base,
        alt.format(top=f"{top:.2g} {unit}"),
        (),
        (Line(10, CUT_PX - 10, 10 + bar, CUT_PX - 10, width=2),),
        labels,
        caption,
    )
