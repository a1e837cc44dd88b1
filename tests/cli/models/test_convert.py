"""`ttpo models convert`: a model in one file becomes a folder with the same weights, and that folder a prior."""

import inspect
import json
import shutil

import pytest
import torch
from diffusers.loaders import single_file_model, single_file_utils
from fakes import tiny_photo
from mirror import running_mirror
from safetensors.torch import load_file, save_file
from single_file_models import write_bare_flux, write_single_file
from tiny_models import XL_UNET, clip, flux, quiet, save_family, stable_diffusion, stable_diffusion_v, unet, xl

from ttpo_cli.cli.app import program
from ttpo_cli.imaging.writing import write_photo

WEIGHTS = ("unet/diffusion_pytorch_model", "vae/diffusion_pytorch_model", "text_encoder/model")
FACTS = {"aliases": [], "role": "prior", "task": "image prior", "architecture": "Stable Diffusion 1", "scale": 1, "paper": None}
UNKNOWN = {"bytes": None, "sha256": None, "licence": "MIT", "commercial_use": True}


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """`m.safetensors`: a model in one file, in half precision; `made/`: the same as a folder; `like/`: another with its shapes."""
    quiet()
    place = tmp_path_factory.mktemp("models")
    pipeline = stable_diffusion(place / "tokenizers").to(torch.float16)
    pipeline.save_pretrained(place / "made")
    write_single_file(pipeline, place / "m.safetensors")
    save_family("sd15", place / "other")
    like = place / "other" / "sd15"
    for name in WEIGHTS:
        save_file(
            {key: torch.randn(value.shape) for key, value in load_file(like / f"{name}.safetensors").items()}, like / f"{name}.safetensors"
        )
    return place


def convert(models, *flags, file="m.safetensors"):
    return program(["models", "convert", str(models / file), *map(str, flags), "--offline"])


def like(models):
    return models / "other" / "sd15"


def test_every_number_arrives_and_the_photo_is_restored_as_by_the_makers_folder(models, tmp_path, capsys):
    assert convert(models, "--like", like(models), "-o", tmp_path / "mine") == 0
    assert capsys.readouterr().out == f"{tmp_path / 'mine'}\n"
    for name in WEIGHTS:
        before, after = load_file(models / "made" / f"{name}.safetensors"), load_file(tmp_path / "mine" / f"{name}.safetensors")
        assert before.keys() == after.keys() and {value.dtype for value in after.values()} == {torch.float16}
        assert all(torch.equal(before[key], after[key]) for key in before)
    write_photo(tmp_path / "photo.png", tiny_photo())
    few = ["--candidates-strengths", "0.3,0.5", "--candidates-steps", "2", "--guidance-steps", "2"]
    for name, folder in (("a", models / "made"), ("b", tmp_path / "mine")):
        places = ["-o", str(tmp_path / f"{name}.png"), "--keep-candidates", str(tmp_path / name), "--prior", str(folder)]
        assert program(["restore", str(tmp_path / "photo.png"), *places, *few, "--backbone", "none", "--metrics", "piqe", "-q"]) == 0
    made, mine = ([path.read_bytes() for path in sorted((tmp_path / name).iterdir())] for name in "ab")
    assert made == mine and len(set(made)) == len(made) >= 3, "the restored image and two candidates, each another"


def two_kinds_of_clip(folder):
    """SDXL's text encoders are told apart by their widths."""
    pipeline = xl(folder)
    pipeline.text_encoder_2 = clip(width=24, projection=16)
    pipeline.unet = unet(context=40, **XL_UNET)
    return pipeline


def linear_v(folder):
    """SD 2: v-prediction, matrices in place of 1 x 1 convolutions about the attention, OpenCLIP."""
    pipeline = stable_diffusion_v(folder)
    pipeline.unet = unet(use_linear_projection=True)
    return pipeline


@pytest.mark.parametrize("make", [linear_v, two_kinds_of_clip])
def test_every_number_of_sd_2_and_sdxl_arrives(make, tmp_path, capsys):
    quiet()
    pipeline = make(tmp_path / "tokenizers").to(torch.float16)
    pipeline.save_pretrained(tmp_path / "made")
    write_single_file(pipeline, tmp_path / "m.safetensors", open_clip=True)
    like = shutil.copytree(tmp_path / "made", tmp_path / "like")
    weights = [path.relative_to(like) for path in sorted(like.rglob("*.safetensors"))]
    for name in weights:
        save_file({key: torch.randn(value.shape) for key, value in load_file(like / name).items()}, like / name)
    assert (
        program(["models", "convert", str(tmp_path / "m.safetensors"), "--like", str(like), "-o", str(tmp_path / "mine"), "--offline"]) == 0
    )
    assert len(weights) == len([name for name in ("vae", "unet", "text_encoder", "text_encoder_2") if (like / name).exists()]) >= 3
    for name in weights:
        before, after = load_file(tmp_path / "made" / name), load_file(tmp_path / "mine" / name)
        assert before.keys() == after.keys()
        assert [key for key in before if not torch.equal(before[key], after[key])] == [], name
    assert json.loads((tmp_path / "mine" / "scheduler" / "scheduler_config.json").read_text()) == json.loads(
        (like / "scheduler" / "scheduler_config.json").read_text()
    )


