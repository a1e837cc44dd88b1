"""The program as a whole: help without torch, exit codes, one line an error."""

import errno
import subprocess
import sys

import pytest
import torch
import typer

from ttpo_cli import __version__
from ttpo_cli.cli import app as app_module
from ttpo_cli.cli.app import program
from ttpo_cli.errors import GuardRejected, MemoryExhausted, TtpoError, UsageError, WeightsError

COMMANDS = ("restore", "score", "eval", "degrade", "bench", "invert", "doctor", "train")


def raising(error):
    """An app whose one command raises."""
    replacement = typer.Typer(pretty_exceptions_enable=False)

    @replacement.command()
    def fail():
        raise error

    return replacement


# What takes long to import: loading any of it would be seen in every call of the program.
HEAVY = ("torch", "numpy", "PIL", "yaml", "scipy", "pywt", "diffusers", "pyiqa", "spandrel", "huggingface_hub", "safetensors")


HELP = ["", "--help", "restore --help", "restore --help-all", "options scale", "train --help", "models --help", "picks --help"]


@pytest.mark.parametrize("arguments", [line.split() for line in HELP])
def test_help_imports_nothing_that_takes_long(arguments):
    code = f"import sys; from ttpo_cli.cli.app import program; print(program({arguments!r}), *sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    exit_code, *loaded = done.stderr.split()
    assert exit_code == "0"
    assert set(loaded) & set(HEAVY) == set()


def test_help_names_every_command_and_the_exit_codes(capsys):
    assert program(["--help"]) == 0
    shown = capsys.readouterr().out
    assert all(command in shown for command in COMMANDS)
    assert "130 Ctrl-C" in shown


def test_without_arguments_the_program_shows_three_examples_that_parse(capsys):
    assert program([]) == 0
    shown = capsys.readouterr().out
    examples = [line.split("  ")[1].split()[1:] for line in shown.splitlines() if line.startswith("  ttpo ")]
    command = typer.main.get_command(app_module.app)
    assert len(examples) == 3
    for words in examples:
        name, inner, rest = command.resolve_command(typer.Context(command), words)
        assert name == "restore" and inner.make_context(name, rest).params["photos"]


@pytest.mark.parametrize("flag", ["--version", "-V"])
def test_version_is_data(flag, capsys):
    assert program([flag]) == 0
    assert capsys.readouterr().out == f"ttpo {__version__}\n"


@pytest.mark.parametrize("arguments", [["restor"], ["restore", "--no-such-flag"], ["restore", "--seed", "many"], ["restore"]])
def test_what_cannot_be_meant_is_exit_code_2_and_leaves_stdout_empty(arguments, capsys):
    assert program(arguments) == 2
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (TtpoError("a"), 1),
        (UsageError("a"), 2),
        (WeightsError("a"), 3),
        (MemoryExhausted("a"), 4),
        (MemoryError(), 4),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes"), 4),
        (torch.OutOfMemoryError("CUDA out of memory"), 4),
        (GuardRejected("a"), 5),
        (OSError(errno.ENOSPC, "No space left on device", "/a/b"), 1),
        (ValueError("never thought of"), 1),
        (KeyboardInterrupt(), 130),
    ],
)
def test_every_error_has_its_exit_code_and_at_most_one_line(error, code, monkeypatch, capsys):
    monkeypatch.delenv("TTPO_DEBUG", raising=False)
    monkeypatch.setattr(app_module, "app", raising(error))
    assert program([]) == code
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "Traceback" not in shown.err
    assert shown.err.count("\n") == (0 if code == 130 else 1)


def test_debug_shows_where_an_error_came_from(monkeypatch, capsys):
    monkeypatch.setenv("TTPO_DEBUG", "1")
    monkeypatch.setattr(app_module, "app", raising(ValueError("never thought of")))
    assert program([]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_a_closed_pipe_is_quiet():
    code = "import sys; from ttpo_cli.cli.app import program; sys.exit(program(['doctor', '--json']))"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        errors = process.stderr.read()
    assert process.returncode == 1
    assert "Traceback" not in errors and "BrokenPipe" not in errors


@pytest.mark.parametrize(("arguments", "expected"), [(["--version"], 0), (["restore", "nothing.png"], 1), (["no-such-command"], 2)])
def test_the_console_script_ends_with_the_programs_code_its_output_flushed_and_its_exit_handlers_run(arguments, expected):
    code = f"import atexit, sys; from ttpo_cli.cli.app import main; atexit.register(print, 'handled'); sys.argv[1:] = {arguments}; main()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == expected
    assert done.stdout.endswith("handled\n")
    assert ("ttpo " in done.stdout) == (expected == 0) and bool(done.stderr) == (expected != 0)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_can_be_shown(shell):
    code = "from ttpo_cli.cli.app import app; app(prog_name='ttpo')"
    environment = {"_TTPO_COMPLETE": f"source_{shell}", "PATH": "/usr/bin:/bin"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment | _python_path())
    assert "ttpo" in done.stdout and done.returncode == 0


def _python_path():
    return {"PYTHONPATH": ":".join(path for path in sys.path if path)}
