"""Every option of the settings has a flag with its default and reaches the settings; former flags still work and say so."""

import dataclasses
import inspect
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Literal, get_args, get_origin

import pytest
from fakes import tiny_engine, tiny_photo

from ttpo_cli import pipeline
from ttpo_cli.cli.app import program
from ttpo_cli.cli.bench.stages import bench
from ttpo_cli.cli.evaluate import evaluate
from ttpo_cli.cli.invert import invert
from ttpo_cli.cli.options.flags import FLAGS, PARTS, RUN_FLAGS, RUN_PARTS, as_text
from ttpo_cli.cli.options.pipeline import with_pipeline, with_run
from ttpo_cli.cli.restore.command import restore
from ttpo_cli.cli.terminal.console import Terminal
from ttpo_cli.errors import UsageError
from ttpo_cli.imaging.writing import write_photo
from ttpo_cli.settings.engine import EngineOptions
from ttpo_cli.settings.output import METADATA
from ttpo_cli.settings.run import RunOptions
from ttpo_cli.settings.settings import Settings

PACKAGE = Path(__file__).resolve().parents[3] / "ttpo_cli"
# A value of every type that is not the default of any field.
OTHER = {str: "x", int: 7, float: 0.125, tuple[float, ...]: (0.4, 0.5), tuple[str, ...]: ("niqe",)}
# Fields that are not options: stages, the pick of one photo, and the precision that the backbone's option sets too.
NO_FLAG = {"settings": {*PARTS, "pick"}, "engine": {"precision", "scale"}, "run": {"paths", "outputs", "executor"}, "outputs": {"encoding"}}
# A value of each option of a run that is not its default, as the field holds it.
OTHER_OF_RUN = {
    "output": "out",
    "include": ("*.jpg", "a,b"),
    "exclude": ("x",),
    "files_from": "list",
    "format": "png",
    "bit_depth": "16",
    "quality": 60,
    "keep": frozenset({"icc", "xmp"}),
    "report": Path("page.html"),
    "keep_candidates": Path("kept"),
    "select": "later",
    "device": "cuda:0,cuda:1",
    "workers": 2,
    "executor": "ray",
    "address": "host",
}
# Former flag, the present one, a value, and the field that it sets.
FORMER = [
    ("--guidance-step", "--guidance-update", "normalised", ("guidance", "update"), "normalised"),
    ("--prior-scale", "--prior-cfg", "2", ("prior", "cfg"), 2.0),
    ("--prior-told", "--prior-distilled-guidance", "2.5", ("prior", "distilled_guidance"), 2.5),
    ("--candidates-seeds", "--candidates-per-strength", "2", ("candidates", "per_strength"), 2),
    ("--weights", "--selection-weights", "calm=2", ("selection", "weights"), {"calm": 2.0}),
]
each_former = pytest.mark.parametrize(("former", "present", "text", "path", "value"), FORMER, ids=[row[0] for row in FORMER])


def asked_of(options, changes):
    """What a command with these options receives when some are given, everything else left alone."""
    received = []

    @options()
    def command(*, asked):
        received.append(asked)

    parameters = inspect.signature(command).parameters
    command(**{name: parameter.default for name, parameter in parameters.items()} | changes)
    return received[0]


def given(**changes):
    """(engine, settings) that a command receives when these options are given, everything else left alone."""
    return asked_of(with_pipeline, changes).build(Terminal(quiet=True))


def at(built, flag):
    """The value of a flag's field."""
    engine, settings = built
    return getattr({"engine": engine, "settings": settings}.get(flag.part) or getattr(settings, flag.part), flag.field)


def of_run(run, flag):
    """The value of a run's field."""
    parts = {"run": run, "encoding": run.outputs.encoding}
    return getattr(parts.get(flag.part) or getattr(run, flag.part), flag.field)


def another(flag):
    """Another value than the default, as the field holds it."""
    if flag.kind is bool:
        return not flag.default
    if isinstance(flag.default, dict):
        return {"niqe": Path("file") if flag.name == "metric_files" else 2.0}
    words = [word for one in (flag.kind, *get_args(flag.kind)) if get_origin(one) is Literal for word in get_args(one)]
    if words and int not in get_args(flag.kind):
        return next(word for word in words if word != flag.default)
    kind = flag.kind if flag.kind in OTHER else next(one for one in get_args(flag.kind) if one in OTHER)
    return OTHER[kind]  # within the limits of every number


