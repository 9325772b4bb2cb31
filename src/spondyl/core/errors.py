"""Every error Spondyl raises on purpose.

    SpondylError
    ├── InputError            something the user handed in can't be used as it is
    │   ├── UnreadableInput   missing, truncated, or not in a format we read
    │   ├── UnsuitableImage   readable, but not a CT that can be measured (modality, gaps, tilt, ...)
    │   ├── MaskMismatch      labels that do not belong to this CT, or of an unknown numbering
    │   └── InvalidAnswer     a history or parameter file with a wrong entry; names the path inside the file
    ├── OutputError           the output folder can't be used
    ├── ModelError            a mechanical model that can't be solved as posed (supports, modulus, ...)
    └── RuleError             a clinical rule or citation that is not fit to load

A message says what was found, where, and what to do about it; `remedy` is the last part by itself.
Failure of a numerical method is no error: it is a value with its remedy (`values.strength.SolveReport`).
"""


class SpondylError(Exception):
    """Base of the tree. `what` is what was found and where; `remedy` is what the user can do."""

    def __init__(self, what: str, remedy: str = "") -> None:
        self.what = what
        self.remedy = remedy
        super().__init__(f"{what} {remedy}".strip())


class InputError(SpondylError):
    """Something the user handed in can't be used as it is."""


class UnreadableInput(InputError):
    """Missing, truncated, or not in a format Spondyl reads."""


class UnsuitableImage(InputError):
    """Readable, but not a CT that can be measured."""


class MaskMismatch(InputError):
    """Labels that do not belong to this CT, or whose numbering is unknown."""


class InvalidAnswer(InputError):
    """A wrong entry in a history or parameter file."""


class OutputError(SpondylError):
    """The output folder can't be used."""


class ModelError(SpondylError):
    """A mechanical model that can't be solved as posed."""


class RuleError(SpondylError):
    """A clinical rule or citation that is not fit to load."""
