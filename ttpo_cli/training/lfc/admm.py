"""PD-ADMM for LFC-SR: two stages, two losses, one low band between them (Zhang et al., ECCV 2022, Eq. 5-13)."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import Optimizer

from ttpo_cli.backbones.lfc_sr import LFCSR
from ttpo_cli.errors import UsageError, unknown_name
from ttpo_cli.training.lfc.contextual import Features, contextual_loss
from ttpo_cli.training.lfc.discriminator import Discriminator, adversarial_loss, discriminator_loss
from ttpo_cli.training.lfc.dual import MODES
from ttpo_cli.training.lfc.low_pass import LOW_PASSES, LowPass, downscaled

CONSTRAINTS = ("admm", "regulariser", "none")
ORDERS = ("op", "po")
NORMS = ("mean", "sum")


@dataclass(frozen=True)
class AdmmOptions:
    """What PD-ADMM depends on. Losses, s and rho are in 0-255 units, as the paper's. Defaults are for the small preset.

    The paper: 200k steps, rho 1e-4, lambda_cx .1, lambda_gen .001, lambda_d 1, rates 5e-5, dual shared, clip 1e-4.

    Attributes:
        constraint: admm; regulariser (Eq. 7: lambda_r / 2 |LF_P - LF_O|^2 in one joint loss); none (each stage is trained alone).
        order: op, the paper's, makes the objective image first; po the perceptual image first.
        low_pass: haar or gaussian.
        norm: Of the penalty: mean or sum of squares over an image.
        dual: crop, shared or none, with `leak` and `clamp`.
        crops: Fixed training crops that all modes draw from; 0 draws new ones each step (not with dual crop).
        features: patches, on a fixed grid; moving-patches, on one that begins elsewhere each step; or the file of VGG19's weights.
        discriminator: small (any crop) or paper.
        teacher: A backbone, by name or file, whose images of the fixed crops the perceptual image is drawn to; none where empty.
        distillation: The teacher's share of the perceptual image's target, 0 to 1; the truth has the rest.
        decay: Factor on all three rates at each share of the steps in `decay_at`.
        clip: Gradients are clipped to this value; 0 = never.
    """

    steps: int = 2300
    constraint: str = "admm"
    order: str = "op"
    low_pass: str = "haar"
    rho: float = 0.1
    lambda_r: float = 0.1
    norm: str = "mean"
    dual: str = "crop"
    leak: float = 0.0
    clamp: float = 0.0
    crops: int = 2000
    lambda_cx: float = 20.0
    lambda_gen: float = 0.3
    lambda_d: float = 1.0
    features: str = "patches"
    discriminator: str = "small"
    teacher: str = ""
    distillation: float = 0.5
    objective_rate: float = 5e-5
    perceptual_rate: float = 1e-4
    discriminator_rate: float = 2e-4
    decay: float = 0.5
    decay_at: tuple[float, ...] = (0.4, 0.65, 0.85)
    clip: float = 0.0


@dataclass(frozen=True)
class Parts:
    """What one run works with.

    Attributes:
        network: Both stages.
        discriminator: Of the adversarial loss.
        features: Of the perceptual loss.
        stage_optimizers: Of the objective and the perceptual stage.
        discriminator_optimizer: Of the discriminator.
        predict: Runs a stage, in bf16 where asked.
        update: Applies optimisers to a finite loss's gradients.
        mean: The average over the processes that share a batch.
    """

    network: LFCSR
    discriminator: Discriminator
    features: Features
    stage_optimizers: tuple[Optimizer, Optimizer]
    discriminator_optimizer: Optimizer
    predict: Callable[[nn.Module, Tensor], Tensor]
    update: Callable[[Tensor, Iterable[Optimizer]], None]
    mean: Callable[[Tensor], Tensor]


def check(options: AdmmOptions) -> None:
    """Raise UsageError for a name that no choice bears, or choices that exclude each other."""
    for kind, chosen, known in (
        ("constraint", options.constraint, CONSTRAINTS),
        ("order", options.order, ORDERS),
        ("norm", options.norm, NORMS),
        ("low pass", options.low_pass, LOW_PASSES),
        ("discriminator", options.discriminator, ("small", "paper")),
        ("dual mode", options.dual, MODES),
    ):
        if chosen not in known:
            raise unknown_name(kind, chosen, known)
    if options.constraint == "admm" and options.dual == "crop" and options.crops == 0:
        raise UsageError("a dual variable for each crop needs fixed crops: set admm.crops above 0, or admm.dual to shared or none")
    if options.constraint == "regulariser" and options.order == "po":
        raise UsageError("the regulariser trains both stages together, objective image first: admm.order=po is for other constraints")
    if options.teacher and options.crops == 0:
        raise UsageError("a teacher restores fixed crops, once: set admm.crops above 0, or leave admm.teacher out")
    if not 0 <= options.distillation <= 1:
        raise UsageError(f"admm.distillation is a share, 0 to 1, got {options.distillation:g}")


def penalty(difference: Tensor, weight: float, norm: str) -> Tensor:
    """weight / 2 * |difference|^2 of (N, C, h, w), a mean over the batch; `mean` also over an image's samples, `sum` their sum (Eq. 11)."""
    squared = difference.square()
    return weight / 2 * (squared.mean() if norm == "mean" else squared.sum() / len(squared))


def objective_loss(image: Tensor, hq: Tensor) -> Tensor:
    """L_O: L1 in 0-255 units (Eq. 5)."""
    return 255 * functional.l1_loss(image, hq)


