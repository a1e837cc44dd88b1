"""Every knob of the three stages, declared once: `--<stage>-<field>` sets the field of that stage's options dataclass.

The defaults stand here too, so that `--help` needs no torch; tests/cli/test_knobs.py holds them equal to the dataclasses' own.
"""

import functools
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from ttpo_cli.errors import UsageError

if TYPE_CHECKING:
    from ttpo_cli.settings.settings import Settings

Values = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Knob:
    """A field of one stage's options: `default` as in the dataclass, a tuple of numbers given as "a,b,c" on the command line."""

    stage: str
    field: str
    default: Any
    help: str
    alias: str | None = None

    @property
    def name(self) -> str:
        return f"{self.stage}_{self.field}"

    @property
    def flag(self) -> str:
        return "--" + self.name.replace("_", "-")


KNOBS = (
    Knob("prior", "scale", 1.0, "Classifier-free guidance of the prior; 1: none, at half the cost.", "--prior-cfg"),
    Knob("prior", "prompt", "", "Latent priors: what the photo shows."),
    Knob("prior", "negative", "", "Latent priors: what it shall not look like; acts where --prior-scale is not 1."),
    Knob("prior", "told", 3.5, "The guidance that a distilled network (FLUX dev) is told."),
    Knob("prior", "vae", "", "Another autoencoder: a folder, or tiny:FOLDER for an AutoencoderTiny."),
    Knob("prior", "vae_tiles", False, "Encode and decode in tiles: less memory."),
    Knob("prior", "controlnet", "", "A folder with a tile ControlNet, which sees the restored image (SD 1.5, 2.1, XL)."),
    Knob("prior", "control", 1.0, "Strength of the ControlNet."),
    Knob("prior", "lora", "", "A LoRA file of `ttpo train lrpo` for this prior."),
    Knob("prior", "tile", 0, "Side of latent tiles, cells; 0: the native size, for latents above twice that."),
    Knob("prior", "overlap", 16, "Cells that neighbouring latent tiles share."),
    Knob("prior", "attention", "sdpa", "sdpa, or xformers where a build that fits PyTorch is installed."),
    Knob("prior", "offload", "none", "What waits in the computer's memory: none, model (parts take turns) or sequential (layers)."),
    Knob("prior", "compile", False, "torch.compile the network: minutes at first, then faster calls."),
    Knob("prior", "channels_last", True, "The memory format of a UNet."),
    Knob("prior", "colour_fix", "wavelet", "wavelet: tones and colours of the restored image; or none."),
    Knob("candidates", "mode", "noising", "noising of the restored image (SDEdit), or inversion of it (the paper)."),
    Knob("candidates", "strengths", (0.10, 0.15, 0.20, 0.25, 0.30), "Flow times to start from, 0 to 1."),
    Knob("candidates", "seeds", 1, "Candidates of each strength (the paper: 15 candidates in all)."),
    Knob("candidates", "eta", 0.7, "Fresh noise that joins an inversion, 0 to 1; 0 returns the restored image."),
    Knob("candidates", "steps", 5, "Denoising steps of each candidate."),
    Knob("candidates", "solver", "euler", "euler, or heun at two network calls a step."),
    Knob("candidates", "sigma_min", 0.01, "Noise level of the last step but one."),
    Knob("candidates", "halving", False, "Stop the worse half midway and give their network calls to the others."),
    Knob("candidates", "batch", 0, "Images a network call; 0: as many as the size allows."),
    Knob("selection", "fusion", "mean", "How metrics become one score: mean of z-scores (the paper), entropy, rank, weights, learned."),
    Knob("selection", "ceiling", True, "A score better than pristine photos' own earns nothing more."),
    Knob("selection", "dispreferred", "candidate", "candidate, or any: the restored image may be it (the paper)."),
    Knob("selection", "weights", {}, "A=1,B=2 for the fusion of that name; or a file of `ttpo picks fit`; or learned.", "--weights"),
    Knob("guidance", "start", "noising", "inversion or noising start at --guidance-strength; noise starts from nothing (the paper)."),
    Knob("guidance", "origin", "restored", "What is noised at the start: restored or preferred."),
    Knob("guidance", "strength", 0.15, "Flow time of the start, 0 to 1."),
    Knob("guidance", "steps", 8, "Denoising steps (the paper: 50)."),
    Knob("guidance", "solver", "euler", "euler, or heun at two network calls a step."),
    Knob("guidance", "scale", 80000.0, "The paper's g (there 1000), scaled to the number of elements."),
    Knob("guidance", "alpha", 0.5, "Weight of the preference term."),
    Knob("guidance", "t1", 0.7, "Above this flow time: only the anchor to the restored image."),
    Knob("guidance", "t2", 0.1, "Below this flow time: only the preference."),
    Knob("guidance", "split", "haar", "Frequency split: haar or gaussian (the paper)."),
    Knob("guidance", "cutoff", 1.0, "D0 of the gaussian split (the paper: 0.9)."),
    Knob("guidance", "distance", "l2", "Distance to preferred and dispreferred (the paper: l1)."),
    Knob("guidance", "beta", 1.0, "Sharpness of the preference."),
    Knob("guidance", "repulsion", 0.2, "How much of the push away from the dispreferred acts (the paper: 1)."),
    Knob("guidance", "step", "paper", "paper: g times the gradient; normalised: --guidance-rate times sigma along it."),
    Knob("guidance", "rate", 0.2, "Length of a normalised step, in units of sigma."),
    Knob("guidance", "regional", True, "Choose preferred and dispreferred region by region."),
    Knob("guidance", "window", 32, "Side of a region, pixels."),
    Knob("guidance", "sharpness", 4.0, "How hard a region's choice is."),
    Knob("guidance", "ranker_weight", 0.0, "Weight of the ranker's own gradient."),
    Knob("guard", "enabled", True, "Mend the low band of results, and refuse what strays."),
    Knob("guard", "low_band", 1.0, "How much of the low band is put back to the restored image's, 0 to 1."),
    Knob("guard", "band", 0.0, "Size of the low band, a fraction of the resolution; 0: 1 / scale, or 1/4 without a scale."),
    Knob("guard", "rounds", 3, "How often the low band is put back."),
    Knob("guard", "consistency_margin", 1.0, "dB that agreement with the input may fall below the restored image's."),
    Knob("guard", "fidelity", 24.0, "Least PSNR to the restored image, dB."),
    Knob("guard", "grain", 2.4, "Largest growth of high-band energy in smooth regions, a factor."),
)


