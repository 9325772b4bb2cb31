"""A zip of DICOM files, unpacked into a temporary folder that is gone afterwards."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from spondyl.core.errors import UnreadableInput, UnsuitableImage
from spondyl.imaging.dicom.headers import DICM_OFFSET, bytes_look_like_dicom

MAX_ENTRIES = 50_000
"""Own choice: whole-body studies with many reconstructions stay below 20 000 files."""
MAX_UNPACKED_BYTES = 16 * 1024**3
"""Own choice: ten times a large spine study; a small zip that claims more is a zip bomb."""


@contextlib.contextmanager
def unpacked(path: Path) -> Iterator[Path]:
    """A folder with the zip's DICOM files, numbered; it is removed on leaving, also after an error.

    The names inside the zip are never used, so that none can lead out of the folder. Raises UnreadableInput for a
    damaged or locked zip, UnsuitableImage for one with too many or too large entries.
    """
    with tempfile.TemporaryDirectory(prefix="spondyl-") as folder:
        try:
            with zipfile.ZipFile(path) as archive:
                _unpack(archive, Path(folder))
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError) as error:  # what zipfile raises by turns
            raise UnreadableInput("the CT's zip is damaged or cut off.", "Copy or export it again.") from error
        except (RuntimeError, NotImplementedError) as error:  # zipfile: encrypted, or a method it does not know
            raise UnreadableInput(
                "the CT's zip is locked with a password or packed in an unknown way.", "Unpack it and give the folder."
            ) from error
        yield Path(folder)


def _unpack(archive: zipfile.ZipFile, folder: Path) -> None:
    entries = [entry for entry in archive.infolist() if not entry.is_dir()]
    total = sum(entry.file_size for entry in entries)
    if len(entries) > MAX_ENTRIES or total > min(MAX_UNPACKED_BYTES, shutil.disk_usage(folder).free):
        raise UnsuitableImage(
            f"the CT's zip would unpack to {len(entries)} files and {total / 1e9:.3g} GB; at most {MAX_ENTRIES} files "
            f"and {MAX_UNPACKED_BYTES / 1e9:.3g} GB are unpacked, and no more than the disk has room for.",
            "Unpack the series wanted and give its folder.",
        )
    for number, entry in enumerate(entries):
        # zipfile hands out no more than the size an entry states, so the sum above holds whatever is inside.
        with archive.open(entry) as source:
            start = source.read(DICM_OFFSET + 4)
            if bytes_look_like_dicom(start):
                with (folder / f"{number:06d}").open("wb") as target:
                    target.write(start)
                    shutil.copyfileobj(source, target)
