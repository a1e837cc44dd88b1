"""The network is dlib's, its file is read strictly, and the same face lies nearer to itself than to another."""

import pytest
import torch

from ttpo_cli.errors import WeightsError
from ttpo_cli.faces.alignment import DLIB, aligned
from ttpo_cli.faces.dlib_file import _integer, read_layers
from ttpo_cli.faces.identity import ENTRY, SAME_PERSON, distance, identity_of, load_identity, read_identity
from ttpo_cli.imaging.resize import imresize
from ttpo_cli.weights.store import open_store


@pytest.fixture(scope="module")
def network():
    pytest.importorskip("face_recognition_models", reason="needs the extra `faces`")
    return load_identity(open_store().find, torch.device("cpu"))


def test_the_numbers_are_dlibs_own(network, astronaut, face):
    dlib = pytest.importorskip("dlib", reason="compares with dlib where it is installed")
    chip = (aligned(astronaut, face, DLIB) * 255).round()
    theirs = dlib.face_recognition_model_v1(str(open_store().find(ENTRY))).compute_face_descriptor(
        chip[0].permute(1, 2, 0).byte().contiguous().numpy()
    )
    assert torch.allclose(network(chip / 255)[0], torch.tensor(list(theirs)), atol=1e-5)


def test_a_face_is_itself_small_blurred_or_turned_and_is_not_another(network, astronaut, face):
    known = identity_of(astronaut, face, network)
    assert known.shape == (128,)
    small = identity_of(imresize(astronaut, scale=0.25).clamp(0, 1), face.scaled(0.25), network)
    darker = identity_of(0.7 * astronaut, face, network)
    assert 0 < distance(known, small) < SAME_PERSON and 0 < distance(known, darker) < 0.3
    assert distance(known, known) == 0
    upside_down = identity_of(torch.flip(astronaut, (2,)), face, network)  # no face is there
    assert distance(known, upside_down) > SAME_PERSON


def number(value):
    """As dlib writes an integer."""
    size = max(1, (abs(value).bit_length() + 7) // 8)
    return bytes([size | (0x80 if value < 0 else 0)]) + abs(value).to_bytes(size, "little")


@pytest.mark.parametrize("value", [0, 1, 128, 255, 256, 4000, -1, -4000])
def test_integers_of_dlib_are_read(value):
    data = b"x" + number(value) + b"y"
    assert _integer(data, 1) == (value, len(data) - 1)


def layer(kind, values, before=()):
    sizes = b"".join(number(size) for size in (2, len(values), 1, 1, 1))
    return number(len(kind)) + kind.encode() + b"".join(map(number, before)) + sizes + torch.tensor(values).numpy().tobytes()


def test_layers_are_read_in_the_order_of_the_file(tmp_path):
    content = b"\x01\x01junk" + layer("con_4", [1.0, 2.0]) + b"between" + layer("fc_2", [3.0] * 300, before=(128, 256)) + b"end"
    (tmp_path / "net.dat").write_bytes(content)
    read = [(kind, values.tolist()) for kind, values in read_layers(tmp_path / "net.dat", {"con_4": 0, "fc_2": 2})]
    assert read == [("con_4", [1.0, 2.0]), ("fc_2", [3.0] * 300)]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"nothing of dlib",
        layer("con_4", [1.0, 2.0]),
        layer("con_4", [1.0, 2.0])[:-3],
        number(5) + b"con_4",
        number(5) + b"con_4" + b"".join(number(size) for size in (3, 2, 1, 1, 1)) + bytes(8),
    ],
)
def test_another_file_is_refused(content, tmp_path):
    (tmp_path / "net.dat").write_bytes(content)
    with pytest.raises(WeightsError, match=r"net\.dat"):
        read_identity(tmp_path / "net.dat")
    with pytest.raises(WeightsError, match="cannot be read"):
        read_identity(tmp_path / "missing.dat")
