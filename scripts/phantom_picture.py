"""docs/images/phantom.png: `spondyl phantom --spec examples/phantom.toml --out DIR`, then this script with DIR."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from matplotlib.figure import Figure

WINDOW_HU = (-160, 600)


def read(folder: Path, name: str) -> tuple[np.ndarray, np.ndarray]:
    image = sitk.ReadImage(str(folder / f"{name}.nii.gz"))
    return sitk.GetArrayFromImage(image).transpose(2, 1, 0), np.array(image.GetSpacing())


def main(folder: Path) -> None:
    ct, spacing = read(folder, "ct")
    vertebrae, lesions, epidural, sac = (read(folder, name)[0] for name in ("vertebrae", "lesions", "epidural", "sac"))
    truth = json.loads((folder / "truth.json").read_text(encoding="utf-8"))
    figure = Figure(figsize=(13, 3.9), layout="constrained")
    axes = figure.subplots(1, 5, width_ratios=[1.15, 1.15, 1, 1, 1])
    middle = ct.shape[0] // 2
    for panel, labelled in zip(axes[:2], (False, True), strict=True):
        panel.imshow(ct[middle].T, origin="lower", cmap="gray", vmin=WINDOW_HU[0], vmax=WINDOW_HU[1],
                     aspect=spacing[2] / spacing[1])  # fmt: skip
        if labelled:
            shown = np.ma.masked_equal(vertebrae[middle].T, 0)
            panel.imshow(shown, origin="lower", cmap="tab20", alpha=0.45, aspect=spacing[2] / spacing[1])
        panel.set_title("the truth" if labelled else "the scan", fontsize=10)
    for panel, number in zip(axes[2:], (1, 2, 3), strict=True):
        here = lesions == number
        k = int(np.argmax(here.sum(axis=(0, 1))))
        panel.imshow(ct[:, :, k].T, cmap="gray", vmin=WINDOW_HU[0], vmax=WINDOW_HU[1])
        for mask, colour in ((sac, "#58a6ff"), (here | (epidural > 0), "#ff5c5c")):
            if mask[:, :, k].any():
                panel.contour(mask[:, :, k].T > 0, [0.5], colors=colour, linewidths=0.9)
        level, lesion = next(
            (name, one)
            for name, entry in truth["levels"].items()
            for one in entry["lesions"]
            if one["number"] == number
        )
        panel.set_title(f"{level}: {lesion['type']}, {lesion['volume_mm3'] / 1000:.2f} cm³", fontsize=10)
        x, y = (int(n) for n in np.argwhere(vertebrae[:, :, k] > 0).mean(axis=0))
        panel.set_xlim(x - 65, x + 65)
        panel.set_ylim(y + 75, y - 75)
    for panel in axes:
        panel.axis("off")
    figure.savefig(Path(__file__).parents[1] / "docs" / "images" / "phantom.png", dpi=110)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
