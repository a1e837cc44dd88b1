"""Sidecars of the first wave: each is repeated to the pixels it tells of, and the options of then still mean what they meant."""

import pytest

SIDECARS = ("default", "stages", "plain", "compare", "regions", "learned")


def output(name):
    return f"sidecars/{name}.{'jpg' if name == 'stages' else 'png'}"


def check_replay(wave, picture, photo):
    record = wave.read(f"{picture}.ttpo.json")
    again = f"again.{picture.rpartition('.')[2]}"
    told = wave.json(f"replay {picture}.ttpo.json --photo {photo} -o {again} --json -q", None)
    code = wave.code
    assert not any(line.startswith("weights") for line in told["differences"]), told["differences"]
    assert told["pixels_sha256"]["then"] == record["pixels_sha256"]
    wave.assert_same_picture(again, picture, record)
    if wave.repeats(record):
        assert code == 0 and told["same"] is True


@pytest.mark.parametrize("name", SIDECARS)
def test_a_sidecar_of_the_first_wave_is_repeated_to_the_pixels_it_tells_of(name, wave):
    wave.take("sidecars")
    check_replay(wave, output(name), f"sidecars/{name}.photo.png")


def test_a_sidecar_with_a_persons_pick_is_repeated_with_the_pick(wave):
    wave.take("later")
    assert wave.read("later/finished/one.png.ttpo.json")["settings"]["pick"] == [2, 0]
    check_replay(wave, "later/finished/one.png", "later/album/one.png")


def test_another_photo_than_the_sidecars_is_still_refused(wave):
    wave.take("sidecars")
    wave.run("replay sidecars/plain.png.ttpo.json --photo sidecars/default.photo.png", 1)
    assert "is not the photo" in wave.told


def test_the_options_of_every_stage_as_they_were_given_then_mean_the_same(wave):
    wave.take("sidecars")
    flags = wave.read("sidecars/flags.json")["stages"]
    wave.run(f"restore sidecars/stages.photo.png -o now.jpg -q {flags}")
    then, now = wave.read("sidecars/stages.jpg.ttpo.json"), wave.read("now.jpg.ttpo.json")
    wave.assert_same_picture("now.jpg", "sidecars/stages.jpg", then)
    told = ("source", "candidates", "seeds", "network_calls", "notes", "chosen") if wave.repeats(then) else ("seeds", "network_calls")
    for part in told:
        expected = {**then[part], "path": now[part]["path"]} if part == "source" else then[part]
        assert now[part] == expected, part


def test_weights_of_picks_fit_are_read_from_their_file_and_do_what_they_did(wave):
    wave.take("sidecars", "learned.json")
    flags = wave.read("sidecars/flags.json")["learned"]
    assert "--weights learned.json" in flags
    wave.run(f"restore sidecars/learned.photo.png -o now.png -q {flags}")
    then, now = wave.read("sidecars/learned.png.ttpo.json"), wave.read("now.png.ttpo.json")
    wave.assert_same_picture("now.png", "sidecars/learned.png", then)
    assert [row["label"] for row in now["candidates"]] == [row["label"] for row in then["candidates"]]
    fitted = wave.read("learned.json")["weights"]
    assert then["settings"]["selection"]["weights"] == fitted and str(fitted["piqe"]) in (wave.folder / "now.png.ttpo.json").read_text()
