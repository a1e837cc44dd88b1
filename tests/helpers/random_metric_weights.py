"""Weight files for pyiqa's metrics, well-formed and small, made from each architecture's own random initialisation."""

import importlib
from functools import partial
from pathlib import Path

import numpy as np
import scipy.io
import timm
import torch
import torchvision
from pyiqa.default_model_configs import DEFAULT_CONFIGS

from ttpo_cli.metrics import networks, pyiqa_metrics
from ttpo_cli.metrics.weight_files import entry_name, files_of

LARGE = 200_000  # numbers in a tensor, above which a file holds a few of them over and over
BACKBONES = {"alexnet-owt-7be5be79.pth": "alexnet", "vgg16-397923af.pth": "vgg16", "vgg19-dcbb9e9d.pth": "vgg19"}
# Networks whose own file leaves out the backbone, which is published apart.
PUBLISHED_APART = {"LPIPS": "net.", "DISTS": "stage"}


class RandomWeights:
    """A store of such files: give `find` to `load_metric`. states: what each file holds, by its name."""

    def __init__(self, folder: Path, monkeypatch):
        self.folder, self.states, self.asked = folder, {}, []
        self.monkeypatch = monkeypatch

    def find(self, entry):
        """The entry's file; those that `load_pretrained_network` reads are written when the network that reads them is there."""
        with torch.random.fork_rng(devices=[]):
            return self._find(entry)

    def _find(self, entry):
        self.asked.append(entry)
        file = next(file for name in pyiqa_metrics.pyiqa_names() for file in files_of(name) if entry_name(file) == entry)
        path = self.folder / file
        if file in BACKBONES and not path.exists():
            self.states[file] = randomised(getattr(torchvision.models, BACKBONES[file])().state_dict())
            torch.save(self.states[file], path)
        elif file in MAKERS and not path.exists():
            MAKERS[file](path)
        return path

    def load(self, name):
        """The metric, its own networks' files written in the moment they are read."""
        kind = pyiqa_metrics.network_of(name)
        if kind == "MANIQA":
            self.monkeypatch.setattr(timm, "create_model", partial(timm.create_model, depth=10, mlp_ratio=0.1))
            for option, value in {"num_tab": 1, "test_sample": 1, "depths": [1, 1]}.items():
                self.monkeypatch.setitem(DEFAULT_CONFIGS[name]["metric_opts"], option, value)
        files = {file: self.folder / file for file in files_of(name)}
        pyiqa_metrics._import_network(name, files)
        arch = importlib.import_module(f"pyiqa.archs.{networks.MODULES.get(kind, kind.lower())}_arch")
        if "load_pretrained_network" in vars(arch):
            read = arch.load_pretrained_network

            def write_and_read(network, url, strict=True, weight_keys=None):
                file = url.rsplit("/", 1)[-1]
                own = {key: value for key, value in network.state_dict().items() if not key.startswith(PUBLISHED_APART.get(kind, "-"))}
                self.states[file] = randomised(own)
                torch.save(self.states[file] if weight_keys is None else {weight_keys: self.states[file]}, self.folder / file)
                read(network, url, strict, weight_keys)

            self.monkeypatch.setattr(arch, "load_pretrained_network", write_and_read)
        return pyiqa_metrics.load_pyiqa(name, torch.device("cpu"), find=self.find)


def randomised(state):
    """Other numbers than those of a fresh network, of the same size and spread."""
    generator = torch.Generator().manual_seed(7)
    return {key: repeated(value, generator) if value.numel() > LARGE else moved(value) for key, value in state.items()}


def moved(value):
    return value * 1.01 + 0.003 if value.is_floating_point() else value.clone()


def repeated(value, generator):
    """A matrix whose rows are one row of random numbers, each shifted by one more: of full rank, and a few kB in a file."""
    rows, columns = value.shape[0], value[0].numel()
    row = torch.randn(rows + columns - 1, generator=generator) * value.float().std().clamp(min=1e-3)
    return row.as_strided(value.shape, (1, *value.stride()[1:]) if value.is_contiguous() else (1, *torch.empty(value.shape).stride()[1:]))


def niqe_model(path):
    covariance = np.eye(36) + 0.1
    scipy.io.savemat(path, {"mu_prisparam": np.linspace(0, 1, 36)[None], "cov_prisparam": covariance})


def ilniqe_model(path):
    random = np.random.default_rng(0)
    model = {"mu_prisparam": random.random((1, 430)), "cov_prisparam": np.eye(430), "meanOfSampleData": random.random((468, 1))}
    scipy.io.savemat(
        path, {"templateModel": [[model["mu_prisparam"], model["cov_prisparam"], model["meanOfSampleData"], np.eye(468, 430)]]}
    )


def brisque_model(path):
    generator = torch.Generator().manual_seed(0)
    torch.save([torch.rand(12, 1, generator=generator), torch.rand(12, 36, generator=generator)], path)


def clip_resnet(path):
    """A CLIP of pyiqa's own code with one block a stage and narrow layers, as a TorchScript archive as published."""
    from pyiqa.archs.clip_model import CLIP

    torch.manual_seed(3)
    model = CLIP(
        embed_dim=1024, image_resolution=64, vision_layers=(1, 1, 1, 1), vision_width=8, vision_patch_size=None,
        context_length=77, vocab_size=49408, transformer_width=64, transformer_heads=1, transformer_layers=1,
    )  # fmt: skip
    archive = torch.nn.Module()
    for name, value in randomised(model.state_dict()).items():
        *places, last = name.split(".")
        owner = archive
        for place in places:
            if place not in owner._modules:
                owner.add_module(place, torch.nn.Module())
            owner = owner._modules[place]
        owner.register_buffer(last, value)
    torch.jit.script(archive).save(str(path))


MAKERS = {
    "niqe_modelparameters.mat": niqe_model,
    "ILNIQE_templateModel.mat": ilniqe_model,
    "brisque_svm_weights.pth": brisque_model,
    "RN50.pt": clip_resnet,
}