def with_prior_knobs(command: Callable[..., None]) -> Callable[..., None]:
    """Give a Typer command the knobs of the prior as options; it receives them together as its argument `knobs`."""
    given = [knob_parameter(knob) for knob in KNOBS if knob.stage == "prior"]
    return add_parameters(command, "knobs", given, parse_knobs)


def add_parameters(
    command: Callable[..., None], name: str, parameters: Sequence[inspect.Parameter], gather: Callable[[dict[str, Any]], Any]
) -> Callable[..., None]:
    """The command with more options, which it receives together, as its argument `name`: gather(option -> value)."""

    @functools.wraps(command)
    def wrapped(**arguments: Any) -> None:
        given = {parameter.name: arguments.pop(parameter.name) for parameter in parameters}
        command(**arguments, **{name: gather(given)})

    own = [parameter for parameter in inspect.signature(command, eval_str=True).parameters.values() if parameter.name != name]
    together = [*own, *parameters]
    wrapped.__signature__ = inspect.Signature(together)  # type: ignore[attr-defined]
    wrapped.__annotations__ = {parameter.name: parameter.annotation for parameter in together}
    return wrapped


def parse_knobs(given: dict[str, Any]) -> Values:
    """Stage -> field -> value, of the knobs among the options given. Raises UsageError for text that is no value of its knob."""
    knobs: Values = {}
    for knob in KNOBS:
        if knob.name in given:
            knobs.setdefault(knob.stage, {})[knob.field] = _parse(knob, given[knob.name])
    return knobs


def build_settings(knobs: Values, **others: Any) -> "Settings":
    """The pipeline's Settings from parsed knobs and from what is no knob: seed, device, precision, tile, overlap."""
    from ttpo_cli.settings.candidates import CandidateOptions
    from ttpo_cli.settings.guard import GuardOptions
    from ttpo_cli.settings.guidance import GuidanceOptions
    from ttpo_cli.settings.prior import PriorOptions
    from ttpo_cli.settings.selection import SelectionOptions
    from ttpo_cli.settings.settings import Settings

    stages = {
        "prior": PriorOptions,
        "candidates": CandidateOptions,
        "selection": SelectionOptions,
        "guidance": GuidanceOptions,
        "guard": GuardOptions,
    }
    return Settings(**{stage: options(**knobs[stage]) for stage, options in stages.items()}, **others)


def as_text(value: Any) -> Any:
    """A value as one writes it on the command line; numbers and names stay what they are."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, tuple):
        return ",".join(str(entry) for entry in value)
    return ",".join(f"{name}={number}" for name, number in value.items()) if isinstance(value, dict) else value


def knob_parameter(knob: Knob) -> inspect.Parameter:
    """The option of a knob; what Typer has no type for goes through text."""
    metavar = {tuple: "A,B,..", dict: "A=1,B=2,.."}.get(type(knob.default))
    kind = Literal["on", "off"] if isinstance(knob.default, bool) else type(as_text(knob.default))
    flags = (knob.flag,) if knob.alias is None else (knob.flag, knob.alias)
    option = typer.Option(*flags, help=knob.help, rich_help_panel=f"Stage: {knob.stage}", metavar=metavar)
    annotation = Annotated[kind, option]
    return inspect.Parameter(knob.name, inspect.Parameter.KEYWORD_ONLY, default=as_text(knob.default), annotation=annotation)


def _parse(knob: Knob, given: Any) -> Any:
    """The opposite of `as_text`, for a value of the default's type."""
    if isinstance(knob.default, bool):
        return given == "on"
    if not isinstance(knob.default, (tuple, dict)):
        return given
    entries = [entry.strip() for entry in given.split(",") if entry.strip()]
    try:
        if isinstance(knob.default, tuple):
            return tuple(float(entry) for entry in entries)
        return {name.strip(): float(value) for name, value in (entry.split("=") for entry in entries)}
    except ValueError as error:
        shape = "numbers such as 0.1,0.2" if isinstance(knob.default, tuple) else "names with numbers such as niqe=1,ranker=2"
        raise UsageError(f"{knob.flag} '{given}': give {shape}") from error