def same(folder, other, name):
    """Whether two folders' files of weights hold the same numbers in the same format."""
    first, second = load_file(folder / f"{name}.safetensors"), load_file(other / f"{name}.safetensors")
    return first.keys() == second.keys() and all(
        first[key].dtype == second[key].dtype and torch.equal(first[key], second[key]) for key in first
    )


@pytest.mark.parametrize("lacking", ["cond_stage_model.", "first_stage_model."])
def test_a_part_that_the_file_lacks_comes_from_the_folder_with_its_precision(models, tmp_path, lacking):
    tensors = load_file(models / "m.safetensors")
    save_file({name: value for name, value in tensors.items() if not name.startswith(lacking)}, tmp_path / "bare.safetensors")
    assert convert(models, "--like", like(models), "-o", tmp_path / "mine", file=tmp_path / "bare.safetensors") == 0
    origin = dict.fromkeys(WEIGHTS, models / "made")
    origin[WEIGHTS[2] if lacking.startswith("cond") else WEIGHTS[1]] = like(models)
    assert [name for name, folder in origin.items() if not same(folder, tmp_path / "mine", name)] == []


def test_a_flux_network_alone_takes_the_rest_from_the_folder(tmp_path, monkeypatch):
    quiet()
    published = inspect.getsource(single_file_utils.convert_flux_transformer_checkpoint_to_diffusers)
    place = {"torch": torch}
    exec(published.replace("inner_dim = 3072", "inner_dim = 32"), place)  # diffusers translates FLUX at its published width alone
    known = single_file_model.SINGLE_FILE_LOADABLE_CLASSES["FluxTransformer2DModel"]
    monkeypatch.setitem(known, "checkpoint_mapping_fn", place["convert_flux_transformer_checkpoint_to_diffusers"])
    folder = save_family("flux-dev", tmp_path)
    torch.manual_seed(7)
    network = flux(tmp_path / "other").transformer.apply(
        lambda module: [torch.nn.init.normal_(value) for value in module.parameters(recurse=False)]
    )
    network.save_pretrained(tmp_path / "other" / "transformer")
    write_bare_flux(network, tmp_path / "bare.safetensors")
    assert convert(tmp_path, "--like", folder, "-o", tmp_path / "mine", file="bare.safetensors") == 0
    assert same(tmp_path / "other", tmp_path / "mine", "transformer/diffusion_pytorch_model")
    for name in ("text_encoder/model", "text_encoder_2/model", "vae/diffusion_pytorch_model"):
        assert same(folder, tmp_path / "mine", name), name


def test_a_part_that_neither_has_is_named(models, tmp_path, capsys):
    tensors, folder = load_file(models / "m.safetensors"), shutil.copytree(like(models), tmp_path / "settings")
    for file in folder.rglob("*.safetensors"):
        file.unlink()
    save_file({name: value for name, value in tensors.items() if not name.startswith("cond")}, tmp_path / "bare.safetensors")
    assert convert(models, "--like", folder, "-o", tmp_path / "mine", file=tmp_path / "bare.safetensors") == 3
    assert "has no text_encoder, and" in capsys.readouterr().err and not (tmp_path / "mine").exists()


def test_a_file_given_as_a_prior_says_how_it_becomes_one(models, tmp_path, capsys):
    write_photo(tmp_path / "photo.png", tiny_photo())
    assert program(["restore", str(tmp_path / "photo.png"), "--backbone", "none", "--prior", str(models / "m.safetensors")]) == 3
    assert "ttpo models convert" in capsys.readouterr().err