@pytest.mark.parametrize("part", [*PARTS, *RUN_PARTS])
def test_every_field_of_the_settings_has_a_flag(part):
    fields = {entry.name for entry in dataclasses.fields({**PARTS, **RUN_PARTS}[part])} - NO_FLAG.get(part, set())
    assert {flag.field for flag in (*FLAGS.values(), *RUN_FLAGS.values()) if flag.part == part} == fields


def test_without_a_flag_the_settings_are_the_defaults():
    assert given() == (EngineOptions(), Settings())
    assert asked_of(with_run, {}).run() == RunOptions()


@pytest.mark.parametrize("flag", RUN_FLAGS.values(), ids=lambda flag: flag.name)
def test_a_flag_of_a_run_changes_its_own_field_and_no_other(flag):
    wanted = not flag.default if flag.kind is bool else OTHER_OF_RUN[flag.name]
    run = asked_of(with_run, {flag.name: as_text(wanted, flag)}).run()
    assert {name for name, one in RUN_FLAGS.items() if of_run(run, one) != one.default} == {flag.name}
    assert of_run(run, flag) == wanted


@pytest.mark.parametrize(("text", "kept"), [("all", METADATA), ("none", set()), ("icc, exif", {"icc", "exif"})])
def test_a_set_is_all_none_or_words_by_commas(text, kept):
    assert asked_of(with_run, {"keep": text}).run().outputs.encoding.keep == kept


def test_the_device_of_a_run_reaches_the_engine():
    asked = asked_of(with_run, {"device": "cpu"})
    assert asked.run().executor.device == asked.build(Terminal(quiet=True))[0].device == "cpu"


@pytest.mark.parametrize("flag", FLAGS.values(), ids=lambda flag: flag.name)
def test_a_flag_changes_its_own_field_and_no_other(flag):
    built = given(**{flag.name: as_text(another(flag), flag)})
    changed = {name for name, one in FLAGS.items() if at(built, one) != one.default}
    # Without the three stages nothing is selected by metrics.
    assert changed == ({"ttpo", "metrics"} if flag.name == "ttpo" else {flag.name})
    assert at(built, flag) == another(flag)


def test_the_precision_is_that_of_the_backbone_and_of_the_prior():
    engine, settings = given(restore_precision="bf16")
    assert engine.precision == settings.restore.precision == "bf16"


# A measurement needs no best of N; an evaluation names the metrics that select --select.
@pytest.mark.parametrize(("command", "without"), [(restore, set()), (bench, {"compare"}), (evaluate, {"metrics", "ttpo"})])
def test_a_command_of_the_pipeline_has_every_flag_with_its_default(command, without):
    parameters = inspect.signature(command).parameters
    for name, flag in {**FLAGS, **(RUN_FLAGS if command is restore else {})}.items():
        if name not in without:
            assert parameters[name].default == as_text(flag.default, flag), name


def test_invert_has_the_flags_of_the_prior():
    wanted = {flag.name for flag in FLAGS.values() if flag.part == "prior"} | {"backbone", "size_scale", "prior", "device"}
    assert wanted <= inspect.signature(invert).parameters.keys()


@pytest.mark.parametrize("changes", [{"candidates_strengths": "0.1,high"}, {"selection_weights": "niqe"}, {"selection_weights": "niqe=a"}])
def test_a_malformed_list_is_a_usage_error_that_names_the_flag(changes):
    with pytest.raises(UsageError, match=f"--{next(iter(changes)).replace('_', '-')}"):
        given(**changes)


@pytest.fixture
def restored(monkeypatch, tmp_path):
    """A call of `ttpo restore` on a tiny photo with these options: its exit code, and the settings that reached the pipeline."""
    received = []

    def load(made_of, settings, *_):
        received.append(settings)
        return tiny_engine()

    monkeypatch.setattr(pipeline, "load_engine", load)
    photo = tmp_path / "photo.png"
    write_photo(photo, tiny_photo())

    def run(*options):
        code = program(["restore", str(photo), "-o", str(tmp_path / "out.png"), "--dry-run", "-q", *options])
        return code, received[-1] if received else None

    return run


