"""`ttpo restore`, the main command: photos in, the three stages, better photos out, with a record of how they came about."""

from typing import Annotated

import typer

from ttpo_cli.cli.options import shared as options
from ttpo_cli.cli.options.pipeline import Asked, with_pipeline
from ttpo_cli.cli.terminal.console import Json, NoColor, Quiet, Terminal, Verbose


@with_pipeline("device")
def restore(
    photos: Annotated[list[str] | None, typer.Argument(metavar="PHOTO", help="Files, folders, or - for stdin.", show_default=False)] = None,
    output: options.Output = None,
    recursive: options.Recursive = False,
    include: options.Include = None,
    exclude: options.Exclude = None,
    files_from: options.FilesFrom = None,
    format: options.Format = "keep",
    bit_depth: options.BitDepth = "keep",
    quality: options.Quality = 95,
    keep: options.Keep = "all",
    overwrite: options.Overwrite = False,
    skip_existing: options.SkipExisting = True,
    redo: options.Redo = False,
    select: options.Select = "metrics",
    dry_run: options.DryRun = False,
    report: options.Report = None,
    keep_candidates: options.KeepCandidates = None,
    latents: options.Latents = True,
    sidecar: options.Sidecar = True,
    mark: options.Mark = True,
    strict: options.Strict = False,
    device: options.Devices = "auto",
    workers: options.Workers = None,
    threads: options.Threads = None,
    executor: options.ExecutorName = "local",
    address: options.Address = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    no_color: NoColor = False,
    *,
    asked: Asked,
) -> None:
    """Restore photos: a backbone restores, a diffusion prior proposes candidates, preferences choose and guide, a guard keeps it true.

    Prints the path of each file written, or with --json one object. A photo is never overwritten.
    """
    from ttpo_cli.cli.restore.request import Executor, RestoreRequest, with_utf8_names
    from ttpo_cli.cli.restore.summary import RunSummary
    from ttpo_cli.folder.plan import Globs, plan
    from ttpo_cli.settings.output import Encoding, Outputs

    summary = RunSummary(Terminal(quiet, verbose, no_color))
    globs = Globs(tuple(include or ()), tuple(exclude or ()))
    sources = [*(photos or ()), *options.listed(files_from)]
    jobs = with_utf8_names(plan(sources, output, format=format, recursive=recursive, globs=globs), summary)
    outputs = Outputs(
        encoding=Encoding(format=format, bit_depth=bit_depth, quality=quality, keep=options.metadata_kinds(keep)),
        overwrite=overwrite,
        sidecar=sidecar,
        candidates=keep_candidates,
        report=report,
        mark=mark,
        strict=strict,
        latents=latents,
    )
    request = RestoreRequest(
        jobs=jobs,
        outputs=outputs,
        executor=Executor(name=executor, address=address, workers=workers, device=device),
        select=select,
        skip_existing=skip_existing,
        redo=redo,
        dry_run=dry_run,
        json=json,
    )
    request.check(asked.values["ttpo"])
    from ttpo_cli.cli.restore.run import restore_photos

    restore_photos(request, asked, summary)
    raise typer.Exit(summary.exit_code())
