"""A prior by name, folder or file: embedded in ttpo, in the store, or the user's own."""

from dataclasses import dataclass, replace
from pathlib import Path

import torch

from ttpo_cli.diffusion.denoiser import Prior
from ttpo_cli.diffusion.priors.diffusers_models import read_layout
from ttpo_cli.diffusion.priors.embedded import load_haar_prior
from ttpo_cli.diffusion.priors.latent import check_options, load_latent_prior
from ttpo_cli.diffusion.priors.single_file import is_single_file
from ttpo_cli.errors import UsageError, WeightsError, unknown_name
from ttpo_cli.settings.prior import EMBEDDED, PriorOptions
from ttpo_cli.weights.entry import ManifestEntry
from ttpo_cli.weights.family import choose
from ttpo_cli.weights.store import Store, open_store

# Tasks of the manifest's priors, and the option that each is for.
PRIOR, AUTOENCODER, CONTROL = "image prior", "tiny autoencoder", "control of an image prior"

OPTIONS = {PRIOR: "--prior", AUTOENCODER: "--prior-vae tiny:NAME", CONTROL: "--prior-controlnet"}


@dataclass(frozen=True)
class Located:
    """Where a prior's weights are: a folder in diffusers layout or a file, None for the embedded one; entry: what the manifest says."""

    path: Path | None
    entry: ManifestEntry | None = None


def locate(name: str, store: Store | None = None) -> Located:
    """What `--prior NAME|FOLDER|FILE` means, fetched where it is a name of the manifest and not here yet.

    A path that exists comes before a name. Raises UsageError for an unknown name or one of another task, WeightsError for weights that are
    not there.
    """
    if name == EMBEDDED:
        return Located(None)
    if Path(name).exists():
        return Located(Path(name))
    store = store or open_store()
    entry = named(name, store)
    _refuse_other(entry, PRIOR, "--prior")
    return Located(store.find(entry.name), entry)


def named(name: str, store: Store) -> ManifestEntry:
    """The manifest's entry of a prior's name. Raises UsageError for an unknown one."""
    entry = choose(store.entries, name, "prior")
    if entry is None:
        raise unknown_name("prior", name, [known.name for known in store.entries.values() if known.role == "prior"])
    return entry


def load_prior(located: Located, device: torch.device, precision: str, options: PriorOptions, store: Store | None = None) -> Prior:
    """The prior of what `locate` says; autoencoder and ControlNet of the options by name too.

    Raises WeightsError for a broken one, UsageError for options that this prior cannot follow.
    """
    path = located.path
    if path is not None and path.is_file() and is_single_file(path):
        raise WeightsError(f"{path.name} is a whole model in one file: `ttpo models convert {path} -o FOLDER`, then --prior FOLDER")
    if path is None or path.is_file():
        _refuse_latent_options(options)
        always = precision == "auto" and options.autocast == "bf16"
        return load_haar_prior(path, device, "bf16" if always else precision, options.cfg)
    check_options(options, read_layout(path))  # before an autoencoder or a ControlNet is fetched for nothing
    prior = load_latent_prior(path, device, precision, with_folders(options, store), None if store is None else store.home / "prompts")
    if located.entry is None:
        return prior
    return replace(prior, name=located.entry.name, licence=located.entry.licence, commercial_use=located.entry.commercial_use)


def _refuse_latent_options(options: PriorOptions) -> None:
    """The embedded prior reads no text and has no autoencoder: options that ask for them would have no effect."""
    asked = [f"--prior-{name}" for name in ("prompt", "negative", "vae", "controlnet", "lora") if getattr(options, name)]
    if asked:
        raise UsageError(f"{' and '.join(asked)}: the embedded prior has no use for that; name a latent one too, for example --prior sd21")


def with_folders(options: PriorOptions, store: Store | None) -> PriorOptions:
    """The options with the folders of the autoencoder and the ControlNet in place of their names in the manifest, fetched where they are
    not here yet. Raises UsageError for an unknown name or one of another task, WeightsError."""
    tiny, mark, vae = options.vae.rpartition("tiny:")
    found = {
        "vae": f"{tiny}{mark}{_folder(vae, AUTOENCODER, '--prior-vae', store)}",
        "controlnet": _folder(options.controlnet, CONTROL, "--prior-controlnet", store),
    }
    return replace(options, **found)


def _folder(name: str, task: str, option: str, store: Store | None) -> str:
    if not name or Path(name).exists():
        return name
    store = store or open_store()
    entry = named(name, store)
    _refuse_other(entry, task, option)
    return str(store.find(entry.name))


def _refuse_other(entry: ManifestEntry, task: str, option: str) -> None:
    """Before gigabytes are fetched that cannot be used there; tasks of a user's own manifest may have other names."""
    if entry.task in OPTIONS and entry.task != task:
        raise UsageError(f"{option} {entry.name}: that is a model for {entry.task}, for {OPTIONS[entry.task]}")
