"""From shapes to voxels: tissue by tissue, each voxel by the share of it that a tissue fills."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from spondyl.anatomy.levels import Level
from spondyl.anatomy.subregions import SubRegion
from spondyl.core.progress import Progress
from spondyl.core.volume import Volume
from spondyl.phantoms import tissues
from spondyl.phantoms.keyed import keyed
from spondyl.phantoms.scene import Scene
from spondyl.phantoms.shapes import coverage
from spondyl.phantoms.spine import Placed
from spondyl.phantoms.tumour import Tumour

FRONT_MM = 58.0
BEHIND_MM = 32.0
"""Own choice: field of view before the bodies' middle (aorta, cava) and behind the spinous tips (fat, skin, air)."""
SWEEP_MM = 1.0
"""Own choice: a breached cortex is eaten to this far beyond its surface, so that no half of it stays."""
CARTILAGE_HU = 60.0
RIB_GAP_MM = 1.0
RIB_SHELL_MM = 0.8
THICKEST_STEP_MM = 1.3
"""Own choice: slices further apart are drawn on an odd number of thinner ones."""

Grid = Volume
Box = tuple[slice, slice, slice]


@dataclass(frozen=True, eq=False)
class Layers:
    """On the CT's grid."""

    hu: Volume
    levels: NDArray[np.uint8]
    parts: NDArray[np.uint8]
    lesions: NDArray[np.uint8]
    cord: NDArray[np.bool_]
    sac: NDArray[np.bool_]
    epidural: NDArray[np.bool_]


def grid_of(scene: Scene) -> Volume:
    """An empty volume: where the voxels of the scan lie."""
    scan = scene.spec.scan
    placed = [scene.spine.of[level] for level in scene.spec.scanned()]
    points = np.array([v.frame.origin_mm for v in placed])
    ends = np.array([v.frame.to_lps(np.array([0.0, 0.0, z])) for v in placed for z in _ends(v)])
    behind = max(v.shape.size.depth / 2 + v.shape.size.spinous for v in placed)
    low = np.array([points[:, 0].mean() - scan.width_mm / 2, points[:, 1].min() - FRONT_MM, ends[:, 2].min()])
    high = np.array(
        [points[:, 0].mean() + scan.width_mm / 2, points[:, 1].max() + behind + BEHIND_MM, ends[:, 2].max()]
    )
    low[2] -= scan.margin_mm
    high[2] += scan.margin_mm
    step = np.array(scene.spec.spacing_mm)
    shape = tuple(int(n) for n in np.maximum(4, np.ceil((high - low) / step)))
    affine = np.diag([*step, 1.0])
    affine[:3, 3] = low + step / 2 + scan.shift_mm
    return Volume(np.broadcast_to(np.float32(0), shape), affine, "HU")


def _ends(placed: Placed) -> tuple[float, float]:
    half = placed.shape.size.height / 2
    return -half, half


def finer(grid: Volume) -> tuple[Volume, int]:
    """The grid with thinner slices where its own are thick, and how many of them make one slice (odd)."""
    step = grid.spacing_mm[2]
    parts = int(np.ceil(step / THICKEST_STEP_MM))
    parts += 1 - parts % 2
    affine = grid.affine.copy()
    affine[:3, 3] = grid.to_lps([0.0, 0.0, -(parts - 1) / (2 * parts)])
    affine[:3, 2] /= parts
    shape = (*grid.shape[:2], grid.shape[2] * parts)
    return Volume(np.broadcast_to(np.float32(0), shape), affine, "HU"), parts


