"""What a vertebra is coloured by on the page: one word of summary, never a judgement of its own."""

from __future__ import annotations

from enum import StrEnum

from spondyl.report.schema import VertebraAssessment

SHOWN_HEIGHT_LOSS = 0.20
"""Own choice, for colour alone: below a fifth lies the ordinary spread between neighbouring vertebrae."""


class Finding(StrEnum):
    LESION_AND_HEIGHT_LOSS = "lesion and height loss"
    LESION = "lesion"
    HEIGHT_LOSS = "height loss of 20 % or more"
    INCOMPLETE = "no lesion found, height loss not measured"
    NOTHING = "no lesion found, height loss below 20 %"
    NOT_ASSESSED = "not assessed"

    @property
    def colour(self) -> str:
        """Okabe and Ito's colours, told apart with every common form of colour blindness."""
        return _COLOURS[self]

    @property
    def sides(self) -> int:
        """Corners of its marker, so that no finding is told by colour alone; 0 is a circle."""
        return _SIDES[self]


_COLOURS = {
    Finding.LESION_AND_HEIGHT_LOSS: "#cc79a7",
    Finding.LESION: "#d55e00",
    Finding.HEIGHT_LOSS: "#e69f00",
    Finding.INCOMPLETE: "#f0e442",
    Finding.NOTHING: "#56b4e9",
    Finding.NOT_ASSESSED: "#9a9a9a",
}
_SIDES = {
    Finding.LESION_AND_HEIGHT_LOSS: 5,
    Finding.LESION: 0,
    Finding.HEIGHT_LOSS: 3,
    Finding.INCOMPLETE: 6,
    Finding.NOTHING: 4,
    Finding.NOT_ASSESSED: 2,
}


def finding_of(vertebra: VertebraAssessment) -> Finding:
    if vertebra.status == "not_assessed":
        return Finding.NOT_ASSESSED
    loss = vertebra.geometry.height_loss if vertebra.geometry else None
    lost = loss is not None and loss >= SHOWN_HEIGHT_LOSS
    if vertebra.lesions:
        return Finding.LESION_AND_HEIGHT_LOSS if lost else Finding.LESION
    if lost:
        return Finding.HEIGHT_LOSS
    return Finding.INCOMPLETE if loss is None else Finding.NOTHING
