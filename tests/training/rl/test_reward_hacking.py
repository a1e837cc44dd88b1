"""The alarm: raised when the reward rises while something else falls, and only then; the best checkpoint by its stated rule."""

import pytest

from ttpo_cli.training.rl.reward_hacking import Alarm, Watch

WATCHES = (Watch("held_piqe", True, 0.1, True), Watch("held_psnr", False, 0.5, False))


def seen(*validations):
    alarm, bests = Alarm(WATCHES), []
    for step, (reward, piqe, psnr) in enumerate(validations):
        bests.append(alarm.observe({"held_reward": reward, "held_piqe": piqe, "held_psnr": psnr}, step))
    return alarm, bests


def test_a_reward_that_rises_while_a_judge_falls_beyond_its_margin_raises_it_and_says_which():
    alarm, bests = seen((0.5, 40, 30), (0.6, 43, 29.6), (0.7, 45, 29.4))
    assert bests == [True, True, False]
    assert "held_piqe 40 -> 45; held_psnr 30 -> 29.4" in alarm.raised
    assert "rose from 0.5000 to 0.7000" in alarm.raised
    assert alarm.best_step == 1


def test_within_the_margins_or_when_the_judges_rise_nothing_is_raised():
    assert seen((0.5, 40, 30), (0.6, 44, 29.5))[0].raised == ""
    assert seen((0.5, 40, 30), (0.6, 10, 40))[0].raised == ""


@pytest.mark.parametrize(
    ("values", "fallen"),
    [((40, 28.5), False), ((40, 27.5), True), ((40, 45), True), ((25, 24), True), ((25, 26), False), ((28, 25), True)],
)
def test_better_than_true_photos_by_more_than_the_margin_has_fallen_too(values, fallen):
    before, after = values
    assert Watch("held_piqe", True, 0.1, True, level=31.0).fallen(after, before) is fallen
    assert Watch("held_niqe", False, 0.1, True, level=-31.0).fallen(-after, -before) is fallen
    assert not Watch("held_piqe", True, 0.1, True).fallen(0.0, before)


def test_what_is_too_good_is_told_with_what_true_photos_have():
    alarm = Alarm((Watch("held_piqe", True, 0.1, True, level=31.0),))
    alarm.observe({"held_reward": 0.5, "held_piqe": 40}, 0)
    assert not alarm.observe({"held_reward": 0.6, "held_piqe": 20}, 1)
    assert "held_piqe 40 -> 20 (true photos: 31)" in alarm.raised and alarm.best_step == 0


def test_judges_that_fall_together_with_the_reward_are_no_hacking_but_no_best_either():
    alarm, bests = seen((0.5, 40, 30), (0.4, 60, 20))
    assert alarm.raised == ""
    assert bests == [True, False]


def test_the_best_is_the_highest_reward_at_which_nothing_had_fallen():
    alarm, bests = seen((0.5, 40, 30), (0.7, 40, 30), (0.6, 40, 30), (0.9, 60, 30), (0.8, 40, 30))
    assert bests == [True, True, False, False, True]
    assert alarm.best_step == 4


def test_falls_are_measured_from_the_beginning_not_from_the_last_validation():
    alarm, _ = seen((0.5, 40, 30), (0.6, 40, 29.7), (0.7, 40, 29.4))
    assert "held_psnr" in alarm.raised


def test_a_resumed_alarm_goes_on_from_where_it_stood():
    alarm, _ = seen((0.5, 40, 30), (0.7, 40, 30))
    other = Alarm(WATCHES)
    other.load_state_dict(alarm.state_dict())
    assert other.observe({"held_reward": 0.6, "held_piqe": 40, "held_psnr": 30}, 2) is False
    assert other.best_step == 1
    other.observe({"held_reward": 0.6, "held_piqe": 50, "held_psnr": 30}, 3)
    assert "held_piqe 40 -> 50" in other.raised


def test_what_has_a_right_value_falls_on_either_side_of_it_but_not_towards_it():
    watch = Watch("held_high_band", False, 0.1, True, target=1.0)
    assert not watch.fallen(1.25, 0.7)
    assert watch.fallen(1.45, 0.7)
    assert not watch.fallen(0.65, 0.7)
    assert watch.fallen(0.55, 0.7)
