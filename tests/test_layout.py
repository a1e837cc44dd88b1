"""The house rules that a machine can check: small files, short signatures, plain names, one adapter a library, lint and layers clean."""

import ast
import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import module_index
import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "ttpo_cli"
SOURCES = sorted(PACKAGE.rglob("*.py"))
TEXTS = {".py", ".md", ".toml", ".yaml", ".yml", ".html", ".css", ".js", ".txt", ""}
LONGEST = 300
MOST_PARAMETERS = 8
FEWER_PARAMETERS = {"optimise": 7, "choose": 7}
LONGEST_COMMAND = 40
# Words that are not the field's, each with what to say instead. Strings may hold them: names recorded in people's files stay.
OUT = {
    "hand": "worker",
    "hands": "workers",
    "crew": "worker pool",
    "hired": "started",
    "errand": "task",
    "arrivals": "downloads",
    "lap": "stage",
    "laps": "stage timer",
    "rival": "best of N",
    "rivals": "contenders",
    "offer": "scored candidates",
    "foretell": "estimate",
    "foretold": "estimated",
    "tally": "run summary",
    "worn": "degraded",
    "wear": "degrade",
    "mend": "repair",
    "mended": "repaired",
    "told": "reported",
    "tell": "report",
    "settled": "final",
    "wish": "request",
    "wishes": "requests",
}
MIRRORS_NOTHING = {"helpers", "fixtures", "compatibility", "fuzz"}


def relative(path):
    return str(path.relative_to(ROOT))


@cache
def parsed(path):
    return ast.parse(path.read_text("utf-8"))


def imported(path):
    """Top-level names of every module a file imports, wherever in the file."""
    for node in ast.walk(parsed(path)):
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


def functions():
    """(place, node) of every function, method and lambda of the package."""
    for path in SOURCES:
        for node in ast.walk(parsed(path)):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
                yield f"{relative(path)}:{node.lineno} {getattr(node, 'name', 'lambda')}", node


def parameters(node):
    """Names of everything a function takes, but `self` and `cls`."""
    listed = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs, node.args.vararg, node.args.kwarg]
    return [argument.arg for argument in listed if argument is not None and argument.arg not in ("self", "cls")]


def is_typer_command(node):
    """Whether Typer reads the function: it is decorated as a command, or an annotation of it says what an option or argument is."""
    if isinstance(node, ast.Lambda):
        return False
    decorators = [part.func if isinstance(part, ast.Call) else part for part in node.decorator_list]
    if any(isinstance(part, ast.Attribute) and part.attr in ("command", "callback") for part in decorators):
        return True
    annotations = [argument.annotation for argument in (*node.args.args, *node.args.kwonlyargs) if argument.annotation]
    return any("typer.Option(" in ast.unparse(each) or "typer.Argument(" in ast.unparse(each) for each in annotations)


def body_length(node):
    """Lines of a function's body after its docstring."""
    body = node.body[1:] if ast.get_docstring(node) else node.body
    return body[-1].end_lineno - body[0].lineno + 1 if body else 0


def test_no_function_takes_more_than_eight_parameters():
    too_many = {place: len(parameters(node)) for place, node in functions() if not is_typer_command(node)}
    assert {place: count for place, count in too_many.items() if count > MOST_PARAMETERS} == {}


def dataclasses():
    """Names of the package's dataclasses, by module."""
    found = {}
    for path in SOURCES:
        made = [node for node in ast.walk(parsed(path)) if isinstance(node, ast.ClassDef)]
        names = {node.name for node in made if any("dataclass" in ast.unparse(each) for each in node.decorator_list)}
        found[".".join(path.relative_to(ROOT).with_suffix("").parts)] = names
    return found


def test_no_call_gives_a_dataclass_more_than_three_positional_fields():
    known, found = dataclasses(), []
    for path in SOURCES:
        seen = set(known[".".join(path.relative_to(ROOT).with_suffix("").parts)])
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.ImportFrom):
                seen |= {alias.asname or alias.name for alias in node.names if alias.name in known.get(node.module, ())}
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.Call):
                made = node.func.value if isinstance(node.func, ast.Subscript) else node.func
                if isinstance(made, ast.Name) and made.id in seen and len(node.args) > 3:
                    found.append(f"{relative(path)}:{node.lineno} {made.id}")
    assert found == []


def test_the_two_central_functions_take_at_most_seven_parameters():
    found = {place: (len(parameters(node)), FEWER_PARAMETERS.get(getattr(node, "name", ""))) for place, node in functions()}
    limited = {place: (count, most) for place, (count, most) in found.items() if most is not None}
    assert {place.rpartition(" ")[2] for place in limited} == set(FEWER_PARAMETERS)
    assert {place: count for place, (count, most) in limited.items() if count > most} == {}