def perceptual_loss(
    image: Tensor, hq: Tensor, parts: Parts, options: AdmmOptions, teacher: Tensor | None = None
) -> tuple[Tensor, dict[str, Tensor]]:
    """L_P = lambda_cx L_CX + lambda_d L1 of what the input shows + lambda_gen L_Gen (Eq. 6), and its terms.

    teacher: another restorer's image of the same input. With a share w of distillation, L_P = (1 - w) (lambda_cx L_CX + lambda_d L1 of the
    low band) + w L1(image, teacher) + lambda_gen L_Gen. L1 is in 0-255 units.
    """
    scale = parts.network.scale
    share = 0.0 if teacher is None else options.distillation
    terms = {
        "loss_contextual": contextual_loss(parts.features(image), parts.features(hq), mean=parts.mean),
        "loss_low": 255 * functional.l1_loss(downscaled(image, scale), downscaled(hq, scale)),
        "loss_adversarial": adversarial_loss(parts.predict(parts.discriminator, image)),
    }
    weights = [(1 - share) * options.lambda_cx, (1 - share) * options.lambda_d, options.lambda_gen]
    if teacher is not None:
        terms["loss_distillation"] = 255 * functional.l1_loss(image, teacher)
        weights.append(share)
    total = torch.stack([weight * term for weight, term in zip(weights, terms.values(), strict=True)]).sum()
    return total, terms


def admm_round(
    lq: Tensor, hq: Tensor, s: Tensor, parts: Parts, options: AdmmOptions, teacher: Tensor | None = None
) -> tuple[dict[str, float], Tensor]:
    """One round of Eq. 13a, 13b on a batch in [0, 1]: (recorded values, LF_P - LF_O in 0-255 units, for the dual step 12c).

    In the order `op` that is two forwards of the first stage and three of the second.
    """
    low: LowPass = lambda image: 255 * LOW_PASSES[options.low_pass](image)  # noqa: E731
    rho = options.rho if options.constraint == "admm" else 0.0
    first, second = parts.network.objective_stage, parts.network.perceptual_stage
    in_order = options.order == "op"
    images: dict[str, Tensor] = {"first": parts.predict(first, lq)}
    with torch.set_grad_enabled(in_order):
        images["second"] = parts.predict(second, images["first"].detach())
    perceptual, objective = ("second", "first") if in_order else ("first", "second")
    losses = {"loss_discriminator": judge_step(images[perceptual], hq, parts)}

    total, terms = perceptual_loss(images[perceptual], hq, parts, options, teacher)
    coupling = penalty(low(images[perceptual]) - low(images[objective].detach()) + s, rho, options.norm)
    parts.update(total + coupling, [parts.stage_optimizers[in_order]])

    with torch.no_grad():
        images[perceptual] = parts.predict(second, images["first"]) if in_order else parts.predict(first, lq)
    if not in_order:
        images["second"] = parts.predict(second, images["first"])
    fidelity = objective_loss(images[objective], hq)
    coupling = penalty(low(images[perceptual]) - low(images[objective]) + s, rho, options.norm)
    parts.update(fidelity + coupling, [parts.stage_optimizers[not in_order]])

    with torch.no_grad():
        images["first"] = parts.predict(first, lq) if in_order else images["first"]
        images["second"] = parts.predict(second, images["first"])
        difference = low(images[perceptual]) - low(images[objective])
    return recorded({**losses, **terms, "loss_objective": fidelity, "penalty": coupling}), difference


def joint_round(
    lq: Tensor, hq: Tensor, parts: Parts, options: AdmmOptions, teacher: Tensor | None = None
) -> tuple[dict[str, float], Tensor]:
    """The regulariser's round: L_O + L_P + lambda_r / 2 |LF_P - LF_O|^2, minimised over both stages together (Eq. 7)."""
    low: LowPass = lambda image: 255 * LOW_PASSES[options.low_pass](image)  # noqa: E731
    first = parts.predict(parts.network.objective_stage, lq)
    second = parts.predict(parts.network.perceptual_stage, first)
    losses = {"loss_discriminator": judge_step(second, hq, parts)}
    total, terms = perceptual_loss(second, hq, parts, options, teacher)
    fidelity, difference = objective_loss(first, hq), low(second) - low(first)
    coupling = penalty(difference, options.lambda_r, options.norm)
    parts.update(total + fidelity + coupling, parts.stage_optimizers)
    return recorded({**losses, **terms, "loss_objective": fidelity, "penalty": coupling}), difference.detach()


def judge_step(fake: Tensor, hq: Tensor, parts: Parts) -> Tensor:
    """Update the discriminator on real photos and on restored ones, each a batch of its own; it is frozen otherwise."""
    parts.discriminator.requires_grad_(True)
    loss = discriminator_loss(parts.predict(parts.discriminator, hq), parts.predict(parts.discriminator, fake.detach()))
    parts.update(loss, [parts.discriminator_optimizer])
    parts.discriminator.requires_grad_(False)
    return loss


def recorded(values: dict[str, Tensor]) -> dict[str, float]:
    """Plain numbers, with the penalty's share of the objective loss: whether the constraint weighs anything."""
    numbers = {name: float(value.detach()) for name, value in values.items()}
    return numbers | {"penalty_share": numbers["penalty"] / max(numbers["loss_objective"], 1e-12)}


def decayed(rate: float, step: int, steps: int, factor: float, decay_at: Sequence[float]) -> float:
    """A learning rate times `factor` for each of `decay_at`, shares of a phase's `steps`, that lies behind `step`."""
    return rate * factor ** sum(step >= share * steps for share in decay_at)
