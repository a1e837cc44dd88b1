"""Options from files and from the command line: what is known arrives with its type, what is not is refused with the nearest name."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ttpo_cli.errors import UsageError
from ttpo_cli.training.config import read_config, read_setting, with_values
from ttpo_cli.training.lfc.train import LfcOptions, check_options


@dataclass(frozen=True)
class Inner:
    rho: float = 0.1
    shares: tuple[float, ...] = (0.5,)
    mirrored: bool = False


@dataclass(frozen=True)
class Outer:
    steps: int = 10
    name: str = "small"
    inner: Inner = field(default_factory=Inner)


@pytest.mark.parametrize(
    ("suffix", "text"),
    [
        (".toml", 'steps = 20\nname = "large"\n[inner]\nrho = 1e-4\nshares = [0.4, 1]\nmirrored = true\n'),
        (".yaml", "steps: 20\nname: large\ninner:\n  rho: 1e-4\n  shares: [0.4, 1]\n  mirrored: true\n"),
    ],
)
def test_toml_and_yaml_say_the_same(tmp_path: Path, suffix: str, text: str) -> None:
    path = tmp_path / f"run{suffix}"
    path.write_text(text)
    assert with_values(Outer(), read_config(path)) == Outer(20, "large", Inner(1e-4, (0.4, 1.0), True))


def test_a_setting_changes_one_nested_value_and_leaves_the_others() -> None:
    changed = with_values(Outer(inner=Inner(mirrored=True)), read_setting("inner.rho=1e-3"))
    assert changed == Outer(inner=Inner(rho=1e-3, mirrored=True))
    assert isinstance(with_values(Outer(), read_setting("inner.rho=2")).inner.rho, float)


def test_a_name_given_twice_is_refused_in_every_format(tmp_path: Path) -> None:
    for suffix, text in (
        (".yaml", "inner:\n  rho: 1\nsteps: 3\ninner:\n  mirrored: true\n"),
        (".json", '{"steps": 1, "steps": 2}'),
        (".toml", "steps = 1\nsteps = 2\n"),
    ):
        path = tmp_path / f"run{suffix}"
        path.write_text(text)
        with pytest.raises(UsageError, match="cannot be read"):
            read_config(path)


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ("rho=1", r"unknown option 'rho': did you mean inner\.rho"),
        ("inner.rhoo=1", r"inner\.rhoo.*did you mean inner\.rho"),
        ("step=1", "did you mean steps"),
        ("steps=many", "steps is of type int, got 'many'"),
        ("steps=1.5", "steps is of type int"),
        ("steps=true", "steps is of type int"),
        ("inner.rho=true", r"inner\.rho is of type float"),
        ("inner.mirrored=1", r"inner\.mirrored is of type bool"),
        ("name=3", "name is of type str"),
        ("inner=3", "a group of options"),
        ("inner.shares=0.5", r"inner\.shares is a list"),
        ("inner.shares=[a]", r"inner\.shares is of type float"),
        ("steps", "name=value"),
        ("=3", "name=value"),
        ("steps=[", "cannot be read"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name(setting: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        with_values(Outer(), read_setting(setting))


@pytest.mark.parametrize(("name", "text"), [("a.toml", "steps = = 3"), ("a.yaml", "steps: [3"), ("b.yaml", "- 1\n- 2\n"), ("c.toml", None)])
def test_a_file_that_is_no_configuration_is_refused(tmp_path: Path, name: str, text: str | None) -> None:
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(UsageError, match="configuration"):
        read_config(tmp_path / name)


def test_the_papers_configuration_is_read_and_can_be_meant() -> None:
    options = with_values(LfcOptions(), read_config(Path(__file__).parents[2] / "docs" / "guide" / "lfc-sr-paper.yaml"))
    check_options(options)
    assert (options.preset, options.batch, options.crop, options.steps, options.admm.steps) == ("lfc-sr", 16, 36, 400_000, 200_000)
    assert (options.admm.rho, options.admm.lambda_cx, options.admm.dual, options.admm.discriminator) == (1e-4, 0.1, "shared", "paper")
    # Epochs of 1,000 steps: ten times less every 100, halved after 20, 50, 70, 100 and 140.
    assert [share * 400 for share in options.decay_at] == [100, 200, 300]
    assert [round(share * 200) for share in options.admm.decay_at] == [20, 50, 70, 100, 140]
