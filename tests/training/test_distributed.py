"""Two processes that share every batch train as one does."""

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from ttpo_cli.errors import TtpoError
from ttpo_cli.training.distributed import Processes, alone
from ttpo_cli.training.lfc.discriminator import SharedBatchNorm

COMMAND = "from ttpo_cli.cli.app import main; main()"
SETTINGS = ("batch=4", "crop=8", "admm.crops=8", "admm.rho=1.0")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


LFC = ("train", "lfc", "--steps", "2", "--admm-steps", "2")
LRPO = ("train", "lrpo", "--steps", "2", "--precision", "fp32")
LRPO_SETTINGS = ("data.photos=2", "data.crop=32", "rollout.group=2", "rollout.steps=2", "alarm.photos=1", "alarm.metrics=[gmsd]")


def run_together(
    count: int, photos: Path, output: Path, command: tuple[str, ...] = LFC, settings: tuple[str, ...] = SETTINGS
) -> list[dict[str, float]]:
    arguments = [*command, str(photos), "-o", str(output), "--every", "1", "--device", "cpu"]
    for setting in settings:
        arguments += ["--set", setting]
    shared = os.environ | {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()), "WORLD_SIZE": str(count), "OMP_NUM_THREADS": "1"}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", COMMAND, *arguments],
            env=shared | {"RANK": str(rank), "LOCAL_RANK": str(rank)},
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(count)
    ]
    errors = [process.communicate(timeout=300)[1] for process in processes]
    assert [process.returncode for process in processes] == [0] * count, errors
    return [json.loads(line) for line in (output / "log.jsonl").read_text().splitlines()]


def test_two_processes_have_the_losses_of_one_through_both_phases(photo_folder: Path, tmp_path: Path) -> None:
    """All losses at their defaults: the discriminator's batch norm and the contextual loss's mean are those of the whole batch."""
    one, two = (run_together(count, photo_folder, tmp_path / str(count)) for count in (1, 2))
    assert [record["step"] for record in two] == [1, 2, 3, 4]
    for first, second in zip(one, two, strict=True):
        assert first.keys() == second.keys()
        for name in first.keys() - {"seconds"}:
            assert second[name] == pytest.approx(first[name], rel=2e-3, abs=1e-6), name
    assert one[-1]["dual_abs"] > 0 and one[-1]["loss_contextual"] > 0


def test_two_halves_of_a_batch_are_normalised_as_the_whole_and_give_its_gradients() -> None:
    """Two threads stand for two processes and wait for each other at each exchange."""
    torch.manual_seed(0)
    batch, weights = torch.randn(4, 3, 6, 6), torch.randn(4, 3, 6, 6)
    norm = torch.nn.BatchNorm2d(3)
    torch.nn.init.normal_(norm.weight)
    whole = batch.clone().requires_grad_(True)
    (norm(whole) * weights).mean().backward()
    given: list[list[torch.Tensor | None]] = [[None, None]]
    barrier = threading.Barrier(2)

    def mean_at(rank: int) -> Callable[[torch.Tensor], torch.Tensor]:
        def mean(tensor: torch.Tensor) -> torch.Tensor:
            given[0][rank] = tensor.detach().clone()
            barrier.wait()
            averaged = sum(each for each in given[0] if each is not None) / 2
            barrier.wait()
            return averaged

        return mean

    parts = [batch[2 * rank : 2 * rank + 2].clone().requires_grad_(True) for rank in range(2)]
    norms = []

    def work(rank: int) -> None:
        mean = mean_at(rank)
        shared = SharedBatchNorm(3, Processes(rank, 2, torch.device("cpu"), mean, mean, lambda: None))
        shared.load_state_dict({**norm.state_dict(), "running_mean": torch.zeros(3), "running_var": torch.ones(3)})
        norms.append(shared)
        (shared(parts[rank]) * weights[2 * rank : 2 * rank + 2]).mean().backward()

    threads = [threading.Thread(target=work, args=(rank,)) for rank in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert whole.grad is not None and norm.running_mean is not None and norm.running_var is not None
    # Each half's loss is a mean over half as many samples; the whole's is the mean of both.
    torch.testing.assert_close(torch.cat([part.grad for part in parts if part.grad is not None]) / 2, whole.grad)
    for shared in norms:
        torch.testing.assert_close(shared.running_mean, norm.running_mean)
        torch.testing.assert_close(shared.running_var, norm.running_var)


def test_two_processes_draw_and_judge_the_groups_of_one_and_take_its_steps(photo_folder: Path, tmp_path: Path) -> None:
    """Each has one of two groups; advantages are in units of all rewards, gradients means over all samples."""
    settings = (*LRPO_SETTINGS, "lrpo.clip=1.0")
    one, two = (run_together(count, photo_folder, tmp_path / str(count), LRPO, settings) for count in (1, 2))
    assert [record["step"] for record in two] == [0, 1, 2]
    for first, second in zip(one, two, strict=True):
        assert first.keys() == second.keys()
        for name in first.keys() - {"seconds", "loss", "dropped"}:
            assert second[name] == pytest.approx(first[name], rel=5e-3, abs=1e-5), name


def test_a_batch_is_cut_into_equal_parts_in_order_or_refused() -> None:
    processes = [Processes(rank, 2, torch.device("cpu"), lambda t: t, lambda t: t, lambda: None) for rank in range(2)]
    batch = torch.arange(6)
    assert torch.equal(torch.cat([each.part(batch) for each in processes]), batch)
    with pytest.raises(TtpoError, match="batch of 5 cannot be shared by 2"):
        processes[0].part(torch.arange(5))


def test_gradients_are_exchanged_once_and_land_in_their_own_parameters() -> None:
    calls = []

    def halved(tensor: torch.Tensor) -> torch.Tensor:
        calls.append(tensor.numel())
        return tensor / 2

    parameters = [torch.nn.Parameter(torch.zeros(2, 3)), torch.nn.Parameter(torch.zeros(4)), torch.nn.Parameter(torch.zeros(1))]
    parameters[0].grad, parameters[1].grad = torch.full((2, 3), 4.0), torch.arange(4.0)
    Processes(0, 2, torch.device("cpu"), halved, halved, lambda: None).average_gradients(parameters)
    assert calls == [10]
    assert torch.equal(parameters[0].grad, torch.full((2, 3), 2.0))
    assert torch.equal(parameters[1].grad, torch.arange(4.0) / 2)
    assert parameters[2].grad is None
    alone(torch.device("cpu")).average_gradients(parameters)
    assert float(parameters[0].grad.mean()) == 2
