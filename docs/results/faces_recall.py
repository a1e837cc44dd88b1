"""How many faces are found, by their size: portraits shrunk until the face has so many pixels. Of other photos: what is found in them.

python docs/results/faces_recall.py PORTRAITS [PHOTOS ...]

A portrait has one face. Where it is at full size is what the detector says there; a portrait in which it finds nothing counts as missed
at every size. A face is found where the boxes share more than half of their union. JPEG: the shrunk portrait saved at that quality first.
"""

import io
import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from ttpo_cli.faces.detection import find_faces
from ttpo_cli.faces.face import Face
from ttpo_cli.faces.mtcnn import load_mtcnn
from ttpo_cli.imaging.resize import imresize
from ttpo_cli.weights.store import open_store

SIZES, QUALITIES = (16, 20, 24, 28, 32, 40, 48, 64, 96), (100, 30)


def pixels(picture: Image.Image) -> torch.Tensor:
    """(1, 3, H, W) in [0, 1]."""
    return torch.from_numpy(np.array(picture.convert("RGB"))).permute(2, 0, 1)[None] / 255


def compressed(image: torch.Tensor, quality: int) -> torch.Tensor:
    stream = io.BytesIO()
    Image.fromarray((image[0].permute(1, 2, 0) * 255).round().byte().numpy()).save(stream, "JPEG", quality=quality)
    return pixels(Image.open(stream))


def is_same(found: Face, true: Face) -> bool:
    """Whether two boxes share more than half of their union."""
    sides = [max(0.0, min(found.box[k + 2], true.box[k + 2]) - max(found.box[k], true.box[k])) for k in (0, 1)]
    areas = sum((face.box[2] - face.box[0]) * (face.box[3] - face.box[1]) for face in (found, true))
    return sides[0] * sides[1] > 0.5 * (areas - sides[0] * sides[1])


def pictures(folder: str) -> list[Path]:
    return sorted(path for path in Path(folder).iterdir() if path.suffix.lower() in (".jpg", ".jpeg", ".png", ".webp"))


def main() -> None:
    detector = load_mtcnn(open_store().find, torch.device("cpu"))
    portraits = [pixels(Image.open(path)) for path in pictures(sys.argv[1])]
    truth = [next(iter(find_faces(image, detector)), None) for image in portraits]
    print(f"at full size: {sum(face is not None for face in truth)} of {len(portraits)}")
    for size in SIZES:
        found = dict.fromkeys(QUALITIES, 0)
        for image, face in zip(portraits, truth, strict=True):
            if face is None:
                continue
            factor = size / face.size
            small = imresize(image, scale=factor).clamp(0, 1)
            for quality in QUALITIES:
                faces = find_faces(small if quality == 100 else compressed(small, quality), detector)
                found[quality] += any(is_same(other, face.scaled(factor)) for other in faces)
        print(size, *(f"{found[quality] / len(portraits):.2f}" for quality in QUALITIES), flush=True)
    for path in (path for folder in sys.argv[2:] for path in pictures(folder)):
        for face in find_faces(pixels(Image.open(path)), detector):
            print(path.name, f"{face.size:.0f} px at", *(f"{edge:.0f}" for edge in face.box), f"probability {face.score:.3f}", flush=True)


if __name__ == "__main__":
    main()
