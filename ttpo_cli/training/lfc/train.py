"""Training LFC-SR: joint L1 pretraining of both stages, then PD-ADMM, in one run (Zhang et al., ECCV 2022, section 4.1)."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from math import isfinite
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import Adam, Optimizer

from ttpo_cli.backbones.lfc_sr import LFCSR, build_lfc_sr
from ttpo_cli.errors import UsageError
from ttpo_cli.progress import SILENT, TrainingObserver
from ttpo_cli.training.data import Crops, Pair, draw_crops, draw_from_bank, fingerprints, step_generator, to_float
from ttpo_cli.training.distributed import Processes, launched
from ttpo_cli.training.lfc.admm import AdmmOptions, Parts, admm_round, check, decayed, joint_round
from ttpo_cli.training.lfc.contextual import Features, VggFeatures, patch_features
from ttpo_cli.training.lfc.data import DataOptions, degraded, read_pairs, start_weights
from ttpo_cli.training.lfc.discriminator import Discriminator
from ttpo_cli.training.lfc.distillation import with_teacher
from ttpo_cli.training.lfc.dual import Dual
from ttpo_cli.training.lfc.low_pass import GAUSSIAN, LOW_PASSES
from ttpo_cli.training.lfc.validation import validate
from ttpo_cli.training.loop import Method, Pace, set_rate, train
from ttpo_cli.training.precision import autocast, check_precision
from ttpo_cli.training.run import Images, Record, RunFolder, channels_last, cosine, flat, stop_if_not_finite
from ttpo_cli.weights.checkpoint import save_checkpoint

# With the seed, the keys of a step's draws: the bank and its rounds must not repeat the pretraining's crops, nor the grid them.
_BANK = 0x5EED
_GRID = 0x6B1D


@dataclass(frozen=True)
class LfcOptions:
    """What a run depends on. The paper's values are in docs/guide/lfc-sr-paper.yaml; these are the small preset's.

    steps, learning_rate, final_learning_rate: of the pretraining, whose rate falls by a cosine; with decay_at, shares of its steps, it
    falls by the factor `decay` at each of them instead. start: a checkpoint of `ttpo train lfc` to begin with.
    """

    preset: str = "lfc-sr-small"
    scale: int = 4
    start: str = ""
    steps: int = 3500
    batch: int = 8
    crop: int = 24
    learning_rate: float = 3e-4
    final_learning_rate: float = 1e-5
    decay: float = 0.1
    decay_at: tuple[float, ...] = ()
    ema: float = 0.999
    seed: int = 0
    precision: str = "fp32"
    data: DataOptions = field(default_factory=DataOptions)
    admm: AdmmOptions = field(default_factory=AdmmOptions)


def train_lfc(
    photos: Sequence[Path],
    folder: Path,
    options: LfcOptions,
    device: torch.device,
    *,
    resume: bool = False,
    every: int = 250,
    observer: TrainingObserver = SILENT,
) -> Iterator[Record]:
    """`options.steps` of L1(Y', Y_hat) + L1(Y, Y_hat), then `options.admm.steps` of PD-ADMM; yields a record every `every` steps.

    Writes `lfc-sr.safetensors` (the moving average of the weights) into `folder`, with the metadata `load_backbone` reads, and the
    pretraining's end as `pretrained.safetensors`.
    Raises UsageError for invalid options and for a run that exists or differs, in options or photos; TtpoError for a loss
    that is not finite and a disk that cannot be written.
    """
    check_options(options)
    processes = launched(device)
    run = RunFolder(folder, options, processes.main)
    state = run.prepare(resume)
    processes.wait()
    torch.manual_seed(options.seed)
    training, validation, unused = read_pairs(photos, options.crop, options.scale, options.data)
    if processes.main:
        observer.left_out(unused)
    run.check_photos(state, fingerprints(training, validation))
    network = channels_last(build_lfc_sr(options.preset, options.scale).to(processes.device))
    if options.start and state is None:
        network.load_state_dict(start_weights(Path(options.start), options.preset, options.scale))
    phases = Phases(network, training, options, processes, run)
    pace = Pace(steps=options.steps + options.admm.steps, start=0, end=0, warm_up=0, ema=options.ema, every=every, border=options.steps)

    def write(average: nn.Module, record: Record) -> None:
        if processes.main:
            ended = [options.steps] if options.steps and record["step"] == options.steps else []
            for name in ["lfc-sr", *("pretrained" for _ in ended)]:
                save_checkpoint(folder / f"{name}.safetensors", average.state_dict(), checkpoint_metadata(options, int(record["step"])))

    def validated(average: nn.Module) -> tuple[Record, Images]:
        return validate(average, validation, options.scale, processes.device, order_at(options, phases.number + 1))

    yield from train(
        run,
        state,
        pace,
        Method[nn.Module](network=network, parts=phases.parts(), step=phases.step, validate=validated, write=write),
        observer.on_step,
    )


def check_options(options: LfcOptions) -> None:
    """Raise UsageError for invalid values, before anything is read or written."""
    check(options.admm)
    size = options.crop * options.scale
    check_precision(options.precision)
    if min(options.batch, options.crop) < 1 or min(options.steps, options.admm.steps, options.admm.crops) < 0:
        raise UsageError("batch and crop must be 1 or more, steps and admm.crops 0 or more")
    if size % 2:
        raise UsageError(f"crops of {options.crop} at x{options.scale} have an odd side, and the low band needs an even one")
    if options.admm.steps and 0 < options.admm.crops < options.batch:
        raise UsageError(f"a batch of {options.batch} cannot be drawn from {options.admm.crops} fixed crops: set admm.crops higher")
    if options.admm.low_pass == "gaussian" and size <= GAUSSIAN // 2:
        raise UsageError(f"crops of {options.crop} at x{options.scale} are smaller than the Gaussian low-pass: choose larger ones")
    for name, value in flat(asdict(options)).items():
        if isinstance(value, float) and not (isfinite(value) and value >= 0):
            raise UsageError(f"{name} must be a number of 0 or more, got {value}")


def order_at(options: LfcOptions, step: int) -> str:
    """Which stage makes which image after `step` steps: `op`, or `po` once the second phase has turned them about."""
    return options.admm.order if step > options.steps else "op"


def checkpoint_metadata(options: LfcOptions, step: int) -> dict[str, str]:
    """What `load_backbone` needs to rebuild the network, and where the weights come from."""
    admm = step - options.steps
    method = "joint L1 pretraining" if admm <= 0 else f"PD-ADMM ({options.admm.constraint}, dual {options.admm.dual})"
    order = order_at(options, step)
    return {"ttpo": "lfc-sr", "preset": options.preset, "scale": str(options.scale), "steps": str(step), "method": method, "order": order}


class Phases:
    """The two phases of a run over one network: what a step of each does, and all that a resumed run must find again."""

    def __init__(self, network: LFCSR, pairs: Sequence[Pair], options: LfcOptions, processes: Processes, run: RunFolder) -> None:
        self.network, self.pairs, self.options, self.processes, self.run = network, pairs, options, processes, run
        self.joint = Adam(network.parameters(), lr=options.learning_rate)
        self.stages = (Adam(network.objective_stage.parameters()), Adam(network.perceptual_stage.parameters()))
        admm, size = options.admm, options.crop * options.scale
        paper = admm.discriminator == "paper"
        self.discriminator = channels_last(Discriminator(64 if paper else 32, size if paper else None, processes).to(processes.device))
        self.discriminator_optimizer = Adam(self.discriminator.parameters())
        self.features = load_features(admm.features, options.seed, processes.device)
        low = LOW_PASSES[admm.low_pass](torch.zeros(1, 3, size, size)).shape[1:]
        mode = admm.dual if admm.constraint == "admm" else "none"
        count = admm.crops if mode == "crop" else options.batch
        self.dual = Dual(mode, count, tuple(low), admm.leak, admm.clamp, processes.device)
        self.bank = draw_bank(pairs, options) if admm.steps and admm.crops else None
        if self.bank is not None and admm.teacher:
            self.bank = with_teacher(self.bank, admm.teacher, options.scale, run.path / "teacher.safetensors", processes)
        self.number = 0

    def parts(self) -> Mapping[str, nn.Module | Optimizer | Dual]:
        """By name, everything with a state."""
        networks = {"network": self.network, "judge": self.discriminator, "dual": self.dual}
        first, second = self.stages
        return networks | {"optimizer": self.joint, "first": first, "second": second, "judge_optimizer": self.discriminator_optimizer}

    def step(self, number: int) -> dict[str, float]:
        """One update of the phase that step `number` belongs to."""
        self.number = number
        pretraining = number < self.options.steps
        return self.processes.average(self.pretrain(number) if pretraining else self.couple(number - self.options.steps))

    def pretrain(self, number: int) -> dict[str, float]:
        """L1 of both stages on the crops of one step."""
        options = self.options
        if options.decay_at:
            rate = decayed(options.learning_rate, number, options.steps, options.decay, options.decay_at)
        else:
            rate = cosine(number, options.steps, options.learning_rate, options.final_learning_rate, min(100, options.steps // 10))
        set_rate(self.joint, rate)
        lq, hq = self.on_device(self.draw(number))
        first = self.predict(self.network.objective_stage, lq)
        loss = functional.l1_loss(first, hq) + functional.l1_loss(self.predict(self.network.perceptual_stage, first), hq)
        self.update(loss, [self.joint], norm=1.0)
        return {"loss": float(loss.detach()), "learning_rate": rate}

    def couple(self, number: int) -> dict[str, float]:
        """One round of PD-ADMM, or of a baseline, and its dual step."""
        options = self.options.admm
        rates = (options.objective_rate, options.perceptual_rate)
        for optimizer, rate in zip(self.stages, rates if options.order == "op" else rates[::-1], strict=True):
            set_rate(optimizer, decayed(rate, number, options.steps, options.decay, options.decay_at))
        set_rate(self.discriminator_optimizer, decayed(options.discriminator_rate, number, options.steps, options.decay, options.decay_at))
        if self.bank is None:
            crops = self.draw(self.options.steps + number)
        else:
            crops = draw_from_bank(self.bank, self.options.batch, self.options.seed ^ _BANK, number)
        lq, hq, *others = self.on_device(crops)
        teacher = others[0] if others else None
        parts = Parts(
            network=self.network,
            discriminator=self.discriminator,
            features=self.features(number),
            stage_optimizers=self.stages,
            discriminator_optimizer=self.discriminator_optimizer,
            predict=self.predict,
            update=self.update,
            mean=self.processes.mean,
        )
        if options.constraint == "regulariser":
            values, difference = joint_round(lq, hq, parts, options, teacher)
        else:
            s = self.dual.read(crops)
            values, difference = admm_round(lq, hq, self.processes.part(s) if s.dim() else s, parts, options, teacher)
            self.dual.update(self.processes.join(difference), crops)
        # LL has a gain of 2, the Gaussian one of 1: the difference is given in grey levels.
        level = float(difference.abs().mean()) / (2 if options.low_pass == "haar" else 1)
        held = self.dual.read(crops)
        return values | {"low_mae": level, "dual_abs": float(held.abs().mean()), "dual_signed": float(held.mean())}

    def draw(self, number: int) -> Crops:
        options, generator = self.options, step_generator(self.options.seed, number)
        lq, hq = draw_crops(self.pairs, options.batch, options.crop, options.scale, generator)
        lq = degraded(hq, lq, options.scale, options.data, generator)
        return Crops(lq=lq, hq=hq, places=torch.arange(options.batch), symmetries=torch.zeros(options.batch, dtype=torch.long))

    def on_device(self, crops: Crops) -> list[Tensor]:
        """This process's part of a batch as float in [0, 1]: lq, hq, and the teacher's image where there is one."""
        device = self.processes.device
        parts = [crops.lq, crops.hq] + ([] if crops.teacher is None else [crops.teacher])
        return [to_float(self.processes.part(part)).to(device, memory_format=torch.channels_last) for part in parts]

    def predict(self, network: nn.Module, image: Tensor) -> Tensor:
        with autocast(self.processes.device, self.options.precision):
            return network(image).float()

    def update(self, loss: Tensor, optimizers: Iterable[Optimizer], norm: float = 0.0) -> None:
        """Descend along a loss that is finite, with the gradients averaged over all processes and clipped."""
        stop_if_not_finite(loss, self.number, self.run.path)
        for optimizer in optimizers:
            optimizer.zero_grad(set_to_none=True)
        loss.backward()
        for optimizer in optimizers:
            parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
            self.processes.average_gradients(parameters)
            if norm:
                nn.utils.clip_grad_norm_(parameters, norm)
            elif self.options.admm.clip:
                nn.utils.clip_grad_value_(parameters, self.options.admm.clip)
            optimizer.step()


def draw_bank(pairs: Sequence[Pair], options: LfcOptions) -> Crops:
    """The fixed crops of a run's second phase."""
    count, generator = options.admm.crops, step_generator(options.seed ^ _BANK, -1)
    lq, hq = draw_crops(pairs, count, options.crop, options.scale, generator)
    lq = degraded(hq, lq, options.scale, options.data, generator)
    return Crops(lq=lq, hq=hq, places=torch.arange(count), symmetries=torch.zeros(count, dtype=torch.long))


def load_features(name: str, seed: int, device: torch.device) -> Callable[[int], Features]:
    """Each step's features: `patches`, `moving-patches`, or the VGG19 weights in a file. Raises WeightsError for a file that is none."""
    if name == "moving-patches":
        return lambda number: partial(patch_features, start=_patch_start(seed, number))
    features = patch_features if name == "patches" else VggFeatures(Path(name)).to(device)
    return lambda number: features


def _patch_start(seed: int, number: int) -> tuple[int, int]:
    """Where the grid of patches, 3 pixels wide, begins in one step."""
    row, column = torch.randint(3, (2,), generator=step_generator(seed ^ _GRID, number)).tolist()
    return row, column
