"""A known lesion put into a real CT: at the CT's own resolution, sharpness and noise.

    vertebra's mask ─► frame, parts, depth under the surface ─► centre and shape ─► share of each voxel replaced
    the scan itself ─► sharpness and noise ───────────────────────────────────────► HU

The CT is changed where the blurred lesion reaches and nowhere else, to the bit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy import ndimage

from spondyl.anatomy.subregions import SubRegion
from spondyl.core.volume import Volume
from spondyl.phantoms.keyed import keyed
from spondyl.phantoms.lesion import LesionSpec, LesionTissue, Points, make_tissue
from spondyl.phantoms.look import Look, look_of, smooth_in_plane
from spondyl.phantoms.noise import FWHM_PER_SIGMA, filtered_noise
from spondyl.phantoms.region import measure_region
from spondyl.phantoms.site import PlacedLesion, place_lesion, site_of, vertebra_from
from spondyl.values.vertebra import Vertebra

LOOK_MARGIN_MM = 60.0
"""Own choice: around the vertebra, so that soft tissue and the patient's skin are seen."""
SUB_MM = 0.4
"""Own choice: step of the points that share out a voxel between lesion and bone."""
REACH_MM = 4.0
"""Own choice: beyond the lesion's surface, room for its graded edge and the scan's blur."""
EDGE_ROOM_MM = 3.0
"""Half a voxel and half a graded edge lie within this."""
LEAST_WEIGHT = 0.002
"""Own choice: a voxel with less of the lesion than this is left as it is; 2 HU at the largest contrast."""
LOCAL_MM = 2.0
"""Own choice: sigma over which the residual's own SD is told."""
SWEEP_FWHM = 0.7
"""Own choice, in FWHM: so far beyond the surface eaten cortex still shines in the scan and is taken away."""


class ImplantSpec(LesionSpec):
    """A lesion to be put into a CT; the same spec and seed give the same bits."""

    seed: int = Field(default=0, ge=0)

    @property
    def key(self) -> tuple[object, ...]:
        return (self.seed, self.level.name, self.kind, str(self.place), f"{self.diameter_mm:.3f}")


@dataclass(frozen=True, eq=False)
class Implanted:
    ct: Volume
    """The CT on its own grid and in its own kind of number."""
    mask: Volume
    """Boolean, on the CT's grid: voxels of which more than half is lesion."""
    truth: dict[str, Any]


def implant(
    ct: Volume,
    vertebra_mask: Volume,
    spec: ImplantSpec,
    *,
    vertebra: Vertebra | None = None,
    look: Look | None = None,
) -> Implanted:
    """One lesion in the vertebra marked by `vertebra_mask` (boolean, on the CT's grid, any axis order).

    `vertebra` and `look` are found from the mask and the scan where they are not given (they are the same for many
    lesions). Raises InputError (MaskMismatch for a mask without such a vertebra) where the lesion has no place.
    """
    if not vertebra_mask.same_grid(ct):
        raise ValueError("the vertebra mask does not lie on the CT's grid")
    scan, bone = ct.canonical(), vertebra_mask.canonical()
    vertebra = vertebra or vertebra_from(bone, spec.level)
    look = look or look_around(scan, bone)
    placed = place_lesion(spec, site_of(bone, vertebra), spec.key)
    box = _box(scan, placed)
    crop = scan.crop(*box)
    tissue = make_tissue(spec, spec.key)
    filled, weight, target = _shared_out(crop, placed, tissue, look)
    hu = _with_lesion(crop, weight, target, look, spec)
    out, mask = np.array(ct.array), np.zeros(ct.shape, bool)
    here = tuple(slice(a, b) for a, b in zip(*box, strict=True))
    canonical_view(out, ct)[here] = _as_kind(hu, crop.array, weight)
    canonical_view(mask, ct)[here] = filled > 0.5
    truth = _truth(placed, tissue, look, crop, filled, scan)
    return Implanted(Volume(out, ct.affine, ct.quantity), Volume(mask, ct.affine, "mask"), truth)


