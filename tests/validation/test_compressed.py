"""Phantoms with tumour in the canal at most levels: what they are drawn to have is what their truth has."""

from __future__ import annotations

from spondyl.phantoms.scene import build_scene
from spondyl.phantoms.truth_of_canal import compression_truth
from spondyl.validation.compressed import INNER, compressed_spec


def test_the_same_numbers_give_the_same_phantom_and_most_of_its_levels_are_compressed():
    spec = compressed_spec(7, 3)
    assert spec == compressed_spec(7, 3)
    assert len(spec.scanned()) == INNER + 2
    assert 0.4 <= spec.spacing_mm[0] <= 1.0
    assert 0.6 <= spec.spacing_mm[2] <= 3.0
    scene = build_scene(spec)
    inner = spec.scanned()[1:-1]
    assert {entry.level for entry in spec.lesions} == set(inner)
    grades = [compression_truth(scene, scene.spine.of[level])["escc"] for level in inner]
    assert None not in grades
    assert sum(grade != "0" for grade in grades) >= INNER - 1
    assert len(set(grades)) >= 3
