"""Faces of a photo by MTCNN: windows of all sizes proposed, refined, and given five points (Zhang et al., IEEE SPL 2016)."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional
from torchvision.ops import nms, roi_align

from ttpo_cli.faces.face import Face, turned_back
from ttpo_cli.faces.mtcnn import Mtcnn, WindowNetwork

# What is called a face, pixels of its box, and the share of a window that one side of the next coarser window has.
SMALLEST, PYRAMID = 20.0, 0.709
# P-Net looks at windows of 12 pixels, every 2.
_CELL, _STRIDE = 12, 2
# Least probabilities of the three networks. The last is higher than the paper's 0.7: most patterns in photos without people stay below it,
# and below the one of turned photos, where nothing is a face but by chance, nearly all.
_PROPOSED, _REFINED, _SURE, _SURE_TURNED = 0.6, 0.7, 0.95, 0.995
# The longer side at which a photo is turned, pixels.
_TURNED_SIDE = 1024
# Pixels P-Net sees at once, and windows the others do: memory is bounded whatever the photo.
_STRIP, _WINDOWS = 2**21, 256


@dataclass(frozen=True)
class _Boxes:
    """edges: (N, 4) left, top, right, bottom, float32; scores: (N,)."""

    edges: Tensor
    scores: Tensor

    def __getitem__(self, rows: Tensor | slice) -> "_Boxes":
        return _Boxes(self.edges[rows], self.scores[rows])

    def apart(self, overlap: float) -> "_Boxes":
        """The best of those that share more than `overlap` of their union."""
        return self[nms(self.edges, self.scores, overlap)]


@torch.inference_mode()
def find_faces(image: Tensor, detector: Mtcnn) -> list[Face]:
    """The faces of a photo (1, 3, H, W) RGB in [0, 1], the largest first; none where there is none.

    Upright ones down to SMALLEST pixels are found in the photo as it is. Those that lie on their side or upside down are looked for in a
    photo of at most 1024 pixels, turned.
    """
    image = image.to(detector.device)
    height, width = image.shape[-2:]
    share = min(1.0, _TURNED_SIDE / max(height, width))
    size = (max(1, round(height * share)), max(1, round(width * share)))
    small = image if share == 1 else functional.interpolate(image, size=size, mode="bilinear", antialias=True)
    found = _upright(image, detector, _SURE)
    for turns in (1, 2, 3):
        turned = _upright(torch.rot90(small, turns, (2, 3)), detector, _SURE_TURNED)
        found += [turned_back(face, turns, *size).scaled(1 / share) for face in turned]
    return sorted(_distinct([face for face in found if face.size >= SMALLEST]), key=lambda face: face.size, reverse=True)


def _upright(image: Tensor, detector: Mtcnn, least: float) -> list[Face]:
    """The faces that stand upright, or nearly, of at least this probability."""
    proposed = _proposals(image, detector)
    refined, _ = _looked_at(proposed, image, detector.refinement, _REFINED)
    refined = _Boxes(_squares(refined.edges), refined.scores)
    sure, points = _looked_at(refined, image, detector.output, least)
    return [
        Face(box=_four(edges), points=place.T.double().cpu(), score=float(score))
        for edges, place, score in zip(sure.edges, points, sure.scores, strict=True)
    ]


def _four(edges: Tensor) -> tuple[float, float, float, float]:
    left, top, right, bottom = (float(edge) for edge in edges)
    return left, top, right, bottom


def _proposals(image: Tensor, detector: Mtcnn) -> _Boxes:
    """P-Net's windows over the pyramid of a photo, squares."""
    height, width = image.shape[-2:]
    found = [_Boxes(image.new_zeros(0, 4), image.new_zeros(0))]
    scale = _CELL / SMALLEST
    while min(height, width) * scale >= _CELL:
        size = (max(_CELL, round(height * scale)), max(_CELL, round(width * scale)))
        small = functional.interpolate(image, size=size, mode="bilinear", antialias=True, align_corners=False)
        boxes = _Boxes(*(torch.cat(parts) for parts in zip(*_windows(small, detector), strict=True)))
        factors = image.new_tensor([width / size[1], height / size[0]] * 2)
        found.append(_Boxes(boxes.edges * factors, boxes.scores).apart(0.5))
        scale *= PYRAMID
    every = _Boxes(torch.cat([boxes.edges for boxes in found]), torch.cat([boxes.scores for boxes in found])).apart(0.7)
    return _Boxes(_squares(every.edges), every.scores)


