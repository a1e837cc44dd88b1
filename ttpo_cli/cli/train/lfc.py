"""`ttpo train lfc`: the LFC-SR super-resolver, joint L1 pretraining and PD-ADMM."""

from pathlib import Path
from typing import Annotated

import typer

from ttpo_cli.cli.train.options import Config, Device, Every, Output, Photos, Precision, Resume, Seed, Show

CURVES = {
    "psnr_y": ("psnr_y_objective", "psnr_y_perceptual"),
    "niqe": ("niqe_objective", "niqe_perceptual"),
    "piqe": ("piqe_objective", "piqe_perceptual"),
    "low_mae": ("low_mae", "low_mae_held", "dual_abs"),
}


# Each output's way over the perception-distortion plane.
PLANE = {stage: (f"psnr_y_{stage}", f"niqe_{stage}") for stage in ("objective", "perceptual")}


def lfc(
    photos: Photos,
    output: Output,
    config: Config = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="Any option, for example --set admm.dual=shared; --show lists them."),
    ] = None,
    preset: Annotated[str | None, typer.Option(help="lfc-sr-small (0.7 M parameters) or lfc-sr (18.7 M, the paper's).")] = None,
    scale: Annotated[int | None, typer.Option(help="Super-resolution factor: 2, 3 or 4.")] = None,
    steps: Annotated[int | None, typer.Option(help="Steps of joint L1 pretraining.")] = None,
    admm_steps: Annotated[int | None, typer.Option(help="Steps of PD-ADMM after it; 0 for none.")] = None,
    start: Annotated[
        Path | None, typer.Option(help="Checkpoint of this command to begin with; --steps 0 then leaves pretraining out.")
    ] = None,
    seed: Seed = None,
    precision: Precision = None,
    device: Device = "auto",
    resume: Resume = False,
    every: Every = 250,
    show: Show = False,
    plot: Annotated[bool, typer.Option("--plot", help="Draw curves and the perception-distortion plane into the folder.")] = False,
) -> None:
    """Train LFC-SR on a folder of photos: both stages together under L1, then PD-ADMM; low-resolution crops are made on the fly.

    On several GPUs: accelerate launch $(command -v ttpo) train lfc ...
    """
    from ttpo_cli.cli.train.configured import Request, run_configured
    from ttpo_cli.cli.train.curves import draw_curves, draw_plane
    from ttpo_cli.training.lfc.train import LfcOptions, train_lfc

    flags = {"preset": preset, "scale": scale, "steps": steps, "seed": seed, "precision": precision}
    flags |= {"start": None if start is None else str(start), "admm": None if admm_steps is None else {"steps": admm_steps}}

    def draw(run: Path) -> None:
        draw_curves(run, CURVES)
        draw_plane(run, PLANE)

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
    run_configured(request, LfcOptions(), flags, train_lfc, lambda options: options.steps + options.admm.steps, draw)
