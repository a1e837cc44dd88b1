import json
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from torch import nn

from ttpo_cli.errors import TtpoError, UsageError
from ttpo_cli.training.run import Ema, RunFolder, cosine, load_state, read_records, stop_if_not_finite


@dataclass(frozen=True)
class Options:
    steps: int = 10
    widths: tuple[int, ...] = (4, 8)


def test_a_run_resumes_with_the_same_options_and_refuses_others_by_name(tmp_path: Path) -> None:
    run = RunFolder(tmp_path, Options())
    assert run.prepare(resume=False) is None
    run.save({"step": 3})
    state = RunFolder(tmp_path, Options()).prepare(resume=True)
    assert state is not None
    assert state["step"] == 3
    with pytest.raises(UsageError, match="steps: 10 -> 20"):
        RunFolder(tmp_path, Options(steps=20)).prepare(resume=True)
    with pytest.raises(UsageError, match="already holds a run"):
        RunFolder(tmp_path, Options()).prepare(resume=False)


def test_an_option_newer_than_a_run_counts_as_its_default(tmp_path: Path) -> None:
    run = RunFolder(tmp_path, Options())
    del run.options["widths"]
    run.save({"step": 3})
    assert RunFolder(tmp_path, Options()).prepare(resume=True) is not None
    with pytest.raises(UsageError, match=r"widths: \[4, 8\] -> \[4\]"):
        RunFolder(tmp_path, Options(widths=(4,))).prepare(resume=True)


def test_records_after_the_last_checkpoint_are_cut_off_when_a_run_goes_on(tmp_path: Path) -> None:
    run = RunFolder(tmp_path, Options())
    run.prepare(resume=False)
    with run.log(0) as append:
        for step in (1, 2, 3):
            append({"step": step, "loss": 0.5})
    with run.log(2) as append:
        append({"step": 3, "loss": 0.25})
    records = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [(record["step"], record["loss"]) for record in records] == [(1, 0.5), (2, 0.5), (3, 0.25)]
    assert list((tmp_path / "tensorboard").iterdir())


def test_a_record_that_a_power_cut_tore_is_left_out_and_other_damage_is_named(tmp_path: Path) -> None:
    log_file = tmp_path / "log.jsonl"
    log_file.write_text('{"step": 1}\n{"step": 2}\n{"step": 3, "lo')
    assert [record["step"] for record in read_records(log_file)] == [1, 2]
    run = RunFolder(tmp_path, Options())
    with run.log(2) as append:
        append({"step": 3})
    assert [record["step"] for record in read_records(log_file)] == [1, 2, 3]
    log_file.write_text('{"step": 1\n{"step": 2}\n')
    with pytest.raises(TtpoError, match="line 1, is not a record"):
        read_records(log_file)


def test_a_checkpoint_that_cannot_be_written_leaves_the_previous_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = RunFolder(tmp_path, Options())
    run.prepare(resume=False)
    run.save({"step": 1})

    def full_disk(state: object, path: Path) -> None:
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", full_disk)
    with pytest.raises(TtpoError, match="state.pt. cannot be written .*No space left"):
        run.save({"step": 2})
    monkeypatch.undo()
    assert load_state(tmp_path / "state.pt")["step"] == 1
    assert not (tmp_path / "state.pt.part").exists()


def test_a_damaged_state_is_named(tmp_path: Path) -> None:
    (tmp_path / "state.pt").write_bytes(b"\x80\x02cos\nsystem\n.")
    with pytest.raises(TtpoError, match="not a readable training state"):
        load_state(tmp_path / "state.pt")


def test_the_moving_average_follows_its_formula() -> None:
    network = nn.Linear(1, 1, bias=False)
    nn.init.constant_(network.weight, 1.0)
    ema = Ema(network, 0.999)
    nn.init.constant_(network.weight, 3.0)
    ema.update(network, step=0)
    assert float(ema.network.weight) == pytest.approx(0.1 * 1 + 0.9 * 3)
    ema.update(network, step=10**6)
    assert float(ema.network.weight) == pytest.approx(0.999 * 2.8 + 0.001 * 3)


def test_the_learning_rate_warms_up_and_ends_where_it_is_told() -> None:
    assert cosine(0, 100, 1.0, 0.1, warm_up=10) == pytest.approx(0.1)
    assert cosine(10, 100, 1.0, 0.1, warm_up=10) == pytest.approx(1.0)
    assert cosine(55, 100, 1.0, 0.1, warm_up=10) == pytest.approx(0.55)
    assert cosine(100, 100, 1.0, 0.1, warm_up=10) == pytest.approx(0.1)


def test_a_loss_that_is_not_finite_stops_with_the_step_and_the_last_checkpoint(tmp_path: Path) -> None:
    stop_if_not_finite(torch.tensor(1.0), 5, tmp_path)
    with pytest.raises(TtpoError, match="step 7: nothing was saved yet"):
        stop_if_not_finite(torch.tensor(float("nan")), 7, tmp_path)
    (tmp_path / "state.pt").touch()
    with pytest.raises(TtpoError, match=r"step 7: the last good checkpoint is .*state\.pt"):
        stop_if_not_finite(torch.tensor(float("nan")), 7, tmp_path)
