"""Output folders with candidates that wait for a person: pictures of one colour each, as `--select later` lays them down."""

import io

from PIL import Image

from ttpo_cli.folder.journal import open_folder_journal
from ttpo_cli.folder.pick_store import proposal_files
from ttpo_cli.preference.pick import Proposal


def shade(row):
    """The colour of a candidate: far enough from the others to be told apart in a JPEG."""
    return (40 * row, 200 - 40 * row, 90)


def propose(root, target="a.png", content="c" * 64, made_with="m" * 64, size=(40, 30), rows=4, picture=None):
    """Lay down the candidates of one photo, and the journal's row. Returns their key."""
    names = tuple(f"{row:02d}.png" for row in range(rows))
    labels = ("restored", *(f"candidate {row}" for row in range(1, rows)))
    proposal = Proposal(target, content, made_with, labels, names, {"niqe": [float(row) for row in range(rows)]}, {"niqe": True})
    pictures = {name: picture(row) if picture else png(size, shade(row)) for row, name in enumerate(names)}
    for path, data in proposal_files(root, proposal, pictures).items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    with open_folder_journal(root) as journal:
        journal.begin(target, root / "album" / target, None, None)
        journal.proposed(target, content, made_with[::-1] + "0")  # of all settings, of which the candidates' are a part
    return (target, content, made_with)


def png(size, colour):
    stream = io.BytesIO()
    Image.new("RGB", size, colour).save(stream, "png")
    return stream.getvalue()
