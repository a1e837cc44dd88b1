"""Stage III of TTPO: guided denoising of one restored image, towards the preferred and away from the dispreferred (arXiv 2511.19169)."""

import torch
from torch import Tensor
from torch.nn import functional

from ttpo_cli.diffusion.guidance import guide, make_split
from ttpo_cli.diffusion.sampler import integrate, invert, seeded_noise
from ttpo_cli.diffusion.schedule import flow_to_sigma, karras_sigmas
from ttpo_cli.errors import unknown_name
from ttpo_cli.imaging.tiles import pad_reflect
from ttpo_cli.metrics.ranker import Ranker, score_map
from ttpo_cli.preference.context import StageContext
from ttpo_cli.preference.preference_loss import pair_preference, with_reward
from ttpo_cli.progress import OnStep
from ttpo_cli.settings.guidance import GuidanceOptions

STARTS = ("inversion", "noising", "noise")

ORIGINS = ("restored", "preferred")


def references_for(images: Tensor, preferred: int, dispreferred: int, ranker: Ranker, options: GuidanceOptions) -> tuple[Tensor, Tensor]:
    """The images to go towards and away from: the chosen pair, or per region the candidates the ranker likes best and least.

    images: (N, 3, H, W), row 0 the restored image. Regionally, the restored image may be the best where nothing should change.
    """
    if not options.regional:
        return images[preferred : preferred + 1], images[dispreferred : dispreferred + 1]
    with torch.no_grad():
        maps = torch.cat([score_map(ranker, image[None]) for image in images])
    shape = (images.shape[-2], images.shape[-1])
    best = regional_weights(maps, shape, options.window, options.sharpness)
    worst = regional_weights(maps[1:], shape, options.window, -options.sharpness)
    return compose(images, best), compose(images[1:], worst)


def guided_denoise(context: StageContext, references: tuple[Tensor, Tensor], options: GuidanceOptions, on_step: OnStep) -> Tensor:
    """Stage III: down the ODE from the start that the options name, each x0_hat pulled towards the preferred reference. (1, C, h, w).

    references: (preferred, dispreferred), each (1, 3, H, W). Raises UsageError for an unknown start, origin, split or solver.
    """
    prior, canvas = context.tools.prior, context.canvas
    preferred, dispreferred = (prior.encode(pad_reflect(image, prior.multiple)[0]) for image in references)
    low = make_split(options)
    strengths = (options.distance, options.beta, options.repulsion)
    preference = pair_preference(preferred, dispreferred, lambda x: x - low(x), canvas.mask, *strengths)
    if options.ranker_weight:
        ranker = context.tools.ranker
        preference = with_reward(preference, lambda x0: score_map(ranker, prior.decode(x0)).mean(dim=(1, 2, 3)), options.ranker_weight)
    strength = 0.98 if options.start == "noise" else options.strength
    sigmas = karras_sigmas(min(flow_to_sigma(strength), prior.sigma_max), 0.01, options.steps)
    start = guided_start(context, preferred, sigmas, options)
    callback = guide(canvas.latent, preference, canvas.mask, options, lambda done: on_step("guidance", done, options.steps))
    return integrate(context.denoise("guidance"), start, sigmas, canvas.condition, solver=options.solver, callback=callback)


def guided_start(context: StageContext, preferred: Tensor, sigmas: Tensor, options: GuidanceOptions) -> Tensor:
    """x at the first noise level, (1, C, h, w). Raises UsageError for an unknown start or origin."""
    if options.start not in STARTS:
        raise unknown_name("start", options.start, STARTS)
    if options.origin not in ORIGINS:
        raise unknown_name("origin", options.origin, ORIGINS)
    canvas = context.canvas
    origin = preferred if options.origin == "preferred" else canvas.latent
    if options.start == "inversion":
        return invert(context.denoise("guidance"), origin, sigmas, canvas.condition, solver=options.solver)
    noise = seeded_noise(origin.shape, [context.seeds.derive("guidance")], origin.device)
    return (origin if options.start == "noising" else 0) + float(sigmas[0]) * noise


def smooth_maps(maps: Tensor, window: int) -> Tensor:
    """Mean of score maps (N, 1, h, w) over overlapping windows of `window` map cells, edges by what lies inside."""
    size = min(max(1, window) | 1, 2 * min(maps.shape[-2:]) - 1)
    ones = torch.ones_like(maps[:1])
    reach = size // 2
    summed = functional.avg_pool2d(maps, size, stride=1, padding=reach, count_include_pad=True)
    inside = functional.avg_pool2d(ones, size, stride=1, padding=reach, count_include_pad=True)
    return summed / inside


def regional_weights(maps: Tensor, shape: tuple[int, int], window: int, sharpness: float) -> Tensor:
    """Blend weights (N, 1, H, W) that sum to 1 at each pixel: a softmax over candidates of their windowed, standardised scores.

    maps: (N, 1, h, w), higher is better, h and w a fraction of H and W; window: pixels; sharpness: how near the softmax is to argmax.
    A negative sharpness prefers the worst: the dispreferred composite.
    """
    stride = max(1, shape[0] // maps.shape[-2])
    smoothed = smooth_maps(maps, round(window / stride))
    deviation = smoothed.std(dim=0, keepdim=True, correction=0).mean().clamp(min=1e-9)
    weights = torch.softmax(sharpness * (smoothed - smoothed.mean(dim=0, keepdim=True)) / deviation, dim=0)
    enlarged = functional.interpolate(weights, size=shape, mode="bilinear", align_corners=False)
    return enlarged / enlarged.sum(dim=0, keepdim=True)


def compose(images: Tensor, weights: Tensor) -> Tensor:
    """The blend of candidates (N, C, H, W) under weights (N, 1, H, W): (1, C, H, W)."""
    return (images * weights).sum(dim=0, keepdim=True)
