"""Which photo goes where: sources, files or folders, to targets, decided before anything is read or written."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePath

from ttpo_cli.errors import TtpoError, UsageError
from ttpo_cli.folder.not_read import NotRead, in_words, looks_like_photo, why_not_read
from ttpo_cli.imaging.file_name import derived_name
from ttpo_cli.imaging.formats import FORMATS, INPUT_FORMATS, format_of_file, format_of_name, written_format


@dataclass(frozen=True)
class Globs:
    """include: a photo must match one of them (none: all do). exclude: a photo that matches one is left out, whatever includes it.

    A pattern without a slash is compared with the file's name and with the name of each folder on the way to it; one with a slash, with
    the whole path inside the folder that was given. `*` stands for any characters, slashes among them.
    """

    include: Sequence[str] = ()
    exclude: Sequence[str] = ()

    def choose(self, inside: PurePath) -> bool:
        """Whether the photo at this path, relative to the folder that was given, takes part."""
        return (not self.include or _any_matches(inside, self.include)) and not _any_matches(inside, self.exclude)


EVERY = Globs()


def _any_matches(inside: PurePath, patterns: Sequence[str]) -> bool:
    whole, parts = inside.as_posix().lower(), [part.lower() for part in inside.parts]
    for pattern in (entry.lower() for entry in patterns):
        if "/" in pattern:
            if fnmatchcase(whole, pattern.removeprefix("./")):
                return True
        elif any(fnmatchcase(part, pattern) for part in parts):
            return True
    return False


SUFFIX = "_ttpo"

STREAM = "-"


@dataclass(frozen=True)
class Job:
    """One photo: source None is standard input, target None is standard output.

    root: the output folder that keeps a journal of the photos written into it; None for a photo by itself.
    """

    source: Path | None
    target: Path | None
    root: Path | None = None


def plan(
    sources: Sequence[str],
    output: str | None = None,
    *,
    format: str = "keep",
    recursive: bool = False,
    globs: Globs = EVERY,
) -> tuple[Job, ...]:
    """The jobs of one command, in the order given; the photos of a folder by name.

    Without `output`, a file goes to `<stem>_ttpo.<ext>` next to it, a folder to its sibling `<folder>_ttpo/`, its tree mirrored, and "-" to
    standard output. `output` is a file for a single photo, "-" for standard output, otherwise a folder. `format` "keep" keeps endings.
    `globs` chooses among the photos of folders and of lists alike; what lies in the output folder, or in hidden folders, is not a source.
    Raises UsageError where two photos would share a target, a target is its own source, or one file is asked to take many photos.
    """
    if not sources:
        raise UsageError("no photo given: name files, folders, or - for standard input")
    jobs = tuple(_jobs(sources, output, format, recursive, globs))
    if not jobs:
        raise TtpoError("no photo is left: --include and --exclude leave out every one that was named")
    _refuse_collisions(jobs)
    return jobs


def photo_files(photos: Sequence[Path], recursive: bool) -> list[Path]:
    """Files as given, folders as the photos in them. Raises TtpoError for a folder without any."""
    return [path for given in photos for path in (photos_in(given, recursive) if given.is_dir() else [given])]


def photos_in(folder: Path, recursive: bool) -> list[Path]:
    """The files of a folder that `ttpo` reads, sorted; hidden ones, and what hidden folders hold, left out.

    Raises TtpoError where there is none.
    """
    every = _files_in(folder, recursive)
    photos = [path for path in every if why_not_read(path) is None]
    if not photos:
        unread = [NotRead(source=path, inside=path.relative_to(folder), root=folder, reason=why_not_read(path) or "") for path in every]
        deeper = "" if recursive else ", deeper with --recursive"
        raise TtpoError("; ".join((f"no photo in '{folder}': ttpo looks for {', '.join(_suffixes())}{deeper}", *in_words(unread))))
    return photos


def not_read(sources: Sequence[str], output: str | None = None, *, recursive: bool = False, globs: Globs = EVERY) -> tuple[NotRead, ...]:
    """What looks like a photo in the folders among `sources` and is in no job of `plan` since ttpo does not read it."""
    found = []
    for folder in (Path(source) for source in sources if source != STREAM and Path(source).is_dir()):
        root = _root(folder, output)
        for path in _files_in(folder, recursive):
            inside, reason = path.relative_to(folder), why_not_read(path)
            if reason is not None and globs.choose(inside) and root.resolve() not in path.resolve().parents:
                found.append(NotRead(source=path, inside=inside, root=root, reason=reason))
    return tuple(found)


def _files_in(folder: Path, recursive: bool) -> list[Path]:
    """The files that look like photos, sorted."""
    found = folder.rglob("*") if recursive else folder.glob("*")
    return sorted(path for path in found if not _is_hidden(path.relative_to(folder)) and path.is_file() and looks_like_photo(path))


def name_beyond_utf8(job: Job) -> str | None:
    """How to show the name of a photo, or of its output, that is not UTF-8 and so fits no journal or record; None for any other."""
    for path in (job.source, job.target):
        try:
            str(path).encode()
        except UnicodeEncodeError:
            return os.fsencode(str(path)).decode("utf-8", "backslashreplace")
    return None


def _is_hidden(inside: Path) -> bool:
    return any(part.startswith(".") for part in inside.parts)


def _jobs(sources: Sequence[str], output: str | None, format: str, recursive: bool, globs: Globs) -> Iterable[Job]:
    single = len(sources) == 1 and (sources[0] == STREAM or not Path(sources[0]).is_dir())
    if output == STREAM or (output is None and list(sources) == [STREAM]):
        if not single:
            raise UsageError("standard output takes one photo: give -o a folder")
        yield Job(_path(sources[0]), None)
    elif output is not None and single and not _is_folder(output):
        yield Job(_path(sources[0]), Path(output))
    else:
        if output is not None and Path(output).is_file():
            raise UsageError(f"-o {output} is a file, but there is more than one photo to write: give a folder")
        for source in sources:
            path = _path(source)
            if path is None:
                raise UsageError("standard input needs -o FILE, or -o - for standard output, and no other photo")
            if path.is_dir():
                yield from _jobs_of_folder(path, output, format, recursive, globs)
            elif globs.choose(Path(path.name)):
                yield _job_of_file(path, output, format, None if single else output)


def _jobs_of_folder(path: Path, output: str | None, format: str, recursive: bool, globs: Globs) -> Iterable[Job]:
    root = _root(path, output)
    own, within = root.resolve(), path.resolve() in root.resolve().parents  # an output folder inside the folder is not a source
    for photo in photos_in(path, recursive):
        inside = photo.relative_to(path)
        if globs.choose(inside) and not (within and own in photo.resolve().parents):
            yield Job(photo, _in_folder(photo, root / inside, format), root)


def _root(folder: Path, output: str | None) -> Path:
    """The output folder of a folder."""
    named = folder.resolve() if folder.name in ("", "..") else folder
    return Path(output) if output is not None else named.with_name(derived_name(named.name, SUFFIX))


def _job_of_file(path: Path, output: str | None, format: str, root: str | None) -> Job:
    if output is not None:
        return Job(path, _in_folder(path, Path(output) / path.name, format), None if root is None else Path(root))
    return Job(path, path.with_name(derived_name(path.stem, f"{SUFFIX}{_ending(path, format)}")))


def _path(source: str) -> Path | None:
    return None if source == STREAM else Path(source)


def _is_folder(output: str) -> bool:
    return output.endswith("/") or Path(output).is_dir() or not Path(output).suffix


def _in_folder(source: Path, target: Path, format: str) -> Path:
    """The name in an output folder. One whose ending cannot be written keeps it before the new one, so that it takes no other's place."""
    ending = _ending(source, format)
    if ending == source.suffix:
        return target
    readable = format_of_name(source.name) is not None
    return target.with_name(derived_name(target.stem if readable else target.name, ending))


def _ending(source: Path, format: str) -> str:
    """The ending of what is written: that of the format asked for, else the photo's own, unless no format that is written has it.

    A file that cannot be read keeps its ending: reading it will say why.
    """
    if format in FORMATS:
        return FORMATS[format].suffixes[0]
    if not source.suffix or format_of_name(source.name) is not None:
        return source.suffix
    try:
        return FORMATS[written_format(format_of_file(source))].suffixes[0]
    except (TtpoError, OSError):
        return source.suffix


def _suffixes() -> list[str]:
    return [suffix for entry in (*FORMATS.values(), *INPUT_FORMATS.values()) for suffix in entry.suffixes]


def _refuse_collisions(jobs: Sequence[Job]) -> None:
    taken: dict[Path, Path | None] = {}
    for job in jobs:
        if job.target is None:
            continue
        target = job.target.resolve()
        if job.source is not None and job.source.resolve() == target:
            raise UsageError(f"'{job.source}' would be written over itself: choose another -o")
        if target in taken:
            raise UsageError(
                f"'{taken[target]}' and '{job.source}' would both be written to '{job.target}': run them apart, or choose folders"
            )
        taken[target] = job.source
