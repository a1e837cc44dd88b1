"""What ttpo takes from diffusers: model classes, the parts of a folder in diffusers layout, noise schedules. This file alone imports it."""

import json
import logging
import warnings
from collections.abc import Collection
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, get_args

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from ttpo_cli.errors import UsageError, WeightsError, unknown_name
from ttpo_cli.settings.prior import Attention

_LIBRARIES = ("diffusers", "transformers")
_UNUSED = {"safety_checker", "feature_extractor", "image_encoder"}
# What diffusers and transformers raise for files that are missing, cut short, of another shape or of another kind.
_UNREADABLE = (OSError, ValueError, LookupError, TypeError, RuntimeError, AttributeError, NameError, ImportError, SafetensorError)


def _diffusers() -> Any:
    """diffusers, and transformers through it, without their progress bars and advice, and without bitsandbytes, whose import takes
    a second and prints; nothing here is quantised."""
    import diffusers
    from diffusers.utils import import_utils

    import_utils._bitsandbytes_available = False
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)  # peft imports it all the same
    for library in (diffusers.utils.logging, import_module("transformers.utils.logging")):
        library.set_verbosity_error()
        library.disable_progress_bar()
    warnings.filterwarnings("ignore", category=FutureWarning, module=r"(diffusers|transformers)\b")
    return diffusers


def unet2d(**config: Any) -> nn.Module:
    """An untrained UNet2DModel: the network of the embedded prior, without the seconds that importing all of diffusers takes.

    Where peft is installed diffusers imports it, and bitsandbytes with it, for casting layer by layer, which nothing here does.
    """
    from diffusers.utils import import_utils

    import_utils._bitsandbytes_available = False
    there, import_utils._peft_available = import_utils._peft_available, False
    try:
        from diffusers.models.unets.unet_2d import UNet2DModel
    finally:
        import_utils._peft_available = there
    return UNet2DModel(**config)


@dataclass(frozen=True)
class Layout:
    """A folder in diffusers layout. pipeline: its class; network: the sub-folder of the denoising network, of class `network_class`;
    parts, libraries: the class of each part, and where that comes from."""

    folder: Path
    pipeline: str
    network: str
    network_class: str
    parts: dict[str, str]
    libraries: dict[str, str]

    @property
    def name(self) -> str:
        return self.folder.resolve().name


def read_layout(folder: Path) -> Layout:
    """What a folder in diffusers layout holds, by its model_index.json. Raises WeightsError where that is missing or another."""
    index = folder / "model_index.json"
    entries = _json(index, f"{folder} is not a model in diffusers layout")
    named = {name: entry for name, entry in entries.items() if isinstance(entry, list) and len(entry) == 2 and entry[1]}
    parts, libraries = ({name: str(entry[which]) for name, entry in named.items()} for which in (1, 0))
    network = next((name for name in ("unet", "transformer") if name in parts), None)
    if network is None or "vae" not in parts or "_class_name" not in entries:
        raise WeightsError(f"{index} names no denoising network with a VAE: give the folder of a text-to-image model")
    return Layout(
        folder=folder, pipeline=str(entries["_class_name"]), network=network, network_class=parts[network], parts=parts, libraries=libraries
    )


def part_config(layout: Layout, part: str) -> dict[str, Any]:
    """The configuration of one part of a folder. Raises WeightsError where it is missing."""
    return model_config(layout.folder / part)


def model_config(folder: Path) -> dict[str, Any]:
    """The configuration of a model's folder. Raises WeightsError where it is missing."""
    return _json(folder / "config.json", f"{folder} is not a part of a model")


def scheduler_config(layout: Layout) -> dict[str, Any]:
    """The configuration of a folder's noise schedule. Raises WeightsError where it is missing."""
    return _json(layout.folder / "scheduler" / "scheduler_config.json", f"{layout.folder} has no noise schedule")


def alphas_cumprod(config: dict[str, Any]) -> Tensor:
    """abar_t of a variance-preserving schedule by timestep, float32 (T,), as diffusers computes it from the configuration."""
    return _diffusers().DDPMScheduler.from_config(config).alphas_cumprod