def _windows(image: Tensor, detector: Mtcnn) -> Iterator[tuple[Tensor, Tensor]]:
    """Edges (N, 4), shifted as P-Net says, and scores (N,) of the likely windows, strip by strip."""
    height, width = image.shape[-2:]
    rows = max(4 * _CELL, _STRIP // width // _STRIDE * _STRIDE)
    step = rows - (_CELL - _STRIDE)
    for top in range(0, max(1, height - _CELL + _STRIDE), step):
        strip = image[..., top : top + rows, :]
        if strip.shape[-2] < _CELL:
            return
        probability, shift = detector.proposal(_normalised(strip))
        row, column = (probability[0] >= _PROPOSED).nonzero(as_tuple=True)
        corner = torch.stack((column * _STRIDE, row * _STRIDE + top), dim=1).to(image)
        edges = torch.cat((corner, corner + _CELL), dim=1) + shift[0, :, row, column].T * _CELL
        yield edges, probability[0, row, column]


def _looked_at(boxes: _Boxes, image: Tensor, network: WindowNetwork, least: float) -> tuple[_Boxes, Tensor]:
    """The boxes in which a network sees a face, shifted as it says, and their points (N, 2, 5), where it gives any."""
    side = 24 if network.points is None else 48
    kept, points = [boxes[:0]], [image.new_zeros(0, 2, 5)]
    for edges in boxes.edges.split(_WINDOWS):
        windows = roi_align(image, [edges], side, aligned=True)
        probability, shift, places = network(_normalised(windows))
        likely = probability >= least
        corner, size = edges[likely, :2], edges[likely, 2:] - edges[likely, :2]
        kept.append(_Boxes(edges[likely] + shift[likely] * size.repeat(1, 2), probability[likely]))
        if places is not None:
            points.append(corner[:, :, None] + places[likely] * size[:, :, None])
    both = _Boxes(torch.cat([part.edges for part in kept]), torch.cat([part.scores for part in kept]))
    rows = nms(both.edges, both.scores, 0.7)
    every = torch.cat(points)
    return both[rows], every[rows] if len(every) else every


def _normalised(image: Tensor) -> Tensor:
    """[0, 1] as the networks were trained: (x - 127.5) / 128 of 8 bits. Channels last: on a CPU, a quarter of the time."""
    return ((image * 255 - 127.5) / 128).contiguous(memory_format=torch.channels_last)


def _squares(edges: Tensor) -> Tensor:
    """Boxes (N, 4) with their shorter sides lengthened about the same centre."""
    centre = (edges[:, :2] + edges[:, 2:]) / 2
    half = (edges[:, 2:] - edges[:, :2]).amax(dim=1, keepdim=True) / 2
    return torch.cat((centre - half, centre + half), dim=1)


def _distinct(faces: list[Face]) -> list[Face]:
    """The surest faces: none has more than 0.7 of the smaller one's area in common with a surer one, as a face in a face would."""
    kept: list[Face] = []
    for face in sorted(faces, key=lambda face: face.score, reverse=True):
        if all(_in_common(face, other) <= 0.7 for other in kept):
            kept.append(face)
    return kept


def _in_common(face: Face, other: Face) -> float:
    """The share of the smaller box that two have in common."""
    (left, top, right, bottom), (left2, top2, right2, bottom2) = face.box, other.box
    common = max(0.0, min(right, right2) - max(left, left2)) * max(0.0, min(bottom, bottom2) - max(top, top2))
    smaller = min((right - left) * (bottom - top), (right2 - left2) * (bottom2 - top2))
    return common / max(smaller, 1e-9)
