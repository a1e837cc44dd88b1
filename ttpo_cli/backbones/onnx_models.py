"""ONNX checkpoints as a Backbone, computed by onnxruntime (microsoft/onnxruntime): scale and size rules are found by trying them."""

import importlib.util
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ttpo_cli.backbones.backbone import Backbone
from ttpo_cli.errors import WeightsError
from ttpo_cli.weights.onnx_file import OnnxFile, read_onnx

SUFFIX = ".onnx"
DTYPES = {"tensor(float)": torch.float32, "tensor(float16)": torch.float16}
CUDA = "CUDAExecutionProvider"

# Sides must be multiples of one of these, as networks with down-sampling or attention windows want it; the first that works is taken.
MULTIPLES = (1, 2, 4, 8, 12, 16, 24, 32, 48, 64)

# Sides of the squares that networks are exported for.
SIDES = (16, 24, 32, 48, 64, 96, 128, 192, 224, 256, 320, 384, 512)

# Deviation of the noise, in [0, 1] units, for a denoiser that takes it as an input.
EXPECTED_NOISE = 15 / 255


class OnnxNetwork(nn.Module):
    """A model as an nn.Module without parameters of torch: a session of onnxruntime on the device that the first image comes from."""

    def __init__(self, file: OnnxFile, layout: "Layout | None" = None) -> None:
        super().__init__()
        self.file, self.layout = file, layout
        self._sessions: dict[torch.device, Any] = {}

    def session(self, device: torch.device) -> Any:
        """The session for images on a device. Raises WeightsError for a model that onnxruntime cannot load."""
        if device not in self._sessions:
            self._sessions[device] = _session(self.file, device)
        return self._sessions[device]

    def runs_on(self, device: torch.device) -> bool:
        """Whether it is computed where the image is, and not on the CPU in its place."""
        return device.type == "cpu" or (device.type == "cuda" and CUDA in self.session(device).get_providers())

    def forward(self, image: Tensor) -> Tensor:
        assert self.layout is not None
        return _run(self.file.path.name, self.session(image.device), self.layout, image).clamp(0, 1)


@dataclass(frozen=True)
class Layout:
    """What a model takes: its image input by name, type and channels (None: not said), the one size it takes (None: any, for each side),
    and the name and shape of its noise level, if it takes one."""

    image: str
    dtype: torch.dtype
    channels: int | None
    size: tuple[int | None, int | None]
    noise: str | None = None
    noise_shape: tuple[int, ...] = ()
    noise_dtype: torch.dtype = torch.float32


def onnx_backbone(path: Path) -> Backbone:
    """The network of an .onnx file, whose shape rules are those its input states, or those with which it runs.

    Raises WeightsError where onnxruntime is not installed, for what `read_onnx` refuses, and for a network that does not turn one image
    (1, C, H, W) of grey or colour into one (1, C, H * scale, W * scale).
    """
    missing = [name for name in ("onnxruntime", "onnx") if importlib.util.find_spec(name) is None]
    if missing:
        raise WeightsError(f"{path.name} needs the package {' and '.join(missing)}: pip install 'ttpo[onnx]'")
    file = read_onnx(path)
    network = OnnxNetwork(file)
    session = network.session(torch.device("cpu"))
    layout = _layout(path.name, session)
    rules = _rules(path.name, session, layout)
    network.layout = layout
    return Backbone(
        name=path.stem,
        task="denoise" if layout.noise else "super-resolution" if rules.scale > 1 else "restoration",
        architecture="ONNX",
        scale=rules.scale,
        channels=rules.channels,
        network=network.eval(),
        multiple=rules.multiple,
        minimum=rules.minimum,
        fixed_size=rules.fixed_size,
        sha256=file.sha256,
        noise_sigma=EXPECTED_NOISE if layout.noise else None,
    )


def _session(file: OnnxFile, device: torch.device) -> Any:
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # read on import: else it reports sessions, and models by name, to its maker
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = torch.get_num_threads(), 1
    options.log_severity_level = 4  # what goes wrong is raised
    options.enable_cpu_mem_arena = False  # photos differ in size, and an arena keeps the largest
    options.use_deterministic_compute = True
    providers: list[Any] = ["CPUExecutionProvider"]
    if device.type == "cuda" and CUDA in onnxruntime.get_available_providers():
        providers.insert(0, (CUDA, {"device_id": device.index or 0, "use_tf32": 0}))
    try:
        return onnxruntime.InferenceSession(file.source, options, providers=providers, enable_fallback=0)  # which prints
    except Exception as error:
        if not _is_runtimes(error):
            raise
        raise WeightsError(
            f"{file.path.name} cannot be loaded by onnxruntime ({_words(error)}): damaged, or made for another version of it"
        ) from error


