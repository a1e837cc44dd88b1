"""On-policy training of a diffusion restorer by LRPO or DiffusionNFT, or by plain fine-tuning to compare with."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from torch import nn

from ttpo_cli.errors import UsageError
from ttpo_cli.metrics.weight_files import FindWeights, not_stored
from ttpo_cli.progress import SILENT, TrainingObserver
from ttpo_cli.training.data import fingerprints
from ttpo_cli.training.distributed import launched
from ttpo_cli.training.loop import Method, Pace, train
from ttpo_cli.training.rl import data as inputs
from ttpo_cli.training.rl import policy as policies
from ttpo_cli.training.rl.load_policy import load_policy
from ttpo_cli.training.rl.on_policy import OnPolicy
from ttpo_cli.training.rl.on_policy_options import OnPolicyOptions, check
from ttpo_cli.training.rl.reward_hacking import REWARD, Alarm
from ttpo_cli.training.rl.rewards import load_reward_metric, load_terms
from ttpo_cli.training.rl.validation import Measures, check_measures, held_inputs, watches
from ttpo_cli.training.run import Images, Record, RunFolder


def train_policy(
    photos: Sequence[Path],
    folder: Path,
    options: OnPolicyOptions,
    device: torch.device,
    *,
    resume: bool = False,
    every: int = 10,
    find: FindWeights = not_stored,
    observer: TrainingObserver = SILENT,
) -> Iterator[Record]:
    """`options.steps` roll-outs with their updates; yields a record before the first and then every `every` steps.

    Writes two priors into `folder`: `best` by the alarm's rule, and `last`, both of the moving average.
    `find` gives the weight files of metrics.
    Raises UsageError for a run that exists or differs and for invalid options, WeightsError for weights that are missing, TtpoError for a
    loss that is not finite.
    """
    check(options)
    processes = launched(device)
    run = RunFolder(folder, options, processes.main)
    terms = load_terms(options.reward, processes.device, not options.data.blind, find)
    metrics = tuple(load_reward_metric(name, processes.device, None, find) for name in options.alarm.metrics)
    measures = Measures(terms, metrics)
    check_measures(measures, not options.data.blind)
    torch.manual_seed(options.seed)
    trained = load_policy(options.policy, processes.device)
    check_crop(options, trained)
    scale, restore = inputs.load_restorer(options.data, processes.device)
    pairs, validation, unused = inputs.read_policy_pairs(photos, options.data, scale)
    if processes.main:
        observer.left_out(unused)
    state = run.prepare(resume)
    run.check_photos(state, fingerprints(pairs, validation))
    processes.wait()
    held = held_inputs(validation, options.data, scale, restore, options.alarm.photos, processes.device)
    on_policy = OnPolicy(trained, pairs, scale, restore, measures, options, processes, folder)
    guard = Alarm(watches(measures, options.alarm, held))
    best = False

    def validated(average: nn.Module) -> tuple[Record, Images]:
        nonlocal best
        with policies.with_weights(trained.network, average):
            record, images = on_policy.validate(held)
        best = guard.observe({name: float(value) for name, value in record.items()}, on_policy.done)
        return record | {"best_step": guard.best_step} | ({"alarm": guard.raised} if guard.raised else {}), images

    def write(average: nn.Module, record: Record) -> None:
        if not processes.main:
            return
        facts = {"method": options.objective, "steps": str(record["step"]), "reward": str(record[REWARD])}
        with policies.with_weights(trained.network, average):
            for stem in ["last", *(["best"] if best else [])]:
                trained.write(folder, stem, facts)

    pace = Pace(steps=options.steps, start=0, end=0, warm_up=0, ema=options.ema, every=every)
    parts = {"network": trained.network, "optimizer": on_policy.optimizer, "alarm": guard}
    if on_policy.networks is not None:
        parts["old"] = on_policy.networks
    method = Method[nn.Module](
        network=trained.network,
        parts=parts,
        step=on_policy.step,
        validate=validated,
        write=write,
        from_start=True,
        ended=lambda: options.alarm.stop and bool(guard.raised),
    )
    yield from train(run, state, pace, method, observer.on_step)


def check_crop(options: OnPolicyOptions, trained: policies.Policy) -> None:
    """Raises UsageError for crops that the prior cannot take."""
    if options.data.crop % trained.prior.multiple:
        raise UsageError(f"data.crop {options.data.crop} is not a multiple of the prior's {trained.prior.multiple} pixels")
