"""ONNX files are checked before onnxruntime opens them: damage, custom operations, and weights outside the model's folder."""

import hashlib

import pytest

pytest.importorskip("onnx", reason="needs the extra [onnx]")
from onnx import helper
from onnx_graphs import enlarger, model, saved, with_external_weights

from ttpo_cli.errors import WeightsError
from ttpo_cli.weights.onnx_file import read_onnx


def test_a_model_is_read_as_the_bytes_that_were_checked(tmp_path):
    path = saved(enlarger(), tmp_path / "net.onnx")
    file = read_onnx(path)
    assert (file.source, file.external, file.sha256) == (path.read_bytes(), (), hashlib.sha256(path.read_bytes()).hexdigest())


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda content: b"", "holds no network"),
        (lambda content: b"<html>not found</html>", "no ONNX model, or damaged"),
        (lambda content: content[: len(content) // 2], "damaged"),
        (lambda content: content[:-1], "damaged"),
        (lambda content: b"PK\x03\x04" + content, "damaged"),
    ],
)
def test_what_is_no_model_is_refused(tmp_path, damage, words):
    path = tmp_path / "net.onnx"
    path.write_bytes(damage(enlarger().SerializeToString()))
    with pytest.raises(WeightsError, match=words):
        read_onnx(path)


def test_a_missing_file_is_one_line(tmp_path):
    with pytest.raises(WeightsError, match="cannot be read"):
        read_onnx(tmp_path / "none.onnx")


@pytest.mark.parametrize(
    ("node", "words"),
    [
        (helper.make_node("Run", ["input"], ["output"], domain="some.where"), r"custom operation some\.where\.Run"),
        (helper.make_node("EPContext", ["input"], ["output"], domain="com.microsoft"), "compiled for one processor"),
    ],
)
def test_operations_that_would_run_other_code_are_refused_wherever_they_stand(tmp_path, node, words):
    inner = helper.make_graph([node], "inner", [], [helper.make_tensor_value_info("output", 1, None)])
    branch = helper.make_node("If", ["condition"], ["output"], then_branch=inner, else_branch=inner)
    for outer in (node, branch):
        path = saved(model([outer], [], domains=("some.where", "com.microsoft")), tmp_path / "net.onnx")
        with pytest.raises(WeightsError, match=words):
            read_onnx(path)


def test_weights_in_a_file_next_to_the_model_count_in_its_hash(tmp_path):
    weights = enlarger().graph.initializer[0].raw_data
    (tmp_path / "net.data").write_bytes(weights)
    path = saved(with_external_weights(enlarger(), "net.data"), tmp_path / "net.onnx")
    first = read_onnx(path)
    assert first.external == (tmp_path / "net.data",) and first.source == str(path)
    (tmp_path / "net.data").write_bytes(weights[::-1])
    assert read_onnx(path).sha256 != first.sha256


@pytest.mark.parametrize(
    ("location", "words"),
    [
        ("../net.data", "must lie in the model's own folder"),
        ("sub/../../net.data", "must lie in the model's own folder"),
        ("..\\net.data", "must lie in the model's own folder"),
        ("/etc/passwd", "must lie in the model's own folder"),
        ("C:\\windows\\net.data", "must lie in the model's own folder"),
        ("*/_ORT_MEM_ADDR_/*", "which is missing"),
        ("", "must lie in the model's own folder"),
        ("none.data", "which is missing"),
        ("link.data", "a link that leaves"),
    ],
)
def test_weights_elsewhere_are_refused_before_anything_opens_them(tmp_path, location, words):
    folder = tmp_path / "model"
    folder.mkdir()
    (tmp_path / "net.data").write_bytes(bytes(64))
    (folder / "link.data").symlink_to(tmp_path / "net.data")
    path = saved(with_external_weights(enlarger(), location), folder / "net.onnx")
    with pytest.raises(WeightsError, match=words):
        read_onnx(path)


def test_external_weights_without_a_place_are_refused(tmp_path):
    content = with_external_weights(enlarger(), "net.data")
    for tensor in content.graph.initializer:
        tensor.ClearField("external_data")
    with pytest.raises(WeightsError, match="does not say where its weights are"):
        read_onnx(saved(content, tmp_path / "net.onnx"))