def test_of_a_model_by_name_only_the_configurations_are_fetched(models, tmp_path, monkeypatch, capsys):
    for name, value in {"TTPO_HOME": "home", "HF_HOME": "hub", "TTPO_MANIFEST": "manifest.yaml"}.items():
        monkeypatch.setenv(name, str(tmp_path / value))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    files = {path.relative_to(like(models)).as_posix(): path.read_bytes() for path in like(models).rglob("*") if path.is_file()}
    (tmp_path / "manifest.yaml").write_text(json.dumps({"sd15": FACTS | UNKNOWN | {"hub": [{"repo": "some/model", "revision": "main"}]}}))
    with running_mirror() as mirror:
        mirror.publish("some/model", files)
        monkeypatch.setenv("HF_ENDPOINT", mirror.address)
        assert program(["models", "convert", str(models / "m.safetensors"), "-o", str(tmp_path / "mine")]) == 0
        assert "taken for a sd15" in capsys.readouterr().err
        fetched = [path for method, path, _ in mirror.asked if method == "GET" and "/resolve/" in path]
    assert any(path.endswith("unet/config.json") for path in fetched) and not any("safetensors" in path for path in fetched)
    assert (
        load_file(tmp_path / "mine" / f"{WEIGHTS[0]}.safetensors").keys() == load_file(models / "made" / f"{WEIGHTS[0]}.safetensors").keys()
    )
    assert convert(models, "-o", tmp_path / "again") == 3, "they are not a model that could be verified: offline, only a whole one counts"


@pytest.mark.parametrize("kind", ["lacking", "another shape", "no model", "cut", "pickle", "missing"])
def test_what_is_no_such_model_is_one_line_and_leaves_nothing(models, tmp_path, capsys, kind):
    tensors, path = load_file(models / "m.safetensors"), tmp_path / "bad.safetensors"
    name = "model.diffusion_model.input_blocks.1.0.in_layers.2.weight"
    if kind == "lacking":
        del tensors[name]
    elif kind == "another shape":
        tensors[name] = torch.zeros(3, 3)
    elif kind == "no model":
        tensors = {"weight": torch.zeros(3)}
    if kind in ("lacking", "another shape", "no model"):
        save_file(tensors, path)
    elif kind == "cut":
        path.write_bytes((models / "m.safetensors").read_bytes()[:-1000])
    elif kind == "pickle":
        torch.save(tensors, path)
    assert program(["models", "convert", str(path), "--like", str(like(models)), "-o", str(tmp_path / "mine"), "--offline"]) == 3
    said = capsys.readouterr()
    assert said.out == "" and "Traceback" not in said.err and said.err.count("error:") == 1
    assert not [entry for entry in tmp_path.iterdir() if entry != path]


def test_a_folder_that_is_there_stays_and_an_unknown_kind_asks_for_its_model(models, tmp_path, capsys):
    (tmp_path / "mine").mkdir()
    assert convert(models, "--like", like(models), "-o", tmp_path / "mine") == 1
    assert list((tmp_path / "mine").iterdir()) == []
    save_file({"weight": torch.zeros(3)}, tmp_path / "bad.safetensors")
    assert program(["models", "convert", str(tmp_path / "bad.safetensors"), "-o", str(tmp_path / "new")]) == 2
    assert "--like" in capsys.readouterr().err


CRAFTED = {
    "a shape without a second side": {"model.diffusion_model.input_blocks.0.0.weight": (4,)},
    "positions of no known size": {
        "model.diffusion_model.joint_blocks.0.context_block.adaLN_modulation.1.bias": (9216,),
        "model.diffusion_model.pos_embed": (1, 5, 1),
    },
    "positions that are not there": {"model.diffusion_model.joint_blocks.0.context_block.adaLN_modulation.1.bias": (9216,)},
    "FLUX without a single block": {"double_blocks.0.img_attn.norm.key_norm.scale": (4,)},
}


@pytest.mark.parametrize("case", CRAFTED)
def test_shapes_that_no_model_has_are_an_unknown_kind_and_fit_no_folder(models, tmp_path, capsys, case):
    path = tmp_path / "crafted.safetensors"
    save_file({name: torch.zeros(shape) for name, shape in CRAFTED[case].items()}, path)
    guessed = case.startswith("FLUX")  # whose kind its names tell
    assert program(["models", "convert", str(path), "-o", str(tmp_path / "mine"), "--offline"]) == (3 if guessed else 2)
    assert ("not on this machine" if guessed else "of a kind that cannot be guessed") in capsys.readouterr().err
    folder = save_family("flux-dev", tmp_path / "flux") if guessed else like(models)
    assert program(["models", "convert", str(path), "--like", str(folder), "-o", str(tmp_path / "mine"), "--offline"]) == 3
    said = capsys.readouterr().err
    assert "is not a model like" in said and said.count("\n") == 1


def test_a_folder_that_would_run_code_of_its_own_is_refused(models, tmp_path, capsys):
    folder = shutil.copytree(like(models), tmp_path / "evil")
    index = json.loads((folder / "model_index.json").read_text())
    index["tokenizer"] = ["os", "system"]
    (folder / "model_index.json").write_text(json.dumps(index))
    assert convert(models, "--like", folder, "-o", tmp_path / "mine") == 3
    assert "parts of its own kind (tokenizer)" in capsys.readouterr().err and not (tmp_path / "mine").exists()