def look_around(scan: Volume, bone: Volume) -> Look:
    """Sharpness and noise of the scan near a vertebra; both canonical, the mask boolean."""
    at = np.argwhere(bone.array)
    margin = [int(np.ceil(LOOK_MARGIN_MM / step)) for step in scan.spacing_mm]
    start, stop = at.min(axis=0) - margin, at.max(axis=0) + 1 + margin
    return look_of(scan.crop(tuple(start), tuple(stop)), bone.crop(tuple(start), tuple(stop)))


def canonical_view(array: NDArray, stored: Volume) -> NDArray:
    """A writable view of an array on `stored`'s grid with the axes of `stored.canonical()`."""
    turn = np.linalg.inv(stored.affine[:3, :3]) @ stored.canonical().affine[:3, :3]
    axes = [int(np.argmax(np.abs(turn[:, n]))) for n in range(3)]
    view = array.transpose(axes)
    flips = tuple(slice(None, None, -1 if turn[axes[n], n] < 0 else 1) for n in range(3))
    return view[flips]


def _box(scan: Volume, placed: PlacedLesion) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    """Index box of all that the lesion may change."""
    reach = placed.shape.furthest_mm + REACH_MM
    centre = scan.to_index(placed.site.vertebra.frame.to_lps(placed.shape.centre_mm))
    extra = reach / np.array(scan.spacing_mm)
    low, high = np.floor(centre - extra).astype(int), np.ceil(centre + extra).astype(int) + 1
    low, high = np.clip(low, 0, scan.shape), np.clip(high, 0, scan.shape)
    return (int(low[0]), int(low[1]), int(low[2])), (int(high[0]), int(high[1]), int(high[2]))


def _shared_out(
    crop: Volume, placed: PlacedLesion, tissue: LesionTissue, look: Look
) -> tuple[NDArray, NDArray, NDArray]:
    """Of each voxel the share within the lesion, and blurred as the scan is: share replaced, and HU put there."""
    counts = [max(1, int(np.ceil(step / SUB_MM))) for step in crop.spacing_mm]
    offsets = [(np.arange(n) + 0.5) / n - 0.5 for n in counts]
    filled, weight, dose = (np.zeros(crop.shape) for _ in range(3))
    sweep = SWEEP_FWHM * look.in_plane_fwhm_mm if tissue.kind != "blastic" else 0.0
    at = np.stack(np.meshgrid(*map(np.arange, crop.shape), indexing="ij"), -1).astype(np.float64)
    low, high = placed.shape.box_mm
    local = _local(crop, placed, at)
    some = ((local > low - EDGE_ROOM_MM) & (local < high + EDGE_ROOM_MM)).all(axis=-1)
    chosen = at[some]
    for i in offsets[0]:
        for j in offsets[1]:
            for k in offsets[2]:
                local = _local(crop, placed, chosen + np.array([i, j, k]))
                depth = placed.depth_mm(local)
                swept = placed.depth_mm(local, sweep_mm=sweep) if placed.breach and sweep > 0 else depth
                cover = tissue.cover(swept)
                hu = _target(placed, tissue, local)
                filled[some] += np.clip(0.5 + depth / SUB_MM, 0, 1)
                weight[some] += cover
                dose[some] += cover * hu
    total = float(np.prod(counts))
    sigma = [
        np.sqrt(max((fwhm / FWHM_PER_SIGMA) ** 2 - step**2 / 12, 0.0)) / step
        for fwhm, step in zip(
            (look.in_plane_fwhm_mm, look.in_plane_fwhm_mm, look.slice_fwhm_mm), crop.spacing_mm, strict=True
        )
    ]
    weight, dose = (ndimage.gaussian_filter(field / total, sigma, mode="nearest") for field in (weight, dose))
    target = np.divide(dose, weight, out=np.zeros_like(dose), where=weight > 1e-9)
    return filled / total, weight, target


def _local(crop: Volume, placed: PlacedLesion, index: Points) -> Points:
    return placed.site.vertebra.frame.to_local(crop.to_lps(index))


def _target(placed: PlacedLesion, tissue: LesionTissue, local: Points) -> Points:
    """HU of the tumour; outside the bone it is soft."""
    hu = tissue.hu_at(local)
    if placed.whole or tissue.kind == "lytic":
        return hu
    return np.where(placed.site.depth_mm(local) < 0, tissue.lytic_hu, hu)


