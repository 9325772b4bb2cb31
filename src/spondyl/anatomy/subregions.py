"""Parts of one vertebra, as labels inside a `Vertebra`."""

from __future__ import annotations

from enum import IntEnum


class SubRegion(IntEnum):
    """Left and right are the patient's. `FACET_*` holds superior and inferior articular processes of a side."""

    BODY = 1
    PEDICLE_LEFT = 2
    PEDICLE_RIGHT = 3
    LAMINA_LEFT = 4
    LAMINA_RIGHT = 5
    FACET_LEFT = 6
    FACET_RIGHT = 7
    TRANSVERSE_LEFT = 8
    TRANSVERSE_RIGHT = 9
    SPINOUS = 10

    @property
    def words(self) -> str:
        """As a report says it: 'left pedicle', 'body'."""
        part, _, side = self.name.lower().partition("_")
        part = {"transverse": "transverse process", "spinous": "spinous process", "body": "vertebral body"}.get(
            part, part
        )
        return f"{side} {part}".strip()


ARCH = frozenset(SubRegion) - {SubRegion.BODY}
"""Everything behind the body."""

POSTEROLATERAL = {
    "left": frozenset({SubRegion.PEDICLE_LEFT, SubRegion.FACET_LEFT}),
    "right": frozenset({SubRegion.PEDICLE_RIGHT, SubRegion.FACET_RIGHT}),
}
"""What SINS calls posterolateral, by side; the costovertebral joint is added by whoever can see it."""