def _layout(name: str, session: Any) -> Layout:
    """Which of the inputs is the image, and what it must be. Raises WeightsError for inputs and outputs of other kinds."""
    inputs, outputs = session.get_inputs(), session.get_outputs()
    images = [each for each in inputs if len(each.shape) == 4 and not _is_noise(each)]
    levels = [each for each in inputs if _is_noise(each)]
    if len(images) != 1 or len(inputs) - len(images) != len(levels) or len(levels) > 1:
        listed = ", ".join(f"{each.name} {each.shape}" for each in inputs)
        raise WeightsError(f"{name} takes {listed or 'no input'}: ttpo needs a network of one image, and at most its noise level")
    if len(outputs) != 1:
        raise WeightsError(f"{name} gives {len(outputs)} outputs ({', '.join(each.name for each in outputs)}): ttpo needs one image")
    image, level = images[0], levels[0] if levels else None
    if image.type not in DTYPES:
        raise WeightsError(
            f"{name} takes {image.type}: ttpo gives images as float or float16, in [0, 1]; export it without its own conversion"
        )
    if outputs[0].type not in DTYPES:
        raise WeightsError(f"{name} gives {outputs[0].type}: ttpo needs an image of float or float16, in [0, 1]; export it for those")
    batch, channels, height, width = (side if isinstance(side, int) and side > 0 else None for side in image.shape)
    if batch not in (None, 1):
        raise WeightsError(f"{name} takes {batch} images at once: export it for one image, or for any number")
    if channels not in (1, 3) and width in (1, 3):
        raise WeightsError(f"{name} takes images as NHWC {image.shape}, channels last: export it as NCHW, channels before height and width")
    if channels not in (None, 1, 3):
        raise WeightsError(f"{name} takes images of {channels} channels: ttpo needs one of colour (3) or grey (1) images")
    noise = {} if level is None else {"noise": level.name, "noise_shape": (1,) * len(level.shape), "noise_dtype": DTYPES[level.type]}
    return Layout(image=image.name, dtype=DTYPES[image.type], channels=channels, size=(height, width), **noise)


def _is_noise(each: Any) -> bool:
    """Whether an input is one number that is called a noise level."""
    named = any(word in each.name.lower() for word in ("noise", "sigma"))
    return named and each.type in DTYPES and all(side == 1 or isinstance(side, str) for side in each.shape) and len(each.shape) != 4


@dataclass(frozen=True)
class _Rules:
    """What was found by trying: channels, scale, and which sizes work."""

    channels: int
    scale: int
    multiple: int = 1
    minimum: int = 1
    fixed_size: tuple[int, int] | None = None


def _rules(name: str, session: Any, layout: Layout) -> _Rules:
    """The rules of a network by runs on small images. Raises WeightsError where none of them works."""
    reasons: list[WeightsError] = []

    def scale_of(*shape: int) -> int:
        try:
            return _scale(name, session, layout, shape)
        except WeightsError as error:
            reasons.append(error)
        except MemoryError as error:
            reasons.append(WeightsError(f"{name} wants more memory than there is for an image of {shape} ({error})"))
        return 0

    height, width = layout.size
    for channels in (3, 1) if layout.channels is None else (layout.channels,):
        for multiple in MULTIPLES if height is None and width is None else ():
            first = multiple * max(33 // multiple | 1, 1)
            if scale := scale_of(channels, first, first + 2 * multiple):
                minimum = multiple if scale_of(channels, multiple, multiple) == scale else first
                return _Rules(channels=channels, scale=scale, multiple=multiple, minimum=minimum)
        # One size alone: stated, or built in although the model states none.
        for side in SIDES if height is None or width is None else (height,):
            size = (height or side, width or side)
            if scale := scale_of(channels, *size):
                return _Rules(channels=channels, scale=scale, fixed_size=size)
    raise reasons[0]


def _scale(name: str, session: Any, layout: Layout, shape: tuple[int, ...]) -> int:
    """What an image of a shape (C, H, W) is enlarged by. Raises WeightsError where the output is no image of it."""
    channels, height, width = shape
    output = _run(name, session, layout, torch.full((1, channels, height, width), 0.5))
    answer = tuple(output.shape)
    scale = answer[-2] // height if len(answer) == 4 else 0
    if scale < 1 or answer != (1, channels, height * scale, width * scale):
        raise WeightsError(
            f"{name} turns {(1, channels, height, width)} into {answer}: ttpo needs an image (1, C, H, W) of as many channels, "
            "enlarged by a whole number"
        )
    return scale


def _run(name: str, session: Any, layout: Layout, image: Tensor) -> Tensor:
    """The model's output, float32, on the image's device. Raises MemoryError, or WeightsError for whatever else it fails with."""
    feed = {layout.image: image.detach().to("cpu", layout.dtype).contiguous().numpy()}
    if layout.noise is not None:
        feed[layout.noise] = torch.full(layout.noise_shape, EXPECTED_NOISE, dtype=layout.noise_dtype).numpy()
    try:
        output = session.run(None, feed)[0]
    except Exception as error:
        if not _is_runtimes(error):
            raise
        if "allocate memory" in str(error) or "bad_alloc" in str(error):
            raise MemoryError(_words(error)) from error
        raise WeightsError(f"{name} fails on an image of {tuple(image.shape)} in onnxruntime ({_words(error)})") from error
    return torch.from_numpy(output).float().to(image.device)


def _is_runtimes(error: Exception) -> bool:
    """Whether an error is onnxruntime's: its types share no class of their own."""
    return type(error).__module__.startswith("onnxruntime") or isinstance(error, (RuntimeError, ValueError))


def _words(error: Exception) -> str:
    return " ".join(str(error).split())[:160]
