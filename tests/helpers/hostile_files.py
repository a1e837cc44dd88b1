"""Files that pretend to be checkpoints: programs in every pickle dialect, bombs, lies about lengths, and honest damage."""

import gzip
import io
import json
import os
import pickle
import struct
import tarfile
import zipfile

import torch
from safetensors.torch import save
from spandrel.architectures.Compact import Compact

WEIGHTS = {"conv.weight": torch.arange(12.0).view(1, 3, 2, 2), "conv.bias": torch.zeros(1)}
MAGIC = bytes.fromhex("6cfc9c46f9206aa85019")


class Call:
    """Calls `function` with `arguments` when it is unpickled without restriction."""

    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments

    def __reduce__(self):
        return self.function, self.arguments


def globals_that_run(canary):
    """Pickles by the global they call; each would make the file `canary`."""
    touch = f"open({str(canary)!r}, 'w').close()"
    names = {
        "os system": ("os", "system", (f"touch '{canary}'",)),
        "posix system": ("posix", "system", (f"touch '{canary}'",)),
        "subprocess": ("subprocess", "check_call", (["touch", str(canary)],)),
        "eval": ("builtins", "eval", (touch,)),
        "exec": ("builtins", "exec", (touch,)),
        "open": ("builtins", "open", (str(canary), "w")),
        "io open": ("io", "open", (str(canary), "w")),
        "os open": ("os", "open", (str(canary), os.O_CREAT)),
        "mkdir": ("os", "mkdir", (str(canary),)),
        "runpy": ("runpy", "run_path", (str(canary) + ".py",)),
        "import": ("importlib", "import_module", ("this",)),
        "timeit": ("timeit", "timeit", (touch, "pass")),
        "torch load": ("torch", "load", (str(canary), None, None)),
        "torch hub": ("torch.hub", "download_url_to_file", ("http://127.0.0.1:9/", str(canary))),
        "torch save": ("torch", "save", (1, str(canary))),
        "torch extension": ("torch.utils.cpp_extension", "load_inline", ("x", touch)),
        "numpy": ("numpy", "save", (str(canary), 1)),
        "getattr": ("builtins", "getattr", ("", "format")),
        "allow list": ("torch.serialization", "add_safe_globals", ([1],)),
        "partial": ("functools", "partial", (print, touch)),
    }
    return {f"global: {name}": zipped(reduce_of(*call)) for name, call in names.items()}


def reduce_of(module, name, arguments):
    """A pickle of protocol 2 that imports module.name and calls it."""
    return b"\x80\x02c" + f"{module}\n{name}\n".encode() + pickle.dumps(arguments, 2)[2:-1] + b"R."


def zipped(data_pickle, *, compression=zipfile.ZIP_STORED, extra=None, without=()):
    """A checkpoint as torch.save lays it out, with another pickle in it."""
    original = io.BytesIO()
    torch.save(WEIGHTS, original)
    changed = io.BytesIO()
    with zipfile.ZipFile(original) as archive, zipfile.ZipFile(changed, "w", compression) as target:
        for name in archive.namelist():
            if not name.endswith(tuple(without) or ("\0",)):
                target.writestr(name, data_pickle if name.endswith("data.pkl") else archive.read(name))
        for name, content in (extra or {}).items():
            target.writestr(name, content)
    return changed.getvalue()


def pickled(content, legacy=False):
    stream = io.BytesIO()
    torch.save(content, stream, _use_new_zipfile_serialization=not legacy)
    return stream.getvalue()


def opcodes(canary):
    """Dialects of pickle beyond GLOBAL and REDUCE."""
    command = f"touch '{canary}'"
    text = command.encode()
    body = {
        "INST": b"(S'" + text.replace(b"'", b'"') + b"'\nios\nsystem\n.",
        "OBJ": b"(cos\nsystem\nS'" + text.replace(b"'", b'"') + b"'\no.",
        "STACK_GLOBAL": b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c" + bytes([len(text)]) + text + b"\x85R.",
        "NEWOBJ": b"\x80\x02cos\nsystem\nU" + bytes([len(text)]) + text + b"\x85\x81.",
        "BUILD": b"\x80\x02ccollections\nOrderedDict\n)R}U\x0c__setstate__cos\nsystem\nsbU" + bytes([len(text)]) + text + b"b.",
        "EXT1": b"\x80\x02\x82\x01.",
        "PERSID": b"Pos.system\n.",
        "deep lists": b"\x80\x02" + b"]" * 200_000 + b"a" * 199_999 + b".",
        "a text of 2**62 letters": b"\x80\x04\x8d" + struct.pack("<Q", 2**62) + b"x.",
        "a number of 2**30 bytes": b"\x80\x02\x8b" + struct.pack("<i", 2**30) + b"\x01.",
        "an array of 2 GB": b"\x80\x02cbuiltins\nbytearray\n" + pickle.dumps((2**31,), 2)[2:-1] + b"R.",
        "a protocol to come": b"\x80\x63}.",
        "nothing": b"",
    }
    array = body["an array of 2 GB"]
    files = {f"opcodes: {name}": zipped(content) for name, content in body.items()}
    return files | {"an array of 2 GB, legacy": pickle.dumps(int.from_bytes(MAGIC, "little"), 2) + pickle.dumps(1001, 2) + array}


