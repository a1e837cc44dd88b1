"""The documentation tells the truth: links lead somewhere, every command line parses, every page is listed, the README stays short."""

import re
import shlex
from pathlib import Path

import pytest
import typer

from ttpo_cli.cli.app import app

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
INDEX = DOCS / "index.md"
README = ROOT / "README.md"
PAGES = [README, ROOT / "samples" / "README.md", *sorted(DOCS.rglob("*.md"))]
SCRIPTS = sorted(DOCS.rglob("*.sh"))
LONGEST_README = 110
# Former names of flags and the one alias left out of the documentation: they still work, and nobody should learn them.
FORMER_FLAGS = ("--guidance-step", "--prior-scale", "--prior-told", "--candidates-seeds", "--weights")
SEPARATORS = {"|", "||", "&&", ";", "&", "(", ")"}
PLACEHOLDERS = {"...", "…"}
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def fences(text):
    """The code blocks of a page, without their fences."""
    return re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def prose(text):
    """A page without its code blocks."""
    return re.sub(r"^```\w*\n.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)


def inline_code(text):
    """Inline code, also across a line break; in tables `\\|` is a pipe."""
    return [" ".join(code.split()).replace("\\|", "|") for code in re.findall(r"(?<!`)`([^`]+)`(?!`)", prose(text))]


def anchors(text):
    """The anchors that GitHub gives the headings of a page."""
    headings = re.findall(r"^#+ (.*)$", prose(text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links(text):
    """Relative targets of links and pictures, in Markdown and HTML."""
    without_code = re.sub(r"`[^`]*`", "", prose(text))
    found = re.findall(r"\]\(([^)\s]+)\)", without_code) + re.findall(r"(?:src|href)=\"([^\"]+)\"", without_code)
    return [link for link in found if not re.match(r"[a-z]+:", link)]


def command_lines(page):
    """(command line as a list of words, whether it must be complete) for every `ttpo ...` of a page."""
    text = page.read_text("utf-8")
    whole = [line for block in fences(text) for line in re.sub(r"\\\n", " ", block).splitlines()]
    yield from ((words, True) for line in whole for words in calls(line))
    yield from ((words, False) for code in inline_code(text) for words in calls(code))


def calls(line):
    """The calls of ttpo in a line of shell: without redirections, variables set before it, and `accelerate launch`."""
    line = line.replace("$(command -v ttpo)", "ttpo")
    if not re.search(r"(?<![\w./-])ttpo\s", line):
        return
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;()<>")
    lexer.whitespace_split = True
    words, redirected = [], False
    for word in [*lexer, ";"]:
        if word in SEPARATORS:
            yield from ([words[words.index("ttpo") + 1 :]] if starts_ttpo(words) else [])
            words, redirected = [], False
        elif set(word) <= {"<", ">"}:
            redirected = True
        elif redirected:
            redirected = False
        else:
            words.append(word)


def starts_ttpo(words):
    start = [word for word in words if not re.match(r"[A-Z_]+=", word)]
    return start[:1] == ["ttpo"] or start[:3] == ["accelerate", "launch", "ttpo"]


def parse(words, complete):
    """Parse a command line as the program does, without running it; raise click's error or AssertionError where it is wrong.

    complete: nothing that the command requires may be missing. In a sentence, `ttpo models fetch` only names the command.
    """
    command = typer.main.get_command(app)
    context = quiet_context(command, None)
    while words and not words[0].startswith("-") and hasattr(command, "get_command"):
        inner = command.get_command(context, words[0])
        assert inner is not None, f"there is no command '{words[0]}'"
        command, words = inner, words[1:]
        context = quiet_context(command, context)
    options = {flag: one for one in command.get_params(context) for flag in (*one.opts, *one.secondary_opts)}
    written = [word.split("=")[0] for word in words if re.fullmatch(r"--?[a-zA-Z][\w-]*(=.*)?", word)]
    unknown = [flag for flag in written if flag not in options or getattr(options[flag], "hidden", False)]
    assert unknown == [], f"unknown or hidden: {unknown}"
    words = [word for word in words if word not in ("--help", "--help-all", "--debug", "--install-completion")]
    if words and not complete and words[-1] in options and not options[words[-1]].is_flag:
        words = words[:-1]  # a flag that is named without its value
    try:
        command.parse_args(context, list(words) or (["--"] if command.no_args_is_help else []))
    except Exception as error:
        if type(error).__name__ != "MissingParameter" or (complete and not PLACEHOLDERS & set(words)):
            raise
    rest = [*context.args, *getattr(context, "_protected_args", ())]
    assert rest == [], f"too many arguments: {rest}"


def quiet_context(command, parent):
    """Where a command is parsed: no option has an effect yet, and errors are raised."""
    context = command.make_context(command.name, [], parent=parent, resilient_parsing=True)
    context.resilient_parsing = False
    return context


def errors(page):
    for words, complete in command_lines(page):
        try:
            parse(words, complete)
        except Exception as error:  # noqa: BLE001 - click's errors and our own alike say what is wrong with a line
            yield f"ttpo {' '.join(words)}: {getattr(error, 'message', None) or error or repr(error)}"


def test_the_readme_is_short():
    assert len(README.read_text("utf-8").splitlines()) <= LONGEST_README


@each_page
def test_every_link_and_picture_leads_somewhere(page):
    broken = []
    for link in links(page.read_text("utf-8")):
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        found = target.is_file() and (not anchor or anchor in anchors(target.read_text("utf-8")))
        broken += [] if found else [link]
    assert broken == []


@each_page
def test_every_command_line_parses(page):
    assert list(errors(page)) == []


def test_there_are_command_lines_to_parse():
    assert sum(1 for page in PAGES for _ in command_lines(page)) > 150


@each_page
def test_every_flag_named_alone_exists(page):
    known = flags(typer.main.get_command(app))
    named = [code for code in inline_code(page.read_text("utf-8")) if code.startswith("-")]
    # `--prior-...` names a group of flags.
    written = {flag for code in named for flag in re.findall(r"(?<!\S)--[a-z][\w-]*\w(?![\w-])", code)}
    assert sorted(written - known) == []


def flags(command, parent=None):
    """Every flag of a command and of those below it that is not hidden."""
    context = command.make_context(command.name, [], parent=parent, resilient_parsing=True)
    visible = [one for one in command.get_params(context) if not getattr(one, "hidden", False)]
    found = {flag for one in visible for flag in (*one.opts, *one.secondary_opts)}
    for name in command.list_commands(context) if hasattr(command, "list_commands") else ():
        found |= flags(command.get_command(context, name), context)
    return found


@pytest.mark.parametrize("file", [*PAGES, *SCRIPTS], ids=lambda file: str(file.relative_to(ROOT)))
def test_no_page_uses_a_former_flag(file):
    text = file.read_text("utf-8")
    assert [flag for flag in FORMER_FLAGS if re.search(rf"(?<![\w-]){flag}(?![\w-])", text)] == []


def test_every_page_is_listed_in_the_index():
    listed = {(DOCS / link.partition("#")[0]).resolve() for link in links(INDEX.read_text("utf-8"))}
    assert [str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md") if page != INDEX and page not in listed] == []


@pytest.mark.parametrize("file", [*PAGES, *SCRIPTS], ids=lambda file: str(file.relative_to(ROOT)))
def test_no_page_names_a_place_on_one_machine(file):
    places = "|".join(("home", "root", "Users", "opt", "tmp", "mnt", "var", "work", "farm", "private"))
    assert re.findall(rf"(?<![\w.~/])/(?:{places})/\S*|\b[A-Z]:\\\S*", file.read_text("utf-8")) == []


def test_every_documentation_file_that_code_names_exists():
    missing = []
    texts = (".py", ".md", ".sh", ".yaml", ".html", ".js", ".toml")
    files = [path for folder in ("ttpo_cli", "tests", "docs", "samples") for path in (ROOT / folder).rglob("*") if path.suffix in texts]
    for path in [*files, README, ROOT / "pyproject.toml", ROOT / "weights_manifest.yaml"]:
        text = path.read_text("utf-8", errors="replace")
        named = re.findall(r"(?<![\w./:-])docs/[\w./-]*\w", text)
        named += ["docs/" + "/".join(re.findall(r'"([^"]+)"', rest)) for rest in re.findall(r'"docs"((?: / "[^"]+")+)', text)]
        missing += [f"{path.relative_to(ROOT)}: {name}" for name in named if not (ROOT / name).exists()]
    assert missing == []


@each_page
def test_every_source_file_that_a_page_names_exists(page):
    named = re.findall(r"(?<![\w./-])(?:ttpo_cli|tests)/[\w./-]*\w", page.read_text("utf-8"))
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_ci_runs_the_test_command_of_the_readme_and_nothing_else():
    block = re.search(r"## Develop\n\n```\n(.*?)```", README.read_text("utf-8"), re.DOTALL)
    assert block is not None
    lines = [line.replace("--quiet ", "") for line in (ROOT / ".ci" / "run").read_text("utf-8").splitlines()]
    for command in block[1].splitlines():
        assert command in lines