def test_the_body_of_a_command_is_short():
    lengths = {place: body_length(node) for place, node in functions() if is_typer_command(node)}
    assert len(lengths) > 20  # that they are recognised at all
    assert {place: length for place, length in lengths.items() if length > LONGEST_COMMAND} == {}


def names_of_the_command_line(path):
    """(line, name) where a file names `ttpo_cli.cli`: imports of any kind, anywhere in it, and strings that could be given to importlib."""
    package = path.relative_to(ROOT).parent.parts
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            start = (
                ".".join((*package[: len(package) - node.level + 1], *([node.module] if node.module else ())))
                if node.level
                else node.module
            )
            names = [f"{start}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            names = [re.sub(r"^\.+", "ttpo_cli.", node.value)]
        else:
            continue
        yield from (f"{relative(path)}:{node.lineno} {name}" for name in names if re.fullmatch(r"ttpo_cli\.cli(?:[.:][\w.:]*)?", name))


def test_nothing_below_the_command_line_imports_it():
    below = [path for path in SOURCES if (PACKAGE / "cli") not in path.parents]
    assert [name for path in below for name in names_of_the_command_line(path)] == []


@pytest.mark.parametrize(
    "line",
    [
        "import ttpo_cli.cli.app",
        "def late():\n    from ttpo_cli.cli.terminal.console import Terminal",
        "from ttpo_cli import cli",
        "from ..cli import app",
        'importlib.import_module("ttpo_cli.cli.app")',
        'importlib.import_module(".cli.app", "ttpo_cli")',
    ],
)
def test_every_way_of_importing_the_command_line_is_seen(line, tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    path = tmp_path / "ttpo_cli" / "folder" / "run.py"
    path.parent.mkdir(parents=True)
    path.write_text(line)
    assert len(list(names_of_the_command_line(path))) == 1


def identifiers(path):
    """(place, name) of the module itself and of every class, function and parameter in it."""
    yield relative(path), path.parent.name if path.stem == "__init__" else path.stem
    for node in ast.walk(parsed(path)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield f"{relative(path)}:{node.lineno}", node.name
        elif isinstance(node, ast.arg):
            yield f"{relative(path)}:{node.lineno}", node.arg


def words(identifier):
    """`OnePhotoTask`, `one_photo_task` -> one, photo, task."""
    return [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", identifier)]


def test_names_are_words_of_the_field():
    found = [(place, name, set(words(name)) & OUT.keys()) for path in SOURCES for place, name in identifiers(path)]
    assert [f"{place} {name}: say {', '.join(OUT[word] for word in out)}" for place, name, out in found if out] == []


def test_identifiers_are_split_into_words():
    assert [words(name) for name in ("_OneHTMLPage2", "handle_wish", "handOver")] == [
        ["one", "html", "page", "2"],
        ["handle", "wish"],
        ["hand", "over"],
    ]


def test_tests_mirror_the_package():
    folders = {path.parent.relative_to(ROOT / "tests") for path in (ROOT / "tests").rglob("*.py")}
    mirrors = [folder for folder in folders if folder.parts and folder.parts[0] not in MIRRORS_NOTHING]
    assert sorted(str(folder) for folder in mirrors if not (PACKAGE / folder / "__init__.py").is_file()) == []


def test_the_development_page_has_one_line_for_each_file():
    """`python tests/helpers/module_index.py` writes them."""
    assert module_index.section(module_index.PAGE.read_text("utf-8")) == module_index.lines()


def test_the_rendered_page_has_its_lines_and_keeps_the_rest(tmp_path):
    (tmp_path / "ttpo_cli").mkdir()
    (tmp_path / "ttpo_cli" / "__init__.py").write_text('"""The package."""\n')
    (tmp_path / "ttpo_cli" / "a.py").write_text('"""What goes on\nfor two lines.\n\nMore."""\n')
    expected = ["- `ttpo_cli/`: The package.", "- `ttpo_cli/a.py`: What goes on for two lines."]
    for page in ("# Page\n", "# Page\n\n## Every file\n\n- `old`: old\n\n## After\n\n- other\n"):
        text = module_index.rendered(page, tmp_path)
        assert module_index.section(text) == expected
        assert module_index.rendered(text, tmp_path) == text
        assert "old" not in text and ("## After" in text) == ("## After" in page)


@pytest.mark.parametrize(
    "library", ["diffusers", "fastapi", "gradio", "huggingface_hub", "onnx", "onnxruntime", "pyiqa", "ray", "spandrel", "uvicorn"]
)
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