def containers(canary):
    """The same program in other wrappings, and archives that lie."""
    evil = Call(os.system, f"touch '{canary}'")
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        member = tarfile.TarInfo("pickle")
        member.size = len(pickle.dumps(evil))
        tar.addfile(member, io.BytesIO(pickle.dumps(evil)))
    bomb = zipped(b"\x80\x02" + b"N0" * 150_000_000 + b"}.", compression=zipfile.ZIP_DEFLATED)
    lying = bytearray(zipped(pickle.dumps({})))
    directory = lying.rindex(b"PK\x01\x02")
    lying[directory + 20 : directory + 28] = struct.pack("<II", 2**31, 2**31)
    script = {"archive/constants.pkl": pickle.dumps(()), "archive/code/__torch__.py": b"raise SystemExit"}
    return {
        "legacy pickle": pickled({"epoch": evil}, legacy=True),
        "bare pickle": pickle.dumps(evil),
        "pickle before a magic number": pickle.dumps(evil, 2) + MAGIC,
        "tar": archive.getvalue(),
        "gzip": gzip.compress(pickled(WEIGHTS)),
        "zip bomb": bomb,
        "zip that lies about lengths": bytes(lying),
        "zip without its weights": zipped(pickle.dumps({}), without=("data/0",)),
        "TorchScript": zipped(pickle.dumps({}), extra=script),
        "a web page": b"<!DOCTYPE html><html>Sign in</html>",
        "a pointer of Git LFS": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
        "nothing": b"",
        "half a checkpoint": pickled({"weight": torch.rand(64, 64)})[:9000],
    }


def states():
    """Honest containers with weights that nobody can have trained."""
    doubled = {"weight": torch.zeros(1)}
    for _ in range(60):
        doubled = {"a": doubled, "b": doubled}
    own = {"weight": torch.zeros(1)}
    own["self"] = own
    compact = honest()
    misshapen = compact | {"body.2.weight": torch.zeros(4, 5, 3, 3)}
    spoilt = {name: torch.full_like(tensor, float("nan")) for name, tensor in compact.items()}
    return {
        "doubled 60 times": pickled(doubled),
        "a dict that holds itself": pickled(own),
        "one number for 2**40": pickled({"weight": torch.zeros(1).expand(2**40)}),
        "no values in a huge shape": pickled(
            {"body.0.bias": torch.zeros(3 * 10**8, 0), **{k: v for k, v in compact.items() if k != "body.0.bias"}}
        ),
        "a hundred million layers": pickled({**compact, "body.100000000.weight": torch.zeros(3, 3, 3, 3)}),
        "a name of a million digits": pickled({**compact, f"body.{'9' * 10**6}.weight": torch.zeros(1)}),
        "sparse": pickled({"weight": torch.zeros(4, 4).to_sparse()}),
        "names of numbers": pickled({1: {2: torch.zeros(3)}}),
        "wrong shapes": pickled(misshapen),
        "texts for weights": pickled({"params": {"conv_first.weight": "no tensor"}, "epoch": torch.zeros(1)}),
        "a list": pickled([torch.zeros(3)]),
        "weights that are not numbers": save(spoilt),
        "an infinite weight": save(compact | {"body.0.bias": torch.full((4,), float("inf"))}),
    }


def headers():
    """safetensors whose headers lie."""
    one = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
    told = {
        "a header of 2**60 bytes": (b"{}", 2**60),
        "a header longer than the file": (b"{" + b" " * 50, 5000),
        "a header of nothing but brackets": (b'{"a":' + b"[" * 10**5 + b"]" * 10**5 + b"}", None),
        "overlapping weights": (json.dumps({"a": one, "b": one}).encode(), None),
        "weights beyond the end": (json.dumps({"a": one | {"data_offsets": [0, 2**40], "shape": [2**38]}}).encode(), None),
        "weights before the start": (json.dumps({"a": one | {"data_offsets": [-8, 0]}}).encode(), None),
        "a shape that overflows": (json.dumps({"a": one | {"shape": [2**63, 2**63]}}).encode(), None),
        "a kind of number nobody knows": (json.dumps({"a": one | {"dtype": "PICKLE"}}).encode(), None),
    }
    files = {}
    for name, (header, length) in told.items():
        files[f"safetensors: {name}"] = struct.pack("<Q", len(header) if length is None else length) + header + bytes(8)
    files["safetensors: cut"] = save(WEIGHTS)[:-5]
    return files


def honest():
    """A network small enough for tests, whole and finite."""
    torch.manual_seed(0)
    return Compact(num_in_ch=3, num_out_ch=3, num_feat=4, num_conv=2, upscale=2).state_dict()


def write_all(folder, canary):
    """Every file, in `folder`; returns their names."""
    files = {**globals_that_run(canary), **opcodes(canary), **containers(canary), **states(), **headers()}
    canary.with_name(f"{canary.name}.py").write_text(f"open({str(canary)!r}, 'w').close()")
    for index, (name, content) in enumerate(files.items()):
        suffix = ".safetensors" if name.startswith("safetensors") else (".pth", ".pt", ".ckpt")[index % 3]
        (folder / f"{index:03d}{suffix}").write_bytes(content)
    return list(files)