def load_part(folder: Path, class_name: str, dtype: torch.dtype, library: str = "diffusers") -> Any:
    """A model of diffusers or transformers with its weights, in evaluation mode, on the CPU; safetensors only, nothing is downloaded.

    Raises WeightsError where the folder is not such a model, or is damaged.
    """
    model = getattr(_diffusers() if library == "diffusers" else import_module(library), class_name, None)
    if model is None:
        raise WeightsError(f"{folder} is a {class_name}, which this version of {library} does not know: update {library}")
    if not folder.is_dir():
        raise WeightsError(f"{folder} is missing: download the whole model, this folder included")
    try:
        loaded = model.from_pretrained(folder, torch_dtype=dtype, use_safetensors=True, local_files_only=True)
    except _UNREADABLE as error:
        raise WeightsError(f"{folder} cannot be read as {class_name} ({_first_line(error)}): download it again, as safetensors") from error
    return loaded.eval().requires_grad_(False)


def load_vae(folder: Path, dtype: torch.dtype, class_name: str | None = None) -> Any:
    """An autoencoder of diffusers (AutoencoderKL, AutoencoderTiny, ...), by default of the class that its config.json names."""
    config = _json(folder / "config.json", f"{folder} is not an autoencoder in diffusers layout")
    name = class_name or str(config.get("_class_name", ""))
    if not name.startswith("Autoencoder"):
        raise WeightsError(f"{folder} holds {name or 'something else'}, not an autoencoder: give the folder of a VAE")
    return load_part(folder, name, dtype)


def load_text_pipeline(layout: Layout, dtype: torch.dtype) -> Any:
    """The folder's own pipeline with its text encoders and tokenizers alone: what `encode_prompt` needs.

    Raises WeightsError where they are missing or damaged.
    """
    library = _diffusers()
    if getattr(library, layout.pipeline, None) is None:
        raise WeightsError(f"{layout.folder} is a {layout.pipeline}, which this version of diffusers does not know: update diffusers")
    absent = {name: None for name in layout.parts if not name.startswith(("text_encoder", "tokenizer", "scheduler"))}
    for name in layout.parts.keys() - absent.keys():  # transformers makes an empty tokenizer of a folder that is not there
        if not (layout.folder / name).is_dir():
            raise WeightsError(f"{layout.folder / name} is missing: download the whole model, this folder included")
    try:
        pipeline = library.DiffusionPipeline.from_pretrained(
            layout.folder, torch_dtype=dtype, use_safetensors=True, local_files_only=True, **absent
        )
    except _UNREADABLE as error:
        message = f"the text encoders of {layout.folder} cannot be read ({_first_line(error)}): download the whole model again"
        raise WeightsError(message) from error
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def kind_of_file(shapes: dict[str, Tensor]) -> str | None:
    """diffusers' word for a model in one file, by its tensors' names and shapes: "v1", "xl_base", ...; "v1" also where it knows none, and
    None where it fails on shapes that no such model has."""
    _diffusers()
    try:
        return import_module("diffusers.loaders.single_file_utils").infer_diffusers_model_type(shapes)
    except _UNREADABLE:  # it indexes shapes unseen, of a file that anybody may have made
        return None


def pipeline_of_file(path: Path, names: Collection[str], layout: Layout, dtype: torch.dtype) -> Any:
    """A whole pipeline with the weights of one safetensors file (`names`: of its tensors), configured as the folder of `layout`; parts that
    the file lacks come from there. Nothing is downloaded. Raises WeightsError where they do not fit each other, or neither has a part."""
    pipeline = getattr(_diffusers(), layout.pipeline, None)
    if pipeline is None or not layout.pipeline.endswith("Pipeline"):
        raise WeightsError(f"{layout.folder} is a {layout.pipeline}, which this version of diffusers does not know: update diffusers")
    other = {name for name, library in layout.libraries.items() if library not in _LIBRARIES and name not in _UNUSED}
    if other:
        raise WeightsError(f"{layout.folder} has parts of its own kind ({', '.join(sorted(other))}): nothing but diffusers' own is run")
    given = {**dict.fromkeys(_UNUSED & layout.libraries.keys()), **_parts_for(path, names, layout)}
    lacking = import_module("diffusers.loaders.single_file_utils").SingleFileComponentError
    try:
        made = pipeline.from_single_file(str(path), config=str(layout.folder), torch_dtype=dtype, local_files_only=True, **given)
        parts = [part for part in made.components.values() if isinstance(part, nn.Module)]
        absent = [name for part in parts for name, value in part.state_dict().items() if value.is_meta]
        if absent:
            raise ValueError(f"it lacks {absent[0]}")
    except (*_UNREADABLE, lacking) as error:
        message = f"{path.name} is not a model like {layout.folder} ({_first_line(error)}): name the model it was made from with --like"
        raise WeightsError(message) from error
    return made


