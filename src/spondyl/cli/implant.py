"""`spondyl implant`: known lesions put into a real CT, into a folder that is whole or not there."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError
from rich.console import Console

from spondyl import __version__
from spondyl.cli.progress import terminal_progress
from spondyl.core.errors import InvalidAnswer, UnreadableInput
from spondyl.core.output import check_replaceable, whole_folder
from spondyl.core.volume import Volume
from spondyl.imaging.labels import read_level_map
from spondyl.imaging.read import read_ct
from spondyl.phantoms.implant import ImplantSpec
from spondyl.phantoms.implants import ImplantedCase, implant_all, random_implants
from spondyl.phantoms.lesion import Place
from spondyl.report.masks import write_nifti

CT_FILE, LESION_FILE, TRUTH_FILE = "ct.nii.gz", "lesion.nii.gz", "truth.json"
OUTPUTS = frozenset({CT_FILE, LESION_FILE, TRUTH_FILE})
AS_TYPED = {"kind": "--type", "place": "--where"}
"""Fields whose option has another name."""


def run_implant(
    ct: Path,
    vertebrae: Path,
    out: Path,
    *,
    specs: tuple[ImplantSpec, ...],
    random: int,
    seed: int,
    scheme: str | None,
    series: str | None,
) -> None:
    """Implant `specs`, or where there are none a random set of `random` lesions, and write the case."""
    check_replaceable(out, OUTPUTS)  # before the work, not after it
    with whole_folder(out, OUTPUTS) as folder, terminal_progress() as progress:
        scan = read_ct(ct, series=series)
        progress("reading", 1, 1)
        levels = read_level_map(vertebrae, scan.volume, scheme=scheme)
        if specs:
            case = implant_all(scan.volume, levels, specs, progress)
        else:
            case = random_implants(scan.volume, levels, seed, random)
        _write(case, folder, scan.sha256)
    _tell(case, out)


def typed_specs(file: Path | None, typed: dict[str, Any], seed: int, random: int | None) -> tuple[ImplantSpec, ...]:
    """The lesions of a file, or the one typed; none for a random set. Raises InvalidAnswer.

    `typed` holds only what was typed.
    """
    asked = [name for name, given in (("--level", "level" in typed), ("--spec", file), ("--random", random)) if given]
    if len(asked) != 1:
        found = "no lesion is named" if not asked else f"{' and '.join(asked)} were given together"
        raise InvalidAnswer(f"{found}.", "Give one of --level (with --type, --where, ...), --spec or --random.")
    if "level" not in typed and typed:
        names = ", ".join(_option(name) for name in typed)
        raise InvalidAnswer(f"{names}: of use only with --level.", "Leave them out.")
    if file is not None:
        return read_implants(file, seed)
    return () if random is not None else (_spec({**typed, "seed": seed}, ""),)


def read_implants(file: Path, seed: int) -> tuple[ImplantSpec, ...]:
    """Lesions of a TOML file with one [[lesion]] table each; `seed` is for those that name none, plus their place.

    Raises UnreadableInput for a file that is no TOML, InvalidAnswer for a wrong entry, naming its path.
    """
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UnreadableInput(f"the --spec file can't be read: {error.strerror}.", "Check the path.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UnreadableInput(f"the --spec file is no TOML: {error}.", "Correct that line.") from error
    lesions = content.pop("lesion", None)
    if content or not isinstance(lesions, list) or not lesions or not all(isinstance(one, dict) for one in lesions):
        found = f"unknown entries {', '.join(content)}" if content else "no [[lesion]] table"
        raise InvalidAnswer(f"--spec: {found}.", "Write one [[lesion]] table for each lesion.")
    return tuple(_spec({"seed": seed + n, **one}, f"lesion[{n}].") for n, one in enumerate(lesions))


def _spec(fields: dict[str, Any], where: str) -> ImplantSpec:
    try:
        return ImplantSpec.model_validate(fields)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]) if first["loc"] else ""
        said = first["msg"].removeprefix("Value error, ")
        remedy = f"Places: {', '.join(Place)}." if name == "place" else "Correct it."
        raise InvalidAnswer(f"{where + name if where else _option(name)}: {said}", remedy) from None


def _option(name: str) -> str:
    return AS_TYPED.get(name, "--" + name.replace("_", "-"))


def _write(case: ImplantedCase, folder: Path, sha256: str) -> None:
    write_ct(case.ct, folder / CT_FILE)
    write_nifti(case.lesions, folder / LESION_FILE)
    truth = {
        "spondyl": __version__,
        "ct_sha256": sha256,
        "space": "patient LPS in mm; voxels of the CT turned to left, posterior, superior",
        "controls": [level.name for level in case.controls],
        "lesions": case.truths,
    }
    text = json.dumps(truth, indent=2, ensure_ascii=False, default=float)
    (folder / TRUTH_FILE).write_text(text + "\n", encoding="utf-8")


def write_ct(ct: Volume, path: Path) -> None:
    """As int16 where all values are whole, else float32."""
    import SimpleITK as sitk

    array = np.asarray(ct.array)
    limits = np.iinfo(np.int16)
    whole = np.array_equal(array, np.rint(array)) and array.min() >= limits.min and array.max() <= limits.max
    kind = np.int16 if whole else np.float32
    image = sitk.GetImageFromArray(np.ascontiguousarray(array.transpose(2, 1, 0), dtype=kind))
    image.SetSpacing(ct.spacing_mm)
    image.SetOrigin(ct.affine[:3, 3].tolist())
    image.SetDirection((ct.affine[:3, :3] / np.array(ct.spacing_mm)).ravel().tolist())
    sitk.WriteImage(image, str(path), useCompression=True)


def _tell(case: ImplantedCase, out: Path) -> None:
    console = Console(highlight=False, soft_wrap=True)
    for truth in case.truths:
        console.print(
            f"{truth['label']}: {truth['kind']} lesion at {truth['place'].replace('_', ' ')} of {truth['level']}, "
            f"{truth['longest_diameter_mm']:.1f} mm, {truth['volume_mm3'] / 1000:.2f} cm³, "
            f"{truth['share_of_body']:.0%} of the body, cortex {'breached' if truth['cortex_breached'] else 'spared'}"
        )
    console.print(f"Left as they are: {', '.join(level.name for level in case.controls) or 'none'}")
    console.print(f"Written: {out / CT_FILE}, {LESION_FILE}, {TRUTH_FILE}")
