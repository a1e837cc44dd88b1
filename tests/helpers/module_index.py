"""The section `## Every file` of docs/development.md, rendered from the first line of each module's docstring.

python tests/helpers/module_index.py writes it into the page; tests/test_layout.py holds the page equal to it.
"""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "development.md"
HEADING = "## Every file"
_SECTION = re.compile(rf"^{HEADING}$.*?(?=^## |\Z)", re.MULTILINE | re.DOTALL)


def sources(root: Path = ROOT) -> list[Path]:
    """Every module of the package, a folder's own before those in it."""
    return sorted((root / "ttpo_cli").rglob("*.py"), key=lambda path: (path.parent.parts, path.name != "__init__.py", path.name))


def described(path: Path) -> str:
    """What the module is: its docstring's first line, or the first paragraph where the first sentence is longer than a line."""
    paragraph = (ast.get_docstring(ast.parse(path.read_text("utf-8"))) or "").split("\n\n")[0]
    first = paragraph.partition("\n")[0]
    return first if first.endswith(".") else " ".join(paragraph.split())


def lines(root: Path = ROOT) -> list[str]:
    """One line for each module: "- `path`: what it is". A folder stands for its `__init__.py`."""
    found = []
    for path in sources(root):
        place = path.relative_to(root)
        shown = f"{place.parent.as_posix()}/" if place.name == "__init__.py" else place.as_posix()
        found.append(f"- `{shown}`: {described(path)}")
    return found


def section(page: str) -> list[str]:
    """The lines of the page's section that name a module; none where the page has no such section."""
    found = _SECTION.search(page)
    return [] if found is None else [line for line in found[0].splitlines() if line.startswith("- ")]


def rendered(page: str, root: Path = ROOT) -> str:
    """The page with its section as the package is now; the section comes last where it is new."""
    text = "\n".join((HEADING, "", *lines(root), ""))
    if _SECTION.search(page) is None:
        return f"{page.rstrip()}\n\n{text}"
    return _SECTION.sub(lambda found: text if found.end() == len(page) else f"{text}\n", page)


if __name__ == "__main__":
    PAGE.write_text(rendered(PAGE.read_text("utf-8")), "utf-8")