def _parts_for(path: Path, names: Collection[str], layout: Layout) -> dict[str, Any]:
    """What the folder of `layout` has of the parts that a file lacks, in the precision they have there: diffusers finds only those of its
    own classes. Raises WeightsError where the folder lacks their weights too."""
    lacking = [part for part in layout.parts if part.startswith(("vae", "text_encoder")) and not _holds(names, layout, part)]
    files = {part: sorted((layout.folder / part).glob("*.safetensors")) for part in lacking}
    if absent := [part for part in lacking if not files[part]]:
        raise WeightsError(
            f"{path.name} has no {', '.join(absent)}, and {layout.folder} has no weights for them: fetch that model whole "
            "(`ttpo models fetch NAME`, if it has a name), or give --like a folder that has them"
        )
    return {part: load_part(layout.folder / part, layout.parts[part], _dtype(files[part][0]), layout.libraries[part]) for part in lacking}


def _holds(names: Collection[str], layout: Layout, part: str) -> bool:
    """Whether a file with tensors of these names holds an autoencoder, or a text encoder of the class that the part has."""
    single_file = import_module("diffusers.loaders.single_file_utils")
    if part == "vae":
        return any(name.startswith(tuple(single_file.LDM_VAE_KEYS)) for name in names)
    if layout.parts[part] == "T5EncoderModel":
        return single_file.is_t5_in_single_file(names)
    return single_file.is_clip_model_in_single_file(getattr(import_module(layout.libraries[part]), layout.parts[part], type), names)


def _dtype(file: Path) -> torch.dtype:
    """The number format of a safetensors file's first tensor. Raises WeightsError."""
    try:
        with safe_open(file, framework="pt") as opened:
            return opened.get_tensor(next(iter(opened.keys()))).dtype
    except (SafetensorError, OSError, StopIteration) as error:
        raise WeightsError(f"{file} is not a readable safetensors file ({_first_line(error)}): download it again") from error


def from_config(class_name: str, config: dict[str, Any], dtype: torch.dtype, device: torch.device) -> Any:
    """An untrained model of diffusers made on `device`, in evaluation mode: for timing, and for tests."""
    with torch.device(device):
        model = getattr(_diffusers(), class_name).from_config(config)
    return model.to(device, dtype).eval().requires_grad_(False)


def controlnet_of(unet: Any, widths: tuple[int, ...]) -> Any:
    """A ControlNet for a UNet: its encoder's weights, outputs of zero; widths: of the image's layers, each but the first halving it."""
    controlnet = _diffusers().ControlNetModel.from_unet(unet, conditioning_embedding_out_channels=widths)
    return controlnet.to(unet.device, unet.dtype).eval()


def ddim_scheduler(config: dict[str, Any]) -> Any:
    """diffusers' deterministic DDIM sampler of a schedule, without clipping: what a plain loop steps with."""
    return _diffusers().DDIMScheduler.from_config(config, clip_sample=False, set_alpha_to_one=False, timestep_spacing="leading")


def use_attention(network: Any, attention: Attention) -> None:
    """`sdpa` is what diffusers does by itself. Raises UsageError where xformers cannot be used: not there, or of another build."""
    if attention not in get_args(Attention):
        raise unknown_name("--prior-attention", attention, get_args(Attention))
    if attention == "sdpa":
        return
    try:
        import_module("xformers.ops")
    except (ImportError, OSError, RuntimeError) as error:
        built = f"PyTorch {torch.__version__}"
        raise UsageError(f"--prior-attention xformers: no xformers that fits {built} is installed; use sdpa, as fast today") from error
    if type(network).__name__ != "UNet2DConditionModel":
        raise UsageError(f"--prior-attention xformers: {type(network).__name__} does not take it; use sdpa")
    try:
        network.enable_xformers_memory_efficient_attention()
    except (ValueError, NotImplementedError, RuntimeError) as error:
        raise UsageError(f"--prior-attention xformers does not work here ({_first_line(error)}); use sdpa") from error


def offload_layers(module: Any, device: torch.device) -> None:
    """Keep a model's weights in the computer's memory and bring each layer to `device` only while it computes."""
    from diffusers.hooks.group_offloading import apply_group_offloading

    apply_group_offloading(module, onload_device=device, offload_device=torch.device("cpu"), offload_type="leaf_level")


def _json(path: Path, otherwise: str) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise WeightsError(f"{otherwise}: {path.name} is missing or damaged") from error


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]
