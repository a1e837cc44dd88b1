"""`ttpo train lrpo` and `ttpo train nft`: online reinforcement learning of a prior, with an alarm against reward hacking."""

import inspect
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from ttpo_cli.cli.options.shared import Offline
from ttpo_cli.cli.train.options import Config, Device, Every, Output, Photos, Precision, Resume, Seed, Show

CURVES = {
    "reward": ("held_reward", "reward"),
    "terms": ("held_ranker", "held_bands", "held_low_band"),
    "fidelity": ("held_psnr", "held_consistency"),
    "spread": ("spread", "spread_reward"),
}


def lrpo(
    photos: Photos,
    output: Output,
    config: Config = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="Any option, for example --set reward.only=ranker; --show lists them."),
    ] = None,
    prior: Annotated[str | None, typer.Option(help="haar-prior, a file of it, or the folder of a latent prior.")] = None,
    policy: Annotated[str | None, typer.Option(help="What is trained: all weights, lora or controlnet.")] = None,
    reward: Annotated[str | None, typer.Option(help="Preset of the reward: embedded, paper or none.")] = None,
    backbone: Annotated[str | None, typer.Option(help="What restores the degraded photos first, a name or a file; none.")] = None,
    lq: Annotated[Path | None, typer.Option(help="Folder of low-quality partners by name, instead of degrading on the fly.")] = None,
    objective: Annotated[str | None, typer.Option(help="lrpo, nft, or finetune: the denoising loss at the same budget.")] = None,
    steps: Annotated[int | None, typer.Option(help="Roll-outs, each followed by its updates.")] = None,
    seed: Seed = None,
    precision: Precision = None,
    device: Device = "auto",
    offline: Offline = False,
    resume: Resume = False,
    every: Every = 10,
    show: Show = False,
    plot: Annotated[bool, typer.Option("--plot", help="Draw the curves of the run's records into its folder afterwards.")] = False,
) -> None:
    """Improve a diffusion prior by LRPO: groups of samples, a reward made of metrics, a clipped policy update, the ground truth as a guide.

    On several GPUs: accelerate launch $(command -v ttpo) train lrpo ...
    """
    from ttpo_cli.cli.train.configured import Request, run_configured
    from ttpo_cli.cli.train.curves import draw_curves
    from ttpo_cli.training.rl.on_policy_options import OnPolicyOptions
    from ttpo_cli.training.rl.train import train_policy
    from ttpo_cli.weights.store import open_store

    chosen = {"prior": prior, "train": policy, "precision": precision}
    data = {"backbone": backbone, "lq": None if lq is None else str(lq)}
    groups = {"policy": chosen, "data": data, "reward": {"preset": reward}}
    flags: dict[str, Any] = {name: _given(values) or None for name, values in groups.items()}
    flags |= {"objective": objective, "steps": steps, "seed": seed}
    request = Request(
        photos=photos,
        output=output,
        config=config,
        settings=settings or [],
        device=device,
        resume=resume,
        every=every,
        show=show,
        plot=plot,
    )
    training = partial(train_policy, find=open_store().find)
    run_configured(request, OnPolicyOptions(), flags, training, lambda options: options.steps, lambda run: draw_curves(run, CURVES))


def with_objective(name: str, description: str) -> Callable[..., None]:
    """The command `lrpo` with another objective, which is its name, instead of the option."""
    signature = inspect.signature(lrpo)

    def command(**given: Any) -> None:
        lrpo(**given, objective=name)

    rest = [parameter for parameter in signature.parameters.values() if parameter.name != "objective"]
    command.__name__, command.__doc__ = name, description
    command.__signature__ = signature.replace(parameters=rest)  # pyright: ignore[reportFunctionMemberAccess]
    return command


nft = with_objective(
    "nft",
    """Improve a diffusion prior by DiffusionNFT: groups of samples, a reward made of metrics, and one update on the samples noised again.

    On several GPUs: accelerate launch $(command -v ttpo) train nft ...
    """,
)


def _given(values: dict[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in values.items() if value is not None}
