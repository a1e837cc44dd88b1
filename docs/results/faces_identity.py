"""How far apart dlib's face network puts a degraded face and the true one, and a degraded face and other people: what the guard's bound is
taken from.

python docs/results/faces_identity.py PORTRAITS [CURVE.svg]

Each portrait is degraded in several ways. In the degraded photo the face is searched as `ttpo restore` does; a face that is not found there
counts in no number but `found`. Its distance to the undegraded face, cut out by the same points, is *same*; to the undegraded faces of all
other portraits, each by its own points, *different*.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ttpo_cli.faces.detection import find_faces
from ttpo_cli.faces.identity import identity_of, load_identity
from ttpo_cli.faces.mtcnn import load_mtcnn
from ttpo_cli.report.plot import Axis, line_plot
from ttpo_cli.training.degradation.bicubic import DegradeOptions, degrade
from ttpo_cli.training.degradation.real_world import degrade_twice
from ttpo_cli.weights.store import open_store

# (name, shrunk by, strength of a second-order degradation; 0: bicubic shrinking alone). The portraits' faces have about 220 pixels.
WAYS = (
    ("x2", 2, 0.0),
    ("x4", 4, 0.0),
    ("x2, strength 0.5", 2, 0.5),
    ("x2, strength 1", 2, 1.0),
    ("x4, strength 0.25", 4, 0.25),
    ("x4, strength 0.5", 4, 0.5),
    ("x4, strength 1", 4, 1.0),
    ("x8", 8, 0.0),
)
QUANTILES = (0.05, 0.5, 0.95, 0.99)
BOUNDS = (0.4, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75)


def pixels(path: Path) -> Tensor:
    """(1, 3, H, W) in [0, 1], sides multiples of 8."""
    image = torch.from_numpy(np.array(Image.open(path).convert("RGB"))).permute(2, 0, 1)[None] / 255
    return image[..., : image.shape[-2] // 8 * 8, : image.shape[-1] // 8 * 8]


def main() -> None:
    find, device = open_store().find, torch.device("cpu")
    detector, network = load_mtcnn(find, device), load_identity(find, device)
    paths = sorted(path for path in Path(sys.argv[1]).iterdir() if path.suffix.lower() in (".jpg", ".jpeg", ".png", ".webp"))
    known = [(image, faces[0]) for image in map(pixels, paths) if (faces := find_faces(image, detector))]
    truth = torch.stack([identity_of(image, face, network) for image, face in known])
    series = {}
    print("degraded by | face, px | found | same: 5, 50, 95, 99 % | different: 1, 5, 50 % | same within, different within " + str(BOUNDS))
    for name, scale, strength in WAYS:
        same, different, sizes = [], [], []
        for index, (image, face) in enumerate(known):
            generator = torch.Generator().manual_seed(index)
            low = degrade(image, DegradeOptions(scale=scale), generator)
            low = degrade_twice(image, scale, generator, strength) if strength else low
            true, near = face.scaled(1 / scale), 0.3 * face.size / scale
            found = [other for other in find_faces(low, detector) if (other.points - true.points).norm(dim=1).max() < near]
            if not found:
                continue
            seen = identity_of(low, found[0], network)
            same.append((seen - identity_of(image, found[0].scaled(scale), network)).norm())
            different.append((seen - truth[torch.arange(len(truth)) != index]).norm(dim=1))
            sizes.append(found[0].size)
        one, other = torch.stack(same), torch.cat(different)
        series[f"{name}: same"] = [(float(b), float((one <= b).float().mean())) for b in np.arange(0.2, 1.0, 0.02)]
        series[f"{name}: different"] = [(float(b), float((other <= b).float().mean())) for b in np.arange(0.2, 1.0, 0.02)]
        quantiles = " ".join(f"{float(one.quantile(q)):.2f}" for q in QUANTILES)
        others = " ".join(f"{float(other.quantile(q)):.2f}" for q in (0.01, 0.05, 0.5))
        within = " ".join(f"{float((one <= b).float().mean()):.2f}/{float((other <= b).float().mean()):.3f}" for b in BOUNDS)
        print(f"{name} | {float(np.median(sizes)):.0f} | {len(same)} of {len(known)} | {quantiles} | {others} | {within}", flush=True)
    if len(sys.argv) > 2:
        shown = ("x4", "x2, strength 1", "x4, strength 0.5", "x8")
        chosen = {name: points for name, points in series.items() if name.split(":")[0] in shown}
        text = line_plot(chosen, "share of faces within a distance", Axis("distance"), Axis("share"))
        Path(sys.argv[2]).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
