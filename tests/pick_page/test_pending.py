"""What waits is read from the disk each time, nothing outside the candidates is handed out, and no pick lands on what was not seen."""

import json
import os
import shutil

import pytest
from candidate_folders import png, propose, shade

from ttpo_cli.errors import TtpoError, UsageError
from ttpo_cli.folder.journal import FOLDER, open_folder_journal
from ttpo_cli.folder.pick_store import add_pick, candidates_folder, proposal_path, read_folder_picks
from ttpo_cli.pick_page.pending import Backlog, Stale, address_of
from ttpo_cli.preference.pick import Pick


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


def pairs(backlog):
    return {photo.key[0]: photo.pair for photo in backlog.photos()}


def test_photos_wait_in_order_until_they_are_picked_and_stay_to_be_picked_anew(out):
    keys = [propose(out, name) for name in ("b.png", "deep/a & <i>.png", "c.png")]
    backlog = Backlog(out)
    assert pairs(backlog) == {"b.png": None, "c.png": None, "deep/a & <i>.png": None} and list(pairs(backlog)) == sorted(pairs(backlog))
    backlog.choose(address_of(keys[0]), (2, 1), None)
    assert pairs(backlog)["b.png"] == (2, 1) and backlog.photo(address_of(keys[0]))[1] == (2, 1)
    assert read_folder_picks(out) == {keys[0]: Pick(*keys[0], 2, 1)}


def test_a_photo_that_was_finished_with_its_pick_stays_and_one_that_metrics_finished_goes(out):
    picked, left = propose(out, "a.png"), propose(out, "b.png")
    backlog = Backlog(out)
    backlog.choose(address_of(picked), (0, 3), None)
    with open_folder_journal(out) as journal:
        for key in (picked, left):
            journal.writing(key[0], key[1], "other", "x", "{}", 1.0, "{}")
    assert pairs(backlog) == {"a.png": (0, 3)}


def test_candidates_that_an_interrupted_run_was_at_can_still_be_picked_from(out):
    keys = [propose(out, f"{name}.png") for name in "abcd"]
    with open_folder_journal(out) as journal:
        for target in ("a.png", "b.png", "c.png", "new.png"):
            journal.begin(target, out / target, None, None)
        journal.failed("b.png", "no memory", 4)
    (candidates_folder(out, "c.png") / "proposal.json").unlink()
    assert [photo.key for photo in Backlog(out).photos()] == [keys[0], keys[1], keys[3]]


def test_undo_takes_back_or_returns_to_the_pick_before(out):
    address = address_of(propose(out))
    backlog = Backlog(out)
    backlog.choose(address, (1, 2), None)
    backlog.choose(address, (3, 2), (1, 2))
    backlog.choose(address, (1, 2), (3, 2))
    assert pairs(backlog) == {"a.png": (1, 2)}
    backlog.choose(address, None, (1, 2))
    assert pairs(backlog) == {"a.png": None} and read_folder_picks(out) == {}


def test_two_windows_do_not_write_over_each_other(out):
    key = propose(out)
    one, other = Backlog(out), Backlog(out)
    one.choose(address_of(key), (1, 2), None)
    for pair in ((3, 1), None):
        with pytest.raises(Stale, match="picked elsewhere meanwhile .1 over 2"):
            other.choose(address_of(key), pair, None)
    assert read_folder_picks(out)[key] == Pick(*key, 1, 2)
    other.choose(address_of(key), (3, 1), (1, 2))
    with pytest.raises(Stale, match="3 over 1"):
        one.choose(address_of(key), None, (1, 2))
    assert read_folder_picks(out)[key] == Pick(*key, 3, 1)


def test_a_pick_from_the_command_line_is_seen_too(out):
    key = propose(out)
    backlog = Backlog(out)
    add_pick(out, Pick(*key, 1, 3))
    with pytest.raises(Stale):
        backlog.choose(address_of(key), (2, 1), None)
    assert pairs(backlog) == {"a.png": (1, 3)}


@pytest.mark.parametrize("other", [{"made_with": "n" * 64}, {"content": "d" * 64}])
def test_candidates_that_became_others_are_neither_shown_nor_picked_from_under_their_old_address(out, other):
    address = address_of(propose(out))
    backlog = Backlog(out)
    assert backlog.picture(address, 0).is_file()
    now = propose(out, **other)
    for use in (lambda: backlog.photo(address), lambda: backlog.picture(address, 0), lambda: backlog.choose(address, (1, 2), None)):
        with pytest.raises(Stale, match="changed on the disk"):
            use()
    assert not (out / FOLDER / "picks.jsonl").exists()
    assert backlog.photo(address_of(now))[0].made_with == now[2]


