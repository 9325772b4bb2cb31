"""The environment that fills the pages' templates: escaping on, unknown names are errors, words and drawings known."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spondyl.report import (
    canal_curves,
    canal_words,
    curves,
    fracture_words,
    lesion_words,
    overview,
    phrases,
    shape_words,
    strength_words,
    tissue_chart,
    words,
)

if TYPE_CHECKING:
    from jinja2 import Environment


def environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    env = Environment(
        loader=PackageLoader("spondyl.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.filters["capitalize_first"] = phrases.capitalize_first
    env.globals.update(
        w=words,
        say=phrases,
        cells=overview,
        on_shape=shape_words,
        on_fracture=fracture_words,
        on_lesion=lesion_words,
        on_canal=canal_words,
        on_strength=strength_words,
        curves=curves,
        canal_curves=canal_curves,
        tissue_chart=tissue_chart,
    )
    return env
