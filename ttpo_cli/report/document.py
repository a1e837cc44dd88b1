"""The HTML document that both pages of `report` fill: one head, one header, one style; nothing is loaded from a network."""

from dataclasses import dataclass
from html import escape
from importlib import resources
from string import Template


@dataclass(frozen=True)
class Document:
    """A page of the report. `html` escapes title and summary; the body and the controls are HTML already.

    Attributes:
        title: plain text, the page's title and its first heading.
        summary: plain text, one line under the heading.
        without_scripts: what a browser without scripts shows below it.
        body: HTML.
        script: a file of this package.
        styles: files of this package, in order; `page.css` is the style that both pages share.
        images: where the page may load pictures from, as sources of a Content-Security-Policy.
        generator: a `<meta>` element that names the program, or nothing.
        controls: HTML at the end of the header, or nothing.
    """

    title: str
    summary: str
    without_scripts: str
    body: str
    script: str
    styles: tuple[str, ...] = ("page.css",)
    images: str = "data:"
    generator: str = ""
    controls: str = ""

    def html(self) -> str:
        """The whole page as text."""
        return template("document.html").substitute(
            title=escape(self.title),
            summary=escape(self.summary),
            without_scripts=self.without_scripts,
            body=self.body,
            script=_text(self.script),
            style="\n".join(map(_text, self.styles)),
            images=self.images,
            generator=_on_a_line(self.generator),
            controls=_on_a_line(self.controls),
        )


def template(name: str) -> Template:
    """A file of this package whose $names are to be filled."""
    return Template(_text(name))


def _text(name: str) -> str:
    return resources.files("ttpo_cli.report").joinpath(name).read_text("utf-8").rstrip("\n")


def _on_a_line(element: str) -> str:
    return f"\n{element}" if element else ""
