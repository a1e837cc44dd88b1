"""`ttpo restore`, the main command: photos in, the three stages, better photos out, with a record of how they came about."""

from typing import Annotated

import typer

from ttpo_cli.cli.options import shared as options
from ttpo_cli.cli.options.defaults import Config
from ttpo_cli.cli.options.help import HelpAll
from ttpo_cli.cli.options.pipeline import Asked, with_run
from ttpo_cli.cli.terminal.console import Json, NoColor, Quiet, Terminal, Verbose


@with_run()
def restore(
    photos: Annotated[list[str] | None, typer.Argument(metavar="PHOTO", help="Files, folders, or - for stdin.", show_default=False)] = None,
    threads: options.Threads = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    no_color: NoColor = False,
    config: Config = None,
    help_all: HelpAll = False,
    *,
    asked: Asked,
) -> None:
    """Restore photos: a backbone restores, a diffusion prior proposes candidates, preferences choose and guide, a guard keeps it true.

    Prints the path of each file written, or with --json one object. A photo is never overwritten.
    """
    from ttpo_cli.cli.restore.request import RestoreRequest, say_endings, with_utf8_names
    from ttpo_cli.cli.restore.summary import RunSummary
    from ttpo_cli.folder.plan import Globs, not_read, plan

    summary = RunSummary(Terminal(quiet, verbose, no_color))
    run = asked.run()
    paths, globs = run.paths, Globs(run.paths.include, run.paths.exclude)
    sources = [*(photos or ()), *options.listed(paths.files_from)]
    jobs = plan(sources, paths.output, format=run.outputs.encoding.format, recursive=paths.recursive, globs=globs)
    unread = not_read(sources, paths.output, recursive=paths.recursive, globs=globs)
    summary.pass_over(unread, run.outputs.strict)
    request = RestoreRequest(jobs=with_utf8_names(jobs, summary), run=run, json=json, not_read=unread)
    say_endings(request.jobs, summary)
    request.check(asked.values["ttpo"])
    from ttpo_cli.cli.restore.run import restore_photos

    restore_photos(request, asked, summary)
    raise typer.Exit(summary.exit_code())
