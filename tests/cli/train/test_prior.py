"""`ttpo train prior` and `ttpo train ranker`: flags from the options' one home, and bad values refused before anything is made."""

import inspect
from dataclasses import fields

import pytest
from typer.testing import CliRunner

from ttpo_cli.cli.app import app
from ttpo_cli.cli.train.prior import prior
from ttpo_cli.cli.train.ranker import ranker
from ttpo_cli.errors import UsageError
from ttpo_cli.settings.option import option_of
from ttpo_cli.settings.training import PriorTrainingOptions, RankerOptions
from ttpo_cli.training.prior import check


@pytest.mark.parametrize(("command", "kind"), [(prior, PriorTrainingOptions), (ranker, RankerOptions)])
def test_every_described_option_has_a_flag_with_its_own_default(command, kind):
    flags = {name: parameter.default for name, parameter in inspect.signature(command).parameters.items()}
    described = {entry.name: getattr(kind(), entry.name) for entry in fields(kind) if option_of(entry) is not None}
    assert len(described) > 5
    typed = {name: ",".join(map(str, value)) if isinstance(value, tuple) else value for name, value in described.items()}
    assert {name: flags[name] for name in described} == typed


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ("--channels a,b", "give numbers"),
        ("--channels 8,8", "multiple of 16"),
        ("--bank 0", "bank"),
        ("--precision nonsense", "bf16"),
        ("--crop 65", "multiple of 8"),
        ("--condition-dropout 1.5", "condition_dropout"),
    ],
)
def test_bad_values_are_refused_and_nothing_is_made(arguments, word, tmp_path, photo_folder):
    given = ["train", "prior", str(photo_folder), "-o", str(tmp_path / "run"), "--backbone", "bicubic", *arguments.split()]
    done = CliRunner().invoke(app, given)
    said = f"{done.output} {done.exception}"
    assert done.exit_code == 2 or isinstance(done.exception, UsageError)
    assert word in said.replace("\n", " ")
    assert not (tmp_path / "run").exists()


def test_a_precision_that_is_none_is_refused_below_the_command_line_too():
    with pytest.raises(UsageError, match="did you mean"):
        check(PriorTrainingOptions(precision="bf61"))


@pytest.mark.parametrize(("options", "word"), [(PriorTrainingOptions(bank=0), "bank is 0"), (PriorTrainingOptions(steps=0), "steps is 0")])
def test_a_number_outside_the_limits_of_its_option_is_refused_below_the_command_line_too(options, word):
    with pytest.raises(UsageError, match=f"{word}: give a number from 1"):
        check(options)