def render(scene: Scene, grid: Volume, progress: Progress) -> Layers:
    """Tissue in HU and all masks; the masks are those of the voxels' centres."""
    x, y, z = (grid.affine[k, 3] + grid.spacing_mm[k] * np.arange(grid.shape[k]) for k in range(3))
    hu = tissues.background(scene.spine, x, y, z, scene.spec.scanner)
    drawing = _Drawing(scene, grid, hu)
    seen = [v for v in scene.spine.vertebrae if drawing.box(v, *v.shape.box) is not None]
    drawing.canal()
    for placed in seen:
        drawing.disc_above(placed)
        drawing.ribs(placed)
    for n, placed in enumerate(seen):
        progress("vertebrae drawn", n, len(seen))
        drawing.vertebra(placed)
    for tumour in scene.tumours:
        drawing.outgrowth(tumour)
    progress("vertebrae drawn", len(seen), len(seen))
    return Layers(
        grid.like(hu, "HU"),
        drawing.levels,
        drawing.parts,
        drawing.lesions,
        drawing.cord & (drawing.levels == 0) & (drawing.lesions == 0),
        drawing.sac & (drawing.levels == 0) & (drawing.lesions == 0),
        drawing.epidural,
    )


class _Drawing:
    """The arrays that are being filled."""

    def __init__(self, scene: Scene, grid: Volume, hu: NDArray[np.float32]) -> None:
        self.scene, self.grid, self.hu = scene, grid, hu
        self.voxel_mm = float(np.cbrt(grid.voxel_volume_mm3))
        self.levels = np.zeros(grid.shape, np.uint8)
        self.parts = np.zeros(grid.shape, np.uint8)
        self.lesions = np.zeros(grid.shape, np.uint8)
        self.cord = np.zeros(grid.shape, bool)
        self.sac = np.zeros(grid.shape, bool)
        self.epidural = np.zeros(grid.shape, bool)
        self.rib = np.zeros(grid.shape, bool)
        self.rise = scene.spec.scanner.rise_hu("tumour")
        self.bars = tissues.ribs_of(scene.spine)

    def box(self, placed: Placed, low: NDArray, high: NDArray, margin_mm: float = 2.0) -> Box | None:
        """Voxels around a box given in a vertebra's frame; None where the scan holds none of it."""
        corners = np.array(np.meshgrid(*zip(low, high, strict=True), indexing="ij")).reshape(3, -1).T
        index = self.grid.to_index(placed.frame.to_lps(corners))
        margin = margin_mm / np.array(self.grid.spacing_mm)
        first = np.maximum(0, np.floor(index.min(axis=0) - margin)).astype(int)
        last = np.minimum(self.grid.shape, np.ceil(index.max(axis=0) + margin) + 1).astype(int)
        if (first >= last).any():
            return None
        return (slice(first[0], last[0]), slice(first[1], last[1]), slice(first[2], last[2]))

    def points(self, box: Box) -> NDArray[np.float64]:
        """LPS of a box's voxels, (n, 3)."""
        axes = [
            self.grid.affine[k, 3] + self.grid.spacing_mm[k] * np.arange(s.start, s.stop) for k, s in enumerate(box)
        ]
        return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)

    def local(self, placed: Placed, box: Box) -> tuple[NDArray, NDArray, NDArray]:
        """x, y and z of a box's voxels in a vertebra's frame, flat float32 arrays."""
        first = placed.frame.to_local(self.grid.to_lps([s.start for s in box]))
        steps = placed.frame.axes.T @ self.grid.affine[:3, :3]
        runs = [np.arange(s.stop - s.start, dtype=np.float32) for s in box]
        found = []
        for start, (a, b, c) in zip(first.tolist(), steps.tolist(), strict=True):
            sheet = (start + a * runs[0])[:, None] + b * runs[1]
            found.append((sheet[:, :, None] + c * runs[2]).ravel())
        return found[0], found[1], found[2]

    def blend(self, box: Box, distance: NDArray, value: float | NDArray) -> None:
        share = coverage(distance, self.voxel_mm).reshape(self.hu[box].shape)
        new = value.reshape(share.shape) if isinstance(value, np.ndarray) else np.float32(value)
        self.hu[box] = self.hu[box] * (1 - share) + new * share

    def canal(self) -> None:
        """Fat, sac and cord, slab by slab so that memory stays small."""
        contents = self.scene.contents
        for first in range(0, self.grid.shape[2], 32):
            slab = slice(first, min(first + 32, self.grid.shape[2]))
            z = self.grid.affine[2, 3] + self.grid.spacing_mm[2] * np.array([slab.start, slab.stop - 1])
            reach = (contents.centre[:, 2] > z[0] - 12) & (contents.centre[:, 2] < z[1] + 12)
            if not reach.any():
                continue
            low, high = contents.centre[reach].min(axis=0) - 17, contents.centre[reach].max(axis=0) + 17
            index = self.grid.to_index(np.array([low, high]))
            i, j = (
                slice(max(0, int(np.floor(index[0, k]))), max(0, min(self.grid.shape[k], int(index[1, k]) + 2)))
                for k in (0, 1)
            )
            self._canal_box((i, j, slab))

    def _canal_box(self, box: Box) -> None:
        contents, lps = self.scene.contents, self.points(box)
        near, station, uv = contents.stations(lps)
        sac = contents.sac(station, uv)
        cord = np.maximum(contents.cord(station, uv), sac)
        mass = self.scene.mass_mm(lps[near])
        sac, cord = np.maximum(sac, -mass), np.maximum(cord, -mass)
        hu, shape = self.hu[box].reshape(-1), self.hu[box].shape
        for distance, value in ((sac - 2.0, tissues.FAT_HU), (sac, tissues.CSF_HU), (cord, tissues.CORD_HU)):
            share = coverage(distance, self.voxel_mm).astype(np.float32)
            hu[near] = hu[near] * (1 - share) + np.float32(value) * share
        self.hu[box] = hu.reshape(shape)
        for mask, distance in ((self.sac, sac), (self.cord, cord)):
            flat = np.zeros(hu.shape, bool)
            flat[near] = distance < 0
            mask[box] |= flat.reshape(shape)

    def disc_above(self, placed: Placed) -> None:
        above = self.scene.spine.above(placed.level)
        if above is None or above.shape.body is None or placed.shape.body is None:
            return
        size, top = placed.shape.size, placed.shape.body.centre_heights()[0]
        half = np.array([size.upper_width / 2 + 2, size.upper_depth / 2 + 2, 0.0])
        low, high = -half, half.copy()
        low[2], high[2] = top - 6, top + above.shape.size.disc + 12
        if (box := self.box(placed, low, high)) is None:
            return
        x, y, z = self.local(placed, box)
        xa, ya, za = self.local(above, box)
        over = placed.shape.body.endplates(x, y)[0] - z
        under = za - above.shape.body.endplates(xa, ya)[1]
        side = (placed.shape.body.side(x, y, z) + above.shape.body.side(xa, ya, za)) / 2
        self.blend(box, np.maximum(np.maximum(over, under), side), tissues.DISC_HU)

    def ribs(self, placed: Placed) -> None:
        marrow = 0.8 * self.scene.trabecular_hu(placed.level)
        for bar in self.bars.get(placed.level, ()):
            if (box := self.box(placed, *bar.box(1.0))) is None:
                continue
            distance = bar(*self.local(placed, box))
            self.blend(box, distance, tissues.CORTEX_HU)
            self.blend(box, distance + RIB_SHELL_MM, marrow)
            self.rib[box] |= (distance < 0.5).reshape(self.rib[box].shape)

    def vertebra(self, placed: Placed) -> None:
        if (box := self.box(placed, *placed.shape.box)) is None:
            return
        x, y, z = self.local(placed, box)
        shape = self.hu[box].shape
        distance, part = self.scene.evaluate(placed.level, x, y, z)
        bone = np.flatnonzero(distance < 2.0)
        distance, part = distance[bone], part[bone]
        outer = coverage(distance, self.voxel_mm)
        inner = coverage(distance + placed.shape.shell_mm(part), self.voxel_mm)
        local = np.column_stack([x[bone], y[bone], z[bone]])
        marrow = self._marrow(placed.level, box, bone, part, local)
        tissue = marrow * inner + tissues.CORTEX_HU * self.scene.spec.scanner.mineral_factor * (outer - inner)
        hu, levels, parts, lesions = (a[box].reshape(-1) for a in (self.hu, self.levels, self.parts, self.lesions))
        for tumour in self.scene.of(placed.level):
            shape_mm = tumour.shape_mm(local)
            ball = tumour.limited_mm(*shape_mm, distance)
            swept = tumour.limited_mm(*shape_mm, distance, SWEEP_MM)
            cover = tumour.tissue.cover(swept)
            tissue = tissue * (1 - cover) + (tumour.tissue.hu_at(local) + self.rise) * cover * outer
            inside = bone[(ball > 0) & (distance < 0)]
            lesions[inside] = tumour.number
        rib = self.rib[box].reshape(-1)[bone] & (distance > 0) & (distance < RIB_GAP_MM + 0.5 * self.voxel_mm)
        hu[bone[rib]] = CARTILAGE_HU
        hu[bone] = hu[bone] * (1 - outer) + tissue
        inside = bone[distance < 0]
        levels[inside] = int(placed.level)
        parts[inside] = part[distance < 0]
        for array, values in ((self.hu, hu), (self.levels, levels), (self.parts, parts), (self.lesions, lesions)):
            array[box] = values.reshape(shape)

    def _marrow(self, level: Level, box: Box, bone: NDArray, part: NDArray, local: NDArray) -> NDArray:
        """HU of the bone's inside where it is near (`bone`), with its texture and what mimics make of it."""
        spec, mean = self.scene.spec, self.scene.trabecular_hu(level)
        marrow = np.where(part == SubRegion.BODY, mean, mean * tissues.ARCH_FACTOR)
        if spec.marrow_texture_hu > 0:
            shape = tuple(s.stop - s.start for s in box)
            field = keyed(spec.seed, "marrow", level.name).standard_normal(shape, dtype=np.float32)
            sigma = [spec.marrow_texture_mm / step for step in self.grid.spacing_mm]
            field = ndimage.gaussian_filter(field, sigma, mode="wrap")
            marrow = marrow + spec.marrow_texture_hu * (field / max(float(field.std()), 1e-6)).reshape(-1)[bone]
        for mimic in self.scene.mimics:
            if mimic.placed.level is level:
                x, y, z = local.T
                share = coverage(mimic.distance(x, y, z), self.voxel_mm)
                marrow = marrow * (1 - share) + mimic.hu(x, y, z, mean) * share
        return marrow

    def outgrowth(self, tumour: Tumour) -> None:
        """Soft-tissue tumour outside the bone: in the canal, and beside the body."""
        if not tumour.shape.outgrowths or (box := self.box(tumour.placed, *tumour.box)) is None:
            return
        local = np.column_stack(self.local(tumour.placed, box))
        _, depth = tumour.shape_mm(local)
        free = self.levels[box].reshape(-1) == 0
        share = coverage(-depth, self.voxel_mm) * free
        hu, lesions, epidural = (a[box].reshape(-1) for a in (self.hu, self.lesions, self.epidural))
        hu[:] = hu * (1 - share) + (tumour.tissue.lytic_hu + self.rise) * share
        inside = (depth > 0) & free
        lesions[inside] = tumour.number
        x, y, z = local.T
        reach = tumour.placed.shape.size.height / 2 + tumour.placed.shape.size.disc
        epidural |= inside & (tumour.placed.shape.canal(x, y) < 0) & (np.abs(z) < reach)
        for array, values in ((self.hu, hu), (self.lesions, lesions), (self.epidural, epidural)):
            array[box] = values.reshape(self.hu[box].shape)
