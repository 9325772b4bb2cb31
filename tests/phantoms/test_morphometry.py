"""The table's sizes against real vertebrae: mean meshes of patients, and coarse meshes of a body model."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from tests.data import shared_data

from spondyl.anatomy.levels import Level
from spondyl.phantoms.morphometry import average, dimensions
from spondyl.phantoms.vertebra import VertebraShape

LUMBAR = (Level.L2, Level.L3, Level.L4, Level.L5)


def extent_and_volume(level: Level) -> tuple[np.ndarray, float]:
    """Of the average man: extent in x, y, z in mm and volume in cm3."""
    shape = VertebraShape(level, dimensions(level, "male"))
    axes = [np.arange(a, b, 1.0) for a, b in zip(*shape.box, strict=True)]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 3)
    inside = points[shape.distance(*points.T) < 0]
    return np.ptp(inside, axis=0) + 1.0, len(inside) / 1000


def test_lumbar_sizes_lie_near_the_mean_meshes_of_87_people():
    """Those were patients, some with lesions of facets; bounds are 12 % for extents and 25 % for volumes."""
    folder = shared_data("morphable_lumbar_mean_mesh_L2-L5")
    vertices = np.loadtxt(next(folder.rglob("meanMesh_vertices.csv")), delimiter=",")
    faces = np.loadtxt(next(folder.rglob("meanMesh_faces.csv")), delimiter=",").astype(int) - 1
    edges = np.concatenate([faces[:, :2], faces[:, 1:]])
    graph = coo_matrix((np.ones(len(edges)), edges.T), shape=(len(vertices), len(vertices)))
    count, part = connected_components(graph, directed=False)
    assert count == 4
    order = np.argsort([-vertices[part == n, 2].mean() for n in range(4)])
    for level, n in zip(LUMBAR, order, strict=True):
        corners = vertices[faces[part[faces[:, 0]] == n]]
        volume = np.einsum("ij,ij->", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])) / 6000
        back, side, up = np.ptp(vertices[part == n], axis=0)
        mine, own_volume = extent_and_volume(level)
        np.testing.assert_allclose(mine, (side, back, up), rtol=0.12, err_msg=level.name)
        assert own_volume == pytest.approx(abs(volume), rel=0.25), level.name


def test_lumbar_bodies_and_canals_lie_near_the_measured_means():
    """Means over 87 people and four levels: width 46.7, depth 35.0, height 27.8, canal 26.7 by 16.7 mm."""
    folder = shared_data("morphable_lumbar_mean_mesh_L2-L5")

    def mean(name: str) -> float:
        return float(np.loadtxt(next(folder.rglob(f"{name}_y.csv")), delimiter=",").ravel()[0])

    sizes = [average()[level] for level in LUMBAR]
    for name, values, bound in (
        ("meanVBwidth", [s.width for s in sizes], 0.08),
        ("meanVBdepth", [s.depth for s in sizes], 0.08),
        ("meanVBheight", [s.height for s in sizes], 0.15),
        ("meanCanalWidth", [s.canal_width for s in sizes], 0.10),
        ("meanCanalDepth", [s.canal_depth for s in sizes], 0.15),
    ):
        assert np.mean(values) == pytest.approx(mean(name), rel=bound), name


def test_thoracic_volumes_lie_near_the_coarse_meshes():
    folder = shared_data("myosim_coarse_vertebra_meshes")
    for number in range(1, 13):
        data = next(folder.rglob(f"thoracic{number}_s.stl")).read_bytes()
        (count,) = struct.unpack("<I", data[80:84])
        kind = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("rest", "<u2")])
        corners = np.frombuffer(data[84:], kind, count)["corners"].astype(float) * 100  # metres to cm
        volume = np.einsum("ij,ij->", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])) / 6
        _, own = extent_and_volume(Level[f"T{number}"])
        assert own == pytest.approx(abs(volume), rel=0.25), number


def test_sizes_grow_downward_and_with_the_person():
    widths = [average()[Level[f"T{n}"]].width for n in range(4, 13)] + [average()[Level[f"L{n}"]].width for n in (1, 3)]
    assert (np.diff(widths) > 0).all()
    tall, small = dimensions(Level.L3, "male", 190), dimensions(Level.L3, "female", 155)
    assert tall.width / small.width == pytest.approx(1.03 * 190 / 176 / (0.92 * 155 / 163))
    assert dimensions(Level.L3, "male", age=90).disc < dimensions(Level.L3, "male", age=40).disc
