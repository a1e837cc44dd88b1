"""What the page shows of an output folder: the photos whose candidates wait or were picked from, and the files of those candidates.

A photo's address is a hash of what it is, never a path, and one whose candidates became others has another address: no request can name a
file outside the candidates, and no pick can apply to pictures that the person did not see.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ttpo_cli.errors import TtpoError
from ttpo_cli.folder.journal import FOLDER, has_journal, read_proposed
from ttpo_cli.folder.pick_store import add_pick, candidates_folder, proposal_path, read_folder_picks, read_proposal
from ttpo_cli.preference.pick import Pick, Proposal
from ttpo_cli.preference.selection import checked_pick

Key = tuple[str, str, str]
Pair = tuple[int, int]
_NAME = re.compile(r"[0-9]+\.png")
_PNG = b"\x89PNG\r\n\x1a\n"


class Stale(TtpoError):
    """What the page shows is not what is there any more."""


@dataclass(frozen=True)
class WaitingPhoto:
    """One photo of the page.

    Attributes:
        address: names its candidates as they are now.
        key: target, content, settings.
        pair: the present pick, None where there is none.
    """

    address: str
    key: Key
    pair: Pair | None


def address_of(key: Key) -> str:
    """32 hexadecimal digits that name one photo's candidates."""
    return hashlib.sha256(json.dumps(key).encode()).hexdigest()[:32]


def pair_of(pick: Pick | None) -> Pair | None:
    """(preferred, dispreferred), None for no pick."""
    return None if pick is None or pick.preferred is None or pick.dispreferred is None else (pick.preferred, pick.dispreferred)


class Backlog:
    """The photos of one output folder that can be picked from. Answers are read from the disk; only the meaning of addresses is kept."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._keys: dict[str, Key] = {}

    def photos(self) -> list[WaitingPhoto]:
        """Every photo that waits, and every one that was picked from candidates that are still there, by target.

        Raises TtpoError for a journal or picks that cannot be read.
        """
        picks = read_folder_picks(self._root)
        waiting = set(self._waiting())
        picked = {key for key in picks if key not in waiting and self._stands(key)}
        found = [WaitingPhoto(address_of(key), key, pair_of(picks.get(key))) for key in sorted(waiting | picked)]
        self._keys = {photo.address: photo.key for photo in found}
        return found

    def photo(self, address: str) -> tuple[Proposal, Pair | None]:
        """The candidates, and the present pick. Raises Stale where they are gone, or are others now."""
        proposal = self._proposal(address)
        return proposal, pair_of(read_folder_picks(self._root).get(self._keys[address]))

    def picture(self, address: str, row: int) -> Path:
        """The file of one candidate. Raises Stale as `photo` does, TtpoError where there is no such picture inside the folder."""
        proposal = self._proposal(address)
        if not 0 <= row < len(proposal.images):
            raise TtpoError(f"there is no candidate {row}")
        name = proposal.images[row]
        file = self._inside(candidates_folder(self._root, proposal.target) / name) if _NAME.fullmatch(name) else None
        if file is None or not file.is_file():
            raise TtpoError(
                f"candidate {row} of '{proposal.target}' is not a picture in the folder of candidates: run `ttpo restore` again"
            )
        with file.open("rb") as stream:
            if stream.read(len(_PNG)) != _PNG:
                raise TtpoError(
                    f"candidate {row} of '{proposal.target}' is not a PNG file: delete its folder, and run `ttpo restore` again"
                )
        return file

    def choose(self, address: str, pair: Sequence[int] | None, held: Sequence[int] | None) -> None:
        """Write a pick; None takes the present one back. held: the pick that the person saw.

        Raises Stale where the candidates or the pick have changed since, UsageError for an invalid pair, TtpoError where the
        pick cannot be written.
        """
        proposal = self._proposal(address)
        rows = (None, None) if pair is None else checked_pick(pair, len(proposal.images))
        seen = None if held is None else tuple(held)

        def check(now: Pick | None) -> None:
            if pair_of(now) != seen:
                raise Stale(f"'{proposal.target}' was picked elsewhere meanwhile ({_described(pair_of(now))}): look, then pick again")

        add_pick(self._root, Pick(*self._keys[address], preferred=rows[0], dispreferred=rows[1]), check)

    def _waiting(self) -> Iterator[Key]:
        """The keys of the candidates that wait, or that an interrupted run left.

        Candidates that should wait and are gone or damaged have a key without settings: the page reports them when it comes to them.
        """
        for target, content, waits in read_proposed(self._root) if has_journal(self._root) else ():
            try:
                proposal = self._read(target)
            except TtpoError:
                proposal = None
            if proposal is not None and proposal.content_sha256 == content:
                yield _key(proposal)
            elif waits:
                yield (target, content, "")

    def _proposal(self, address: str) -> Proposal:
        """The candidates behind an address as they are on the disk now."""
        if address not in self._keys:
            self.photos()
        key = self._keys.get(address)
        proposal = None if key is None else self._read(key[0])
        if key is None or proposal is None or _key(proposal) != key:
            name = f"of '{key[0]}' " if key else ""
            raise Stale(f"the candidates {name}changed on the disk, or are gone: the pictures shown are old ones, so nothing was picked")
        return proposal

    def _stands(self, key: Key) -> bool:
        """Whether the candidates that a pick was made among are still there."""
        proposal = self._read(key[0])
        return proposal is not None and _key(proposal) == key

    def _read(self, target: str) -> Proposal | None:
        return None if self._inside(proposal_path(self._root, target)) is None else read_proposal(self._root, target)

    def _inside(self, path: Path) -> Path | None:
        """The real place of a file, None where that is outside the folder of candidates, by name or by a link."""
        real = path.resolve()
        return real if real.is_relative_to(self._root.resolve() / FOLDER / "candidates") else None


def _key(proposal: Proposal) -> Key:
    return (proposal.target, proposal.content_sha256, proposal.made_with)


def _described(pair: Pair | None) -> str:
    return "the pick was taken back" if pair is None else f"{pair[0]} over {pair[1]}"
