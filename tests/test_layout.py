"""The house rules that a machine can check: small files, one adapter a library, no trace of one machine, lint and layers clean."""

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "ttpo_cli"
SOURCES = sorted(PACKAGE.rglob("*.py"))
TEXTS = {".py", ".md", ".toml", ".yaml", ".yml", ".html", ".css", ".js", ".txt", ""}
LONGEST = 300


def relative(path):
    return str(path.relative_to(ROOT))


def imported(path):
    """Top-level names of every module a file imports, wherever in the file."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.split(".")[0]


def importers(library):
    return {relative(path) for path in SOURCES if library in imported(path)}


def test_no_source_file_is_longer_than_300_lines():
    lengths = {relative(path): len(path.read_text("utf-8").splitlines()) for path in SOURCES}
    assert {name: length for name, length in lengths.items() if length > LONGEST} == {}


def test_every_source_file_begins_by_saying_what_it_is():
    assert [relative(path) for path in SOURCES if not path.read_text("utf-8").startswith('"""')] == []


def test_no_file_is_a_drawer():
    drawers = {"utils", "helpers", "common", "misc", "manager", "base", "core"}
    assert [relative(path) for path in SOURCES if path.stem in drawers] == []


@pytest.mark.parametrize("library", ["diffusers", "fastapi", "gradio", "huggingface_hub", "pyiqa", "ray", "spandrel", "uvicorn"])
def test_a_library_is_imported_in_one_adapter(library):
    assert len(importers(library)) <= 1, importers(library)


@pytest.mark.parametrize("library", ["typer", "click", "rich", "tqdm"])
def test_only_the_command_line_speaks_to_people(library):
    assert {name for name in importers(library) if not name.startswith("ttpo_cli/cli/")} == set()


def test_the_program_starts_without_what_is_heavy():
    heavy = {"torch", "numpy", "PIL", "diffusers", "pyiqa", "spandrel", "pyvips", "scipy", "pywt", "yaml"}
    program = "import ttpo_cli.cli.app, sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) & heavy == set()


def module_name(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def arrows(sources):
    """module -> the modules of the package it imports, wherever in the file, TYPE_CHECKING and functions included.

    Importing a submodule through its package counts as importing the submodule.
    """
    modules = {module_name(path) for path in sources}
    graph = {}
    for path in sources:
        own = module_name(path)
        package = own if path.stem == "__init__" else own.rpartition(".")[0]
        seen = graph.setdefault(own, set())
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                seen |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                above = package.rsplit(".", node.level - 1)[0] if node.level else ""
                source = ".".join(part for part in (above, node.module) if part)
                for alias in node.names:
                    inside = f"{source}.{alias.name}"
                    seen.add(inside if inside in modules else source)
        seen &= modules - {own}
    return graph


def circles(graph):
    """The strongly connected components of more than one module: those that reach each other."""

    def reached(start):
        seen, waiting = set(), [start]
        while waiting:
            for module in graph[waiting.pop()] - seen:
                seen.add(module)
                waiting.append(module)
        return seen

    reach = {module: reached(module) for module in graph}
    return {tuple(sorted(other for other in reach[module] if module in reach[other])) for module in graph if module in reach[module]}


def test_a_circle_of_imports_is_found(tmp_path, monkeypatch):
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    texts = {
        "one": "if TYPE_CHECKING:\n    from house import two\n",
        "two": "def f():\n    import house.three\n",
        "three": "from .one import x\n",
        "four": "from house.one import x\n",
    }
    (tmp_path / "house").mkdir()
    for name, text in {"__init__": "", **texts}.items():
        (tmp_path / "house" / f"{name}.py").write_text(text)
    found = circles(arrows(sorted((tmp_path / "house").glob("*.py"))))
    assert found == {("house.one", "house.three", "house.two")}


def test_no_module_imports_in_a_circle():
    assert circles(arrows(SOURCES)) == set()


def test_no_file_names_a_place_on_one_machine():
    machine = re.compile(r"(?<![\w.~])/(?:home|root|Users|wor" + r"k|far" + r"m)/")
    found = []
    for path in committed():
        if path.suffix in TEXTS and machine.search(path.read_text("utf-8", errors="replace")):
            found.append(relative(path))
    assert found == []


def committed():
    """The files of the repository, or of the source tree where there is no git."""
    if shutil.which("git") and (ROOT / ".git").exists():
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
        return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]
    return [path for folder in ("ttpo_cli", "tests", "samples", ".ci") for path in (ROOT / folder).rglob("*") if path.is_file()]


def run(*command):
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_ruff_finds_nothing():
    pytest.importorskip("ruff", reason="ruff comes with the extra `dev`")
    run(sys.executable, "-m", "ruff", "check", "--no-cache", "ttpo_cli", "tests")


def test_imports_run_one_way():
    pytest.importorskip("importlinter", reason="import-linter comes with the extra `dev`")
    program = "import sys; from importlinter.cli import lint_imports_command; sys.exit(lint_imports_command())"
    run(sys.executable, "-c", program, "--no-cache")
