"""Picks as lines of JSON: the last word counts, nothing else is taken for a pick, and metrics are asked whether they agree."""

import pytest

from ttpo_cli.errors import TtpoError
from ttpo_cli.preference.pick import Pick, Proposal, agreement, pick_line, read_picks

ONE = Pick("a.png", "c" * 64, "s" * 64, 3, 1)


def test_a_pick_comes_back_from_its_line():
    assert read_picks([pick_line(ONE)], "x") == {ONE.key: ONE}


def test_the_last_pick_of_a_photo_counts_and_one_taken_back_is_none():
    second = Pick(*ONE.key, 2, 4)
    back = Pick(*ONE.key, None, None)
    assert read_picks(map(pick_line, (ONE, second)), "x") == {ONE.key: second}
    assert read_picks(map(pick_line, (ONE, back)), "x") == {}
    assert read_picks(map(pick_line, (ONE, back, second)), "x") == {ONE.key: second}


def test_picks_of_other_photos_contents_and_settings_stand_beside_each_other():
    others = [Pick("b.png", ONE.content_sha256, ONE.made_with, 1, 2), Pick(ONE.target, "d" * 64, ONE.made_with, 1, 2)]
    others.append(Pick(ONE.target, ONE.content_sha256, "t" * 64, 1, 2))
    assert len(read_picks(map(pick_line, (ONE, *others)), "x")) == 4


def test_a_last_line_cut_short_is_left_out():
    assert read_picks([pick_line(ONE), pick_line(ONE)[:-9]], "x") == {ONE.key: ONE}


@pytest.mark.parametrize(
    "line",
    [
        "no json\n",
        "[]\n",
        "{}\n",
        pick_line(ONE).replace('"schema_version": 1', '"schema_version": 9'),
        pick_line(ONE).replace('"preferred": 3', '"preferred": 1'),
        pick_line(ONE).replace('"preferred": 3', '"preferred": -1'),
        pick_line(ONE).replace('"preferred": 3', '"preferred": true'),
        pick_line(ONE).replace('"preferred": 3', '"preferred": null'),
        pick_line(ONE).replace('"target": "a.png"', '"target": 7'),
        pick_line(ONE).replace('"target"', '"photo"'),
    ],
)
def test_a_line_that_is_no_pick_is_named(line):
    with pytest.raises(TtpoError, match="picks.jsonl', line 2"):
        read_picks([pick_line(ONE), line], "picks.jsonl")


def test_agreement_counts_the_pairs_that_a_metric_tells_apart_in_its_own_direction():
    scores = {"up": (1.0, 2.0, 2.0, 5.0), "down": (1.0, 2.0, 2.0, 5.0), "same": (1.0, 1.0, 1.0, 1.0), "mute": (None, 1.0, 2.0, None)}
    proposal = Proposal(*ONE.key, ("r", "1", "2", "3"), ("",) * 4, scores, {"up": False, "down": True, "same": False, "mute": False})
    pairs = [(Pick(*ONE.key, *rows), proposal) for rows in ((3, 1), (0, 1), (1, 2), (2, 1))]
    assert agreement(pairs) == {"up": (1, 2), "down": (1, 2), "mute": (1, 2)}
