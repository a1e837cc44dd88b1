"""Output folders of the first wave: what is done stays done, what changed is done again alone, and what waits for a person is finished."""

import shutil
from pathlib import Path

import pytest
from PIL import Image
from safetensors import safe_open
from safetensors.torch import save_file


def restore(wave, name, more=""):
    """The same command as then, from another place: what it says with --json."""
    flags = wave.folder / name / "flags.txt"
    given = flags.read_text().strip() if flags.exists() else ""
    return wave.json(f"restore {name}/album -r -o {name}/restored --json -q {given} {more}")


def results(told):
    return [Path(record["output"]).name for record in told["results"]]


@pytest.mark.parametrize("name", ["defaults", "stages"])
def test_a_folder_that_was_done_with_the_same_options_is_up_to_date(name, wave):
    wave.take(name)
    before = wave.contents(f"{name}/restored")
    told = restore(wave, name)
    assert results(told) == [] and told["failures"] == []
    assert wave.contents(f"{name}/restored") == before


def test_other_options_do_a_folder_again(wave):
    wave.take("stages")
    assert len(results(restore(wave, "stages", "--no-ttpo"))) == 3


def test_a_photo_that_changed_is_done_again_alone(wave):
    wave.take("stages")
    before = wave.contents("stages/restored")
    shutil.copyfile("stages/album/three.png", "stages/album/one.png")
    assert results(restore(wave, "stages")) == ["one.jpg"]
    after = wave.contents("stages/restored")
    assert {name for name in after if after[name] != before.get(name)} == {"one.jpg", "one.jpg.ttpo.json"}
    assert before.keys() == after.keys()
    assert results(restore(wave, "stages")) == []


def test_a_sidecar_that_was_deleted_comes_back_from_the_journal_and_an_edited_picture_is_left(wave):
    wave.take("defaults")
    place = wave.folder / "defaults" / "restored"
    (place / "one.png.ttpo.json").unlink()
    Image.new("RGB", (32, 32)).save(place / "three.png")
    edited = (place / "three.png").read_bytes()
    before = wave.read("defaults/restored/deep/two.webp.ttpo.json")
    restore(wave, "defaults")
    assert (place / "three.png").read_bytes() == edited
    assert wave.read("defaults/restored/deep/two.webp.ttpo.json") == before
    wave.take("defaults/restored/three.png")
    told = wave.read("defaults/restored/one.png.ttpo.json")
    wave.take("defaults/restored/one.png.ttpo.json")
    then = wave.read("defaults/restored/one.png.ttpo.json")
    assert told.keys() == then.keys() and told["pixels_sha256"] == then["pixels_sha256"] and told["settings"] == then["settings"]


def test_a_report_shows_an_old_folder(wave):
    wave.take("defaults", "later")
    wave.run("report defaults/restored -o page.html")
    page = Path("page.html").read_text()
    assert all(name in page for name in ("one.png", "two.webp", "three.png"))
    wave.run("report later/restored -o waiting.html")
    assert Path("waiting.html").read_text().count("waits for a pick") == 3


@pytest.mark.parametrize("latents", ["kept", "gone"])
def test_candidates_that_waited_are_finished_with_the_pick_that_holds(latents, wave):
    wave.take("later")
    place = Path("later/restored/.ttpo/candidates")
    if latents == "gone":
        (place / "one.png" / "latents.safetensors").unlink()
    others = {name: data for name, data in wave.contents("later/restored").items() if "/one.png/" not in name}
    told = restore(wave, "later", "--select later")
    assert results(told) == ["one.png"]
    record, then = wave.read("later/restored/one.png.ttpo.json"), wave.read("later/finished/one.png.ttpo.json")
    assert record["settings"]["pick"] == [2, 0] and record["reason"] == then["reason"]
    wave.assert_same_picture("later/restored/one.png", "later/finished/one.png", then)
    after = wave.contents("later/restored")
    assert {name: after[name] for name in others} == others, "two photos wait on, and the picks stand as they were written"
    assert sorted(name for name in after if not name.startswith(".ttpo")) == ["one.png", "one.png.ttpo.json"]
    assert results(restore(wave, "later", "--select later")) == []


def test_latents_are_used_where_everything_is_as_it_was_and_made_again_elsewhere(wave):
    wave.take("later")
    path = "later/restored/.ttpo/candidates/one.png/latents.safetensors"
    with safe_open(path, "pt") as stream:
        tensors, metadata = {"latents": stream.get_tensor("latents").flip(-1)}, stream.metadata()
    save_file(tensors, path, metadata)
    then = wave.read("later/finished/one.png.ttpo.json")
    restore(wave, "later", "--select later")
    record = wave.read("later/restored/one.png.ttpo.json")
    as_made = [row["fidelity_db"] for row in record["candidates"]] == pytest.approx(
        [row["fidelity_db"] for row in then["candidates"]], abs=0.5
    )
    whole = wave.repeats(then, whole_machine=True) and record["versions"] == then["versions"]
    assert as_made != whole, "candidates turned about in the file are used exactly where versions and machine are those of the file"


def test_picks_are_counted_exported_taken_back_and_made_as_before(wave):
    wave.take("later")
    told = wave.json("picks stats later/restored --json -q")
    assert told["picks"] == 1 and told["metrics"].keys() == {"ranker"}
    (line,) = wave.run("picks export later/restored").splitlines()
    assert '"target": "one.png"' in line and '"preferred_label": "candidate 2 (strength 0.3)"' in line
    assert '"dispreferred_label": "restored"' in line and Path(line.split('"preferred": "')[1].split('"')[0]).is_file()
    wave.run("picks undo later/restored one.png")
    wave.run("picks add later/restored three.png 1 2")
    lines = Path("later/restored/.ttpo/picks.jsonl").read_text().splitlines()
    assert len(lines) == 7 and results(restore(wave, "later", "--select later")) == ["three.png"]


def test_twenty_old_picks_speak_for_the_weights_they_spoke_for(wave):
    wave.take("fit", "learned.json")
    then, now = wave.read("learned.json"), wave.json("picks fit fit/restored --json -q")
    assert now.keys() == then.keys() and now["picks"] == 20
    for part in ("weights", "standard_errors", "agreement"):
        assert now[part] == pytest.approx(then[part], rel=1e-5)
    assert wave.json("picks stats fit/restored --json -q")["learned"]["weights"] == pytest.approx(then["weights"], rel=1e-5)