def _with_lesion(crop: Volume, weight: NDArray, target: NDArray, look: Look, spec: ImplantSpec) -> NDArray:
    """HU with the lesion: bone gives way to tumour by `weight`, the scan's noise stays.

    Mineral is only added by the blastic kind: it makes nothing less dense.
    """
    hu = crop.array.astype(np.float64)
    smooth = smooth_in_plane(crop.array, crop.spacing_mm).astype(np.float64)
    if spec.kind == "blastic":
        target = np.maximum(target, smooth)
    noise = _noise_kept(hu - smooth, crop, look, spec)
    return (1 - weight) * hu + weight * (target + noise)


def _noise_kept(residual: NDArray, crop: Volume, look: Look, spec: ImplantSpec) -> NDArray:
    """The noise of the replaced tissue, with the scan's SD everywhere.

    What the smoothing left over is noise where its local SD is that of the scan's noise. Where it is more (trabeculae,
    cortex) it is damped and noise of the same SD and texture takes its place; the slow part, which the
    residual lacks, is drawn too.
    """
    drawn = filtered_noise(crop.shape, crop.spacing_mm, look.texture, look.noise_sd_hu, keyed(*spec.key, "noise"))
    slow = smooth_in_plane(drawn, crop.spacing_mm).astype(np.float64)
    fast = drawn - slow
    sigma = [LOCAL_MM / step for step in crop.spacing_mm]
    local = np.sqrt(ndimage.gaussian_filter(residual**2, sigma, mode="nearest"))
    gain = np.minimum(1.0, fast.std() / np.maximum(local, 1e-6))
    return gain**2 * residual + np.sqrt(1 - gain**2) * fast + slow


def _as_kind(hu: NDArray, before: NDArray, weight: NDArray) -> NDArray:
    """In the CT's own kind of number and within its range, untouched where the lesion does not reach."""
    kind = before.dtype
    limits = (-1024, 3071)
    changed = np.clip(hu, *limits)
    if np.issubdtype(kind, np.integer):
        info = np.iinfo(kind)
        changed = np.rint(np.clip(changed, info.min, info.max))
    return np.where(weight > LEAST_WEIGHT, changed.astype(kind), before)


def _truth(
    placed: PlacedLesion, tissue: LesionTissue, look: Look, crop: Volume, filled: NDArray, scan: Volume
) -> dict[str, Any]:
    spec, vertebra = placed.spec, placed.site.vertebra
    measured = measure_region(placed, tissue)
    parts = _parts(vertebra, crop, filled)
    body = vertebra.volume_mm3(SubRegion.BODY)
    return {
        "level": spec.level.name,
        "kind": spec.kind,
        "place": str(spec.place),
        **measured.as_dict(vertebra.frame),
        "share_of_body": parts.get(SubRegion.BODY, 0.0) / body,
        "parts_mm3": {part.name.lower(): round(volume, 2) for part, volume in parts.items()},
        "cortex_breached": placed.breach,
        "lytic_hu": None if spec.kind == "blastic" else tissue.lytic_hu,
        "blastic_hu": None if spec.kind == "lytic" else tissue.blastic_hu,
        "scan": {
            "in_plane_fwhm_mm": look.in_plane_fwhm_mm,
            "slice_fwhm_mm": look.slice_fwhm_mm,
            "noise_sd_hu": look.noise_sd_hu,
            "sharpness_from": look.sharpness_from,
        },
        "asked": spec.model_dump(mode="json") | {"level": spec.level.name},
    }


def _parts(vertebra: Vertebra, crop: Volume, filled: NDArray) -> dict[SubRegion, float]:
    """mm3 of the lesion in each part of the vertebra that it touches."""
    labels = vertebra.parts.resampled_onto(crop, order=0, outside=0).array
    volumes = {part: float(filled[labels == int(part)].sum() * crop.voxel_volume_mm3) for part in SubRegion}
    return {part: volume for part, volume in volumes.items() if volume > 0.5}