def test_candidates_that_are_gone_are_stale(out):
    address = address_of(propose(out))
    backlog = Backlog(out)
    backlog.photos()
    shutil.rmtree(candidates_folder(out, "a.png"))
    with pytest.raises(Stale):
        backlog.choose(address, (1, 2), None)


@pytest.mark.parametrize("address", ["", "0" * 32, "../../etc/passwd", "a.png"])
def test_an_address_that_names_nothing_finds_nothing(out, address):
    propose(out)
    with pytest.raises(Stale):
        Backlog(out).picture(address, 0)


@pytest.mark.parametrize("pair", [(1, 1), (4, 1), (1, -1), (1,), ()])
def test_a_pair_that_is_none_is_refused(out, pair):
    address = address_of(propose(out))
    with pytest.raises(UsageError):
        Backlog(out).choose(address, pair, None)
    assert not (out / FOLDER / "picks.jsonl").exists()


def test_the_picture_of_a_row_is_that_file(out):
    address = address_of(propose(out))
    assert Backlog(out).picture(address, 2).read_bytes() == png((40, 30), shade(2))
    for row in (4, -1, 10**9):
        with pytest.raises(TtpoError, match="no candidate"):
            Backlog(out).picture(address, row)


def tell(out, images):
    path = proposal_path(out, "a.png")
    path.write_text(json.dumps({**json.loads(path.read_text()), "images": images}))


@pytest.mark.parametrize(
    "name", ["../../../../secret.png", "..", "/etc/passwd", "", "sub/00.png", "secret.png", "00.png\0", "proposal.json", "00.PNG"]
)
def test_a_proposal_cannot_name_a_file_elsewhere(out, name):
    address = address_of(propose(out))
    (out.parent / "secret.png").write_bytes(png((4, 4), "red"))
    (candidates_folder(out, "a.png") / "secret.png").write_bytes(png((4, 4), "red"))
    tell(out, [name, "01.png", "02.png", "03.png"])
    with pytest.raises(TtpoError, match="not a picture in the folder"):
        Backlog(out).picture(address, 0)


def test_a_link_that_leads_out_of_the_candidates_is_not_followed(out):
    address = address_of(propose(out))
    secret = out.parent / "secret.png"
    secret.write_bytes(png((4, 4), "red"))
    for place in (candidates_folder(out, "a.png") / "01.png", candidates_folder(out, "a.png") / "02.png"):
        place.unlink()
    (candidates_folder(out, "a.png") / "01.png").symlink_to(secret)
    (candidates_folder(out, "a.png") / "02.png").symlink_to("03.png")
    with pytest.raises(TtpoError, match="not a picture in the folder"):
        Backlog(out).picture(address, 1)
    assert Backlog(out).picture(address, 2).name == "03.png", "one that stays inside is fine"


def test_a_folder_of_candidates_that_is_a_link_out_of_the_output_folder_is_not_followed(out):
    key = propose(out)
    elsewhere = out.parent / "elsewhere"
    shutil.move(out / FOLDER / "candidates", elsewhere)
    (out / FOLDER / "candidates").symlink_to(elsewhere)
    with pytest.raises(Stale):
        Backlog(out).picture(address_of(key), 0)


def test_a_journal_cannot_name_candidates_elsewhere(out):
    propose(out, "x.png")
    outside = propose(out.parent / "other", "../../../escaped")
    assert (out.parent / "escaped" / "proposal.json").exists(), "the forged one lies where the journal will point"
    with open_folder_journal(out) as journal:
        journal.begin(outside[0], out, None, None)
        journal.proposed(*outside)
    with pytest.raises(Stale):
        Backlog(out).photo(address_of(outside))


def test_the_output_folder_itself_may_be_a_link(out, tmp_path):
    key = propose(out)
    (tmp_path / "link").symlink_to(out)
    assert Backlog(tmp_path / "link").picture(address_of(key), 0).is_file()


@pytest.mark.parametrize("data", [b"", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"%PDF-1.4", b"\xff\xd8\xff\xe0", b"\x89PNG"])
def test_what_is_no_png_is_not_decoded(out, data):
    address = address_of(propose(out, picture=lambda row: data))
    with pytest.raises(TtpoError, match="not a PNG"):
        Backlog(out).picture(address, 0)


def test_a_pipe_in_the_place_of_a_picture_does_not_hang_the_page(out):
    address = address_of(propose(out))
    place = candidates_folder(out, "a.png") / "00.png"
    place.unlink()
    os.mkfifo(place)
    with pytest.raises(TtpoError, match="not a picture"):
        Backlog(out).picture(address, 0)