@each_former
@pytest.mark.parametrize("joined", [False, True])
def test_a_former_flag_works_and_one_line_names_the_present_one(former, present, text, path, value, joined, restored, capsys):
    code, settings = restored(*([f"{former}={text}"] if joined else [former, text]))
    assert code == 0 and getattr(getattr(settings, path[0]), path[1]) == value
    assert capsys.readouterr().err == f"warning: {former} is now called {present}\n"


@each_former
def test_the_present_flag_says_nothing(former, present, text, path, value, restored, capsys):
    code, settings = restored(present, text)
    assert code == 0 and getattr(getattr(settings, path[0]), path[1]) == value
    assert capsys.readouterr().err == ""


@each_former
def test_both_names_of_an_option_at_once_are_refused(former, present, text, path, value, restored, capsys):
    assert restored(former, text, present, text)[0] == 2
    assert f"give only {present}" in capsys.readouterr().err


@each_former
def test_both_names_are_refused_even_where_the_present_one_is_given_its_default(former, present, text, path, value, restored, capsys):
    default = next(str(as_text(flag.default, flag)) for flag in FLAGS.values() if flag.spelling == present)
    assert restored(former, text, present, default)[0] == 2
    assert f"give only {present}" in capsys.readouterr().err


@each_former
def test_former_flags_are_hidden_from_help(former, present, text, path, value, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    assert program(["restore", "--help-all"]) == 0
    words = capsys.readouterr().out.split()
    assert present in words and former not in words


@pytest.fixture
def copied(tmp_path):
    """A copy of the package to which lines are added, and how to run Python on it: its standard output."""
    weights = shutil.ignore_patterns("*.safetensors", "__pycache__")
    copy = shutil.copytree(PACKAGE, tmp_path / PACKAGE.name, ignore=weights)

    def run(*command):
        environment = {**os.environ, "PYTHONPATH": str(tmp_path), "COLUMNS": "200"}
        done = subprocess.run([sys.executable, *command], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return copy, run


def program_that_shows(options, value):
    """A command with these options that prints a value of what it was asked."""
    return (
        "from typer import Typer\n"
        f"from ttpo_cli.cli.options.pipeline import {options}\n"
        "from ttpo_cli.cli.terminal.console import Terminal\n"
        "app = Typer()\n"
        f"app.command()({options}()(lambda asked: print({value})))\n"
        "app()"
    )


def test_a_line_in_the_outputs_adds_an_option_everywhere(copied):
    copy, run = copied
    with (copy / "settings" / "output.py").open("a") as file:
        file.write('    frame: int = option(2, "A frame around each picture, pixels.", panel=FILES, limits=(0, None))\n')
    shown = run("-c", "from ttpo_cli.cli.app import main; main()", "restore", "--help-all")
    assert "--frame" in shown and "A frame around each picture, pixels." in shown
    assert "| `--frame` | `2` | A frame around each picture, pixels. |" in run("-m", "ttpo_cli.cli.options.reference")
    reaching = program_that_shows("with_run", "asked.run().outputs.frame")
    assert run("-c", reaching, "--frame", "5") == "5\n" and run("-c", reaching) == "2\n"


def test_a_line_in_a_stage_adds_an_option_everywhere(copied):
    copy, run = copied
    with (copy / "settings" / "candidates.py").open("a") as file:
        file.write('    novelty: float = option(0.5, "How new a candidate is.")\n')
    shown = run("-c", "from ttpo_cli.cli.app import main; main()", "restore", "--help-all")
    assert "--candidates-novelty" in shown and "How new a candidate is." in shown
    assert "| `--candidates-novelty` | `0.5` | How new a candidate is. |" in run("-m", "ttpo_cli.cli.options.reference")
    reaching = program_that_shows("with_pipeline", "asked.build(Terminal())[1].candidates.novelty")
    assert run("-c", reaching, "--candidates-novelty", "0.25") == "0.25\n"
