"""Density of the trabecular core of one vertebral body."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from spondyl.anatomy.subregions import SubRegion
from spondyl.core.volume import Volume
from spondyl.values.density import Calibration, DensityMeasure
from spondyl.values.vertebra import Vertebra

CORE_DEPTH_MM = 4.5
"""Own choice: cortex and endplates are 0.5 to 1 mm thick, and a CT of 2.5 mm slices smears them over some 3 mm."""
SHALLOWEST_CORE_DEPTH_MM = 3.0
"""Own choice: in a thin body the core may begin this close to the surface, and no closer."""
DEPTH_STEP_MM = 0.5
"""Own choice: a thin body's core is taken as deep as its volume allows, in these steps."""
POSTERIOR_SHARE = 1 / 3
"""Own choice: the back third of the body's depth is left out, where the basivertebral veins gather and leave."""
LESION_MARGIN_MM = 1.5
"""Own choice: the smear of a lesion's border into the bone around it."""
MIN_CORE_MM3 = 200.0
"""Own choice: some 160 voxels of 0.7 x 0.7 x 2.5 mm, whose mean is known to 4 HU where they scatter by 50 HU."""
NORMAL_95 = 1.96


def measure_density(
    vertebra: Vertebra,
    ct: Volume,
    calibration: Calibration,
    *,
    exclude: NDArray[np.bool_] | None = None,
    unusable: NDArray[np.bool_] | None = None,
) -> DensityMeasure | None:
    """Mean HU of the trabecular core and its density; None where `why_no_core` says why.

    ct: HU, any grid that covers the body. exclude: boolean on the grid of `vertebra.parts`, left out with a margin
    (lesions). unusable: the same, left out as it is (metal and its streaks, `imaging.gate.metal.unusable_voxels`).
    The core is what lies CORE_DEPTH_MM inside the body's surface and in front of its back third, where the
    basivertebral veins are; the interval holds the calibration's uncertainty and the scatter of the mean.
    """
    whole, _ = trabecular_core(vertebra, exclude=exclude)
    core, depth_mm = trabecular_core(vertebra, exclude=exclude, unusable=unusable)
    if core is None:
        return None
    lost = 0.0 if unusable is None or whole is None else float(unusable[whole].mean())
    values = ct.resampled_onto(vertebra.parts, order=1, outside=np.nan).array[core]
    values = values[np.isfinite(values)].astype(np.float64)
    volume = values.size * vertebra.parts.voxel_volume_mm3
    if volume < MIN_CORE_MM3:
        return None
    hu = float(values.mean())
    density = float(calibration.density_mg_cc(hu))
    # Neighbouring voxels share their noise: as many are independent as blocks of 2 x 2 x 2 fit.
    of_mean = calibration.slope_mg_cc_per_hu * float(values.std(ddof=1)) * np.sqrt(8 / values.size)
    spread = NORMAL_95 * float(np.hypot(calibration.sd_mg_cc(hu), of_mean))
    return DensityMeasure(
        trabecular_hu=hu,
        trabecular_hu_sd=float(values.std(ddof=1)),
        trabecular_mg_cc=density,
        trabecular_mg_cc_interval=(density - spread, density + spread),
        core_volume_mm3=float(volume),
        notes=_notes(depth_mm, excluded=exclude is not None and bool(exclude.any()), lost=lost),
        unusable_share=lost,
    )


def why_no_core(
    vertebra: Vertebra, *, exclude: NDArray[np.bool_] | None = None, unusable: NDArray[np.bool_] | None = None
) -> str:
    """Why `measure_density` gives nothing, in plain words."""
    if trabecular_core(vertebra)[0] is None:
        return f"the body holds less than {MIN_CORE_MM3:.0f} mm3 of bone {SHALLOWEST_CORE_DEPTH_MM:g} mm inside it"
    if trabecular_core(vertebra, exclude=exclude)[0] is None:
        return f"lesions leave less than {MIN_CORE_MM3:.0f} mm3 of the body's core"
    if trabecular_core(vertebra, exclude=exclude, unusable=unusable)[0] is None:
        return f"metal and its streaks leave less than {MIN_CORE_MM3:.0f} mm3 of the body's core"
    return "the CT does not cover the body's core"


def trabecular_core(
    vertebra: Vertebra, *, exclude: NDArray[np.bool_] | None = None, unusable: NDArray[np.bool_] | None = None
) -> tuple[NDArray[np.bool_] | None, float]:
    """(core on the grid of `parts`, how deep it begins in mm); (None, shallowest depth) when too little is left."""
    grid = vertebra.parts
    body = vertebra.mask(SubRegion.BODY)
    core = np.zeros(grid.shape, dtype=bool)
    if not body.any():
        return None, SHALLOWEST_CORE_DEPTH_MM
    # Everything happens in the body's own box: the edt of the whole crop would cost several times as much.
    box = ndimage.find_objects(body.astype(np.uint8))[0]
    depth = _depth_mm(body[box], grid.spacing_mm)
    front = np.zeros(body[box].shape, dtype=bool)
    index = np.argwhere(body[box])
    y = vertebra.frame.to_local(grid.to_lps(index + [side.start for side in box]))[:, 1]
    front[tuple(index.T)] = y <= y.max() - POSTERIOR_SHARE * np.ptp(y)
    if exclude is not None and exclude[box].any():
        front &= ndimage.distance_transform_edt(~exclude[box], sampling=grid.spacing_mm) > LESION_MARGIN_MM
    if unusable is not None:
        front &= ~unusable[box]
    for depth_mm in np.arange(CORE_DEPTH_MM, SHALLOWEST_CORE_DEPTH_MM - DEPTH_STEP_MM / 2, -DEPTH_STEP_MM):
        core[box] = front & (depth >= depth_mm)
        if core.sum() * grid.voxel_volume_mm3 >= MIN_CORE_MM3:
            return core, float(depth_mm)
    return None, SHALLOWEST_CORE_DEPTH_MM


def _depth_mm(body: NDArray[np.bool_], spacing_mm: tuple[float, float, float]) -> NDArray[np.float64]:
    """Distance of each voxel's centre from the body's surface, half a voxel this side of the nearest outer centre."""
    outer, nearest = ndimage.distance_transform_edt(
        np.pad(body, 1), sampling=spacing_mm, return_distances=True, return_indices=True
    )
    inner = (slice(1, -1),) * 3
    distance = outer[inner]
    offset = np.abs(nearest - np.indices(outer.shape))[(slice(None), *inner)] * np.reshape(spacing_mm, (3, 1, 1, 1))
    # Along the line to the nearest outer centre, half a voxel of the axes it crosses.
    share = offset / np.maximum(distance, 1e-9)
    half = 0.5 * (share * np.reshape(spacing_mm, (3, 1, 1, 1))).max(axis=0)
    depth: NDArray[np.float64] = np.maximum(distance - half, 0.0)
    return depth


def _notes(depth_mm: float, *, excluded: bool, lost: float) -> tuple[str, ...]:
    notes = []
    if depth_mm < CORE_DEPTH_MM:
        notes.append(
            f"The body is thin: its core begins {depth_mm:g} mm inside the surface and not {CORE_DEPTH_MM:g} mm, "
            "so cortex may raise the density."
        )
    if excluded:
        notes.append("Lesions are left out of the core.")
    if lost > 0:
        notes.append(f"Metal and its streaks are left out: {100 * lost:.0f} % of the core.")
    return tuple(notes)
