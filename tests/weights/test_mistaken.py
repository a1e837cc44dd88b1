"""What people give for a checkpoint by mistake: every kind is named for what it is, with what to do, by each reader."""

import io
import json
import pickle
import tarfile
import zipfile

import pytest
import torch
from safetensors.torch import save_file

from ttpo_cli.backbones.catalog import load_backbone
from ttpo_cli.errors import WeightsError
from ttpo_cli.weights.checkpoint import load_checkpoint
from ttpo_cli.weights.container import flaw
from ttpo_cli.weights.mistaken import mistaken_for_checkpoint
from ttpo_cli.weights.pickled import load_pickled

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 67040989\n"


def archive(**files):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as written:
        for name, content in files.items():
            written.writestr(name.replace("_", "."), content)
    return stream.getvalue()


def tar():
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as written:
        written.addfile(tarfile.TarInfo("weights.pth"))
    return stream.getvalue()


KINDS = {
    "page": (b"<!DOCTYPE html>\n<html><head><title>Model \xc2\xb7 Hub</title>", "a web page ('Model · Hub')", "download the file itself"),
    "page with a mark": (b"\xef\xbb\xbf  <html><body>Sign in</body>", "a web page", "/resolve/"),
    "long page": (b"<html>" + "é".encode() * 5000, "a web page", "/resolve/"),
    "pointer": (POINTER, "a Git LFS pointer", "git lfs pull"),
    "error": (json.dumps({"message": "API rate limit exceeded"}).encode(), "API rate limit exceeded", "download"),
    "text": (b"Entry not found", "a text ('Entry not found')", "download"),
    "wide text": ("Zugriff verweigert".encode("utf-16"), "Zugriff verweigert", "download"),
    "empty": (b"", "an empty file", "download it again"),
    "zeros": (bytes(5000), "zeros", "download it again"),
    "zip": (archive(weights_pth=b"x", readme_txt=b"y", a_png=b"z"), "a zip archive of weights.pth, readme.txt and 1 more files", "unpack"),
    "empty zip": (archive(), "an empty zip archive", "download it again"),
    "keras": (archive(config_json=b"{}", model_weights_h5=b"x"), "Keras", ".safetensors"),
    "7z": (b"7z\xbc\xaf\x27\x1c\0\4" + bytes(40), "a 7-Zip archive", "unpack"),
    "rar": (b"Rar!\x1a\x07\x01\0" + bytes(40), "a RAR archive", "unpack"),
    "tar": (tar(), "a tar archive", "unpack"),
    "gzip": (b"\x1f\x8b\x08" + bytes(range(200)), "a gzip archive", "unpack"),
    "pickle": (pickle.dumps({"a": [1.0]}), "a pickle that torch.save did not write", "state dict"),
    "hdf5": (b"\x89HDF\r\n\x1a\n" + bytes(99), "HDF5", ".safetensors"),
    "picture": (b"\xff\xd8\xff\xe0" + bytes(99), "a picture", "photos"),
    "onnx": (b"\x08\x07\x12\x07pytorch\x1a\x032.1" + bytes(range(99)), "an ONNX model", ".onnx"),
}


@pytest.mark.parametrize("name", ["w.pth", "w.safetensors", "w.ckpt"])
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_checkpoint_is_named_for_what_it_is_with_what_to_do(tmp_path, kind, name):
    content, what, remedy = KINDS[kind]
    (tmp_path / name).write_bytes(content)
    said = []
    for reader in (load_backbone, load_checkpoint, load_pickled):
        with pytest.raises(WeightsError) as caught:
            reader(tmp_path / name)
        said.append(str(caught.value))
    for text in said if not content.startswith(b"PK") else said[::2]:
        assert text.startswith(f"{name} is not a checkpoint but ")
        assert what in text
        assert remedy in text
        assert "\n" not in text
    assert "not a checkpoint" in flaw(tmp_path / name)


@pytest.mark.parametrize("write", [torch.save, save_file, lambda w, p: torch.save(w, p, _use_new_zipfile_serialization=False)])
def test_a_checkpoint_is_not_mistaken(tmp_path, write):
    write({"conv.weight": torch.rand(8, 3, 3, 3)}, tmp_path / "w.pth")
    assert mistaken_for_checkpoint(tmp_path / "w.pth") is None
