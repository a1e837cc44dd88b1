"""Every option of every stage has a flag, with the option's own default, and reaches the settings."""

import inspect
from dataclasses import fields

import pytest
from ttpo_cli.cli.options.stages import KNOBS, as_text, build_settings, parse_knobs

from ttpo_cli.cli.bench.stages import bench
from ttpo_cli.cli.evaluate import evaluate
from ttpo_cli.cli.options.pipeline import with_pipeline
from ttpo_cli.cli.restore.command import restore
from ttpo_cli.errors import UsageError
from ttpo_cli.settings.candidates import CandidateOptions
from ttpo_cli.settings.engine import EngineOptions
from ttpo_cli.settings.guard import GuardOptions
from ttpo_cli.settings.guidance import GuidanceOptions
from ttpo_cli.settings.prior import PriorOptions
from ttpo_cli.settings.restore import RestoreOptions
from ttpo_cli.settings.selection import SelectionOptions
from ttpo_cli.settings.settings import Settings

STAGES = {
    "prior": PriorOptions,
    "candidates": CandidateOptions,
    "selection": SelectionOptions,
    "guidance": GuidanceOptions,
    "guard": GuardOptions,
}
CHANGED = {str: "x", int: 7, float: 0.125, tuple: (0.4, 0.5), dict: {"niqe": 2.0}}


def given(**changes):
    """The settings that a command receives when these flags are given, everything else left alone."""
    received = []

    @with_pipeline()
    def command(*, asked):
        received.append(asked)

    parameters = inspect.signature(command).parameters
    command(**{name: parameter.default for name, parameter in parameters.items()} | changes)
    return build_settings(parse_knobs(received[0].values))


@pytest.mark.parametrize("stage", STAGES)
def test_the_flags_of_a_stage_are_the_fields_of_its_options_with_their_defaults(stage):
    defaults = {field.name: getattr(STAGES[stage](), field.name) for field in fields(STAGES[stage])}
    assert {knob.field: knob.default for knob in KNOBS if knob.stage == stage} == defaults


# What a bench measures needs no rival; what an evaluation restores with is the backbone alone unless it is asked for more.
@pytest.mark.parametrize(("command", "without"), [(restore, ()), (bench, ("compare",)), (evaluate, ("ttpo",))])
def test_every_other_setting_has_a_flag_with_its_default(command, without):
    flags = inspect.signature(command).parameters
    for options in (Settings(), RestoreOptions()):
        for field in fields(options):
            if field.name not in (*STAGES, "restore", "pick", *without):  # a pick is of one photo, not of a command
                assert flags[field.name].default == getattr(options, field.name), field.name


def test_what_is_loaded_by_default_is_what_the_flags_say():
    flags = inspect.signature(restore).parameters
    for field in fields(EngineOptions()):
        if field.name not in ("metrics", "metric_files"):
            assert flags[field.name].default == getattr(EngineOptions(), field.name), field.name
    assert tuple(flags["metrics"].default.split(",")) == EngineOptions().metrics


@pytest.mark.parametrize("knob", KNOBS, ids=lambda knob: knob.name)
def test_a_knob_changes_its_own_setting_and_no_other(knob):
    value = not knob.default if isinstance(knob.default, bool) else CHANGED[type(knob.default)]
    settings = given(**{knob.name: as_text(value)})
    for stage, options in STAGES.items():
        changed = {
            field.name for field in fields(options) if getattr(getattr(settings, stage), field.name) != getattr(options(), field.name)
        }
        assert changed == ({knob.field} if stage == knob.stage else set())
    assert getattr(getattr(settings, knob.stage), knob.field) == value


@pytest.mark.parametrize("changes", [{"candidates_strengths": "0.1,high"}, {"selection_weights": "niqe"}, {"selection_weights": "niqe=a"}])
def test_a_malformed_list_is_a_usage_error_that_names_the_flag(changes):
    with pytest.raises(UsageError, match=f"--{next(iter(changes)).replace('_', '-')}"):
        given(**changes)
