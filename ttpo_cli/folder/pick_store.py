"""What waits in an output folder for a person: the candidates of each photo under .ttpo/candidates/, and the picks in .ttpo/picks.jsonl."""

import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from io import FileIO
from pathlib import Path

from filelock import FileLock, Timeout

from ttpo_cli.errors import TtpoError
from ttpo_cli.folder.decision import settings_hash
from ttpo_cli.folder.journal import FOLDER
from ttpo_cli.preference.pick import Pick, Proposal, pick_line, proposal_of, read_picks

Picks = Mapping[tuple[str, str, str], Pick]
_PATIENCE = 10  # seconds that a pick waits for another that is being written


def candidates_folder(root: Path, target: str) -> Path:
    """Where the candidates of one photo lie."""
    return root / FOLDER / "candidates" / target


def proposal_path(root: Path, target: str) -> Path:
    """The file that says what the candidates of one photo are, and that they are all there."""
    return candidates_folder(root, target) / "proposal.json"


def proposal_files(root: Path, proposal: Proposal, others: Mapping[str, bytes]) -> dict[Path, bytes]:
    """The candidates' files, by their names, and last the one that says what they are, so that it never stands without them."""
    folder = candidates_folder(root, proposal.target)
    described = json.dumps(asdict(proposal), ensure_ascii=False, indent=2) + "\n"
    return {**{folder / name: data for name, data in others.items()}, proposal_path(root, proposal.target): described.encode()}


def read_proposal(root: Path, target: str) -> Proposal | None:
    """The candidates of a photo, None where there are none. Raises TtpoError for a file that does not say what they are."""
    path = proposal_path(root, target)
    if not path.is_file():
        return None
    try:
        return proposal_of(json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise TtpoError(f"'{path}' does not say what the candidates are: delete its folder, and run `ttpo restore` again") from error


def picks_path(root: Path) -> Path:
    """Where the picks of an output folder lie."""
    return root / FOLDER / "picks.jsonl"


def read_folder_picks(root: Path) -> Picks:
    """The picks that hold in an output folder. Raises TtpoError for a line that is none."""
    path = picks_path(root)
    if not path.is_file():
        return {}
    with path.open("rb") as stream:
        return read_picks(stream, str(path))


def add_pick(root: Path, pick: Pick, check: Callable[[Pick | None], None] = lambda held: None) -> None:
    """Append a pick, one process and one thread at a time; a line that a kill cut short goes first.

    check: called with the pick that holds until now, raises where that one must stay. Raises TtpoError where the line cannot be written;
    the file is what it was then.
    """
    path = picks_path(root)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_suffix(".lock"), timeout=_PATIENCE), path.open("a+b", buffering=0) as stream:
            check(read_folder_picks(root).get(pick.key))
            _append_line(stream, pick_line(pick).encode())
    except Timeout as error:
        raise TtpoError(f"the pick was not written: another program holds '{path}'; try again") from error
    except OSError as error:
        reason = error.strerror or error
        raise TtpoError(f"the pick was not written to '{path}' ({reason}): free some space, or make it writable, and try again") from error


def _append_line(stream: FileIO, line: bytes) -> None:
    """The whole line, on the disk, or nothing of it."""
    stream.seek(0)
    end = stream.read().rfind(b"\n") + 1
    stream.truncate(end)
    try:
        while line:
            line = line[stream.write(line) :]
        os.fsync(stream.fileno())
    except OSError:
        stream.truncate(end)
        raise


def picked_pairs(root: Path) -> Iterator[tuple[Pick, Proposal]]:
    """Every pick that holds, with the candidates it was made among; one whose candidates are gone, or are others now, is left out.

    Raises TtpoError for one that names a candidate beyond them.
    """
    for pick in read_folder_picks(root).values():
        proposal = read_proposal(root, pick.target)
        if proposal is not None and (proposal.target, proposal.content_sha256, proposal.made_with) == pick.key:
            if max(pick.preferred or 0, pick.dispreferred or 0) >= len(proposal.labels):
                count = len(proposal.labels)
                raise TtpoError(f"'{picks_path(root)}' has a pick of '{pick.target}' beyond its {count} candidates: take that line out")
            yield pick, proposal


def picked_hash(settings: str, pick: Pick | None) -> str:
    """The hash of all that a picture depends on: of the settings, and of a person's pick where there is one."""
    return settings if pick is None else settings_hash({"settings": settings, "pick": [pick.preferred, pick.dispreferred]})
