"""Downloads of pyiqa and of the libraries beneath it, answered from files that are there: inside, they find all they ask for, or fail.

pyiqa fetches by five ways: its own function, torch.hub (torchvision's backbones too), CLIP's, facexlib's and the Hugging Face hub's.
All of them are shown a folder of links, made for one metric and gone afterwards; nothing reads or fills their own caches.
"""

import contextlib
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch

from ttpo_cli.errors import WeightsError
from ttpo_cli.weights.hub import only_cache

# Where each library keeps the function that fetches (url, path), or (url, folder) -> path.
_FETCH_TO_PATH = ("torch.hub", "pyiqa.utils.download_util", "facexlib.utils.misc")
_FETCH_TO_FOLDER = ("pyiqa.archs.clip_model", "pyiqa.archs.afineclip_model", "clip.clip")
_CACHE_NAMED_IN = ("pyiqa.utils.download_util", "pyiqa.archs.topiq_arch", "pyiqa.archs.liqe_arch")
_COMMIT = "0" * 40


@contextlib.contextmanager
def provided_files(files: Mapping[str, Path]) -> Iterator[None]:
    """Inside, a download is the file of that name in `files`, and a repository of the hub the folder of that name.

    files: file names, and OWNER/NAME of repositories, to where they are. Modules not yet imported are not reached: import them before.
    Raises WeightsError, inside, for a file that is not among them.
    """
    with contextlib.ExitStack() as stack:
        view = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ttpo-metric-")))

        def to_path(url: str, destination: str, *_: Any, **__: Any) -> None:
            _link(_file_of(url, files), Path(destination))

        def to_folder(url: str, *_: Any, **__: Any) -> str:
            return str(_file_of(url, files))

        for function, name, modules in ((to_path, "download_url_to_file", _FETCH_TO_PATH), (to_folder, "_download", _FETCH_TO_FOLDER)):
            for module in modules:
                stack.enter_context(replaced(module, name, function))
        for module in _CACHE_NAMED_IN:
            stack.enter_context(replaced(module, "DEFAULT_CACHE_DIR", str(view / "pyiqa")))
        stack.enter_context(replaced("torch.hub", "_hub_dir", str(view / "torch")))
        _hub_cache(view / "hub", files)
        stack.enter_context(only_cache(view / "hub"))
        yield


@contextlib.contextmanager
def replaced(module: str, name: str, value: Any) -> Iterator[None]:
    """An attribute of a module, replaced inside; nothing where the module is not imported, or has no such attribute."""
    owner = sys.modules.get(module)
    if owner is None or name not in vars(owner):
        yield
        return
    before = vars(owner)[name]
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, before)


@contextlib.contextmanager
def untrained_backbones(keep: bool, trained: frozenset[str]) -> Iterator[dict[int, int]]:
    """Inside, backbones that the metric's own file fills are made without fetching ImageNet weights that would be overwritten.

    keep: leave timm's models alone. trained: torchvision's models to leave alone. Gives id -> version of each parameter made so:
    `left_untrained` says afterwards whether one was never filled.
    """
    made: dict[int, int] = {}

    def bare(build: Callable[..., torch.nn.Module]) -> Callable[..., torch.nn.Module]:
        def without_weights(*arguments: Any, weights: Any = None, pretrained: bool = False, **options: Any) -> torch.nn.Module:
            model = build(*arguments, **options)
            made.update((id(parameter), parameter._version) for parameter in model.parameters())
            return model

        return without_weights

    names = [("torchvision.models", name) for name in ("alexnet", "vgg16", "vgg19", "resnet18", "resnet34", "resnet50")]
    names = [place for place in names if place[1] not in trained]
    names += [] if keep else [("timm", "create_model"), ("pyiqa.archs.topiq_arch", "create_swin")]
    with contextlib.ExitStack() as stack:
        for module, name in names:
            if module in sys.modules and name in vars(sys.modules[module]):
                stack.enter_context(replaced(module, name, bare(vars(sys.modules[module])[name])))
        yield made


def left_untrained(network: torch.nn.Module, made: Mapping[int, int]) -> list[str]:
    """Names of the parameters of `untrained_backbones` that nothing was copied into."""
    return [name for name, parameter in network.named_parameters() if made.get(id(parameter)) == parameter._version]


def _file_of(url: str, files: Mapping[str, Path]) -> Path:
    name = url.rsplit("/", 1)[-1]
    if name not in files:
        raise WeightsError(f"pyiqa asks for a file that ttpo does not know ({name}): this release of pyiqa differs from the one ttpo knows")
    return files[name]


def _hub_cache(folder: Path, files: Mapping[str, Path]) -> None:
    """The repositories among `files` as huggingface_hub keeps them: the branch `main` at one commit, its folder linked."""
    for name, path in files.items():
        if "/" in name:
            repository = folder / f"models--{name.replace('/', '--')}"
            (repository / "refs").mkdir(parents=True)
            (repository / "refs" / "main").write_text(_COMMIT)
            _link(path, repository / "snapshots" / _COMMIT)


def _link(source: Path, destination: Path) -> None:
    """A link, or a copy where the system allows none."""
    destination.parent.mkdir(parents=True, exist_ok=True)
    try:
        destination.symlink_to(source.resolve(), target_is_directory=source.is_dir())
    except OSError:
        (shutil.copytree if source.is_dir() else shutil.copyfile)(source, destination)
