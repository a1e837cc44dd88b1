"""From what a photographer types to one checkpoint: names, families, tasks, scales, and errors that list what a name could mean."""

import pytest

from ttpo_cli.errors import UsageError
from ttpo_cli.weights.family import choose, find_entry
from ttpo_cli.weights.manifest import read_manifest

ENTRIES = read_manifest()


def chosen(name, **wanted):
    found = choose(ENTRIES, name, "backbone", **wanted)
    return None if found is None else found.name


@pytest.mark.parametrize(
    ("name", "wanted", "expected"),
    [
        ("swinir-light-x3", {}, "swinir-light-x3"),
        ("swinir-light-x3", {"scale": 2}, "swinir-light-x3"),
        ("swinir", {}, "swinir-real-l-x4"),
        ("SwinIR", {"scale": 2}, "swinir-real-m-x2"),
        ("swinir", {"scale": 8}, "swinir-classical-x8"),
        ("swinir", {"task": "super-resolution"}, "swinir-classical-x4"),
        ("swinir-light", {}, "swinir-light-x4"),
        ("realesrgan", {}, "realesrgan-x4plus-ncnn"),
        ("realesrgan-x4plus", {}, "realesrgan-x4plus"),
        ("realesr-animevideov3", {}, "realesr-animevideov3-x4"),
        ("realesr-animevideov3", {"scale": 3}, "realesr-animevideov3-x3"),
        ("compact", {}, "realesrgan-general-x4"),
        ("realcugan", {}, "realcugan-se-x4"),
        ("realcugan", {"scale": 2}, "realcugan-se-x2"),
        ("realcugan", {"scale": 3}, "realcugan-se-x3"),
        ("waifu2x", {}, "waifu2x-cunet-x2"),
        ("realesrgan", {"scale": 2}, "realesrgan-x2plus"),
        ("hat", {}, "nomos8ksc-hat-s-x4"),
        ("hat", {"scale": 3}, "hat-x3"),
        ("nafnet", {"task": "deblur"}, "nafnet-gopro-64"),
        ("restormer", {"task": "derain"}, "restormer-derain"),
        ("scunet", {}, "scunet-real-gan"),
        ("gfpgan", {}, "gfpgan-1.4"),
        ("codeformer", {}, "codeformer-v0.1"),
        ("fbcnn", {"task": "JPEG"}, "fbcnn-color"),
        ("bsrgan", {}, "bsrgan-x4"),
        ("sd21", {}, None),
        ("no such name", {}, None),
    ],
)
def test_a_name_with_task_and_scale_means_one_entry(name, wanted, expected):
    assert chosen(name, **wanted) == expected


@pytest.mark.parametrize(
    ("name", "wanted", "words"),
    [
        ("nafnet", {}, r"could be any of nafnet-sidd-64 \(denoise\).*nafnet-gopro-64 \(deblur\).*--task"),
        ("swinir", {"scale": 5}, r"no swinir that enlarges by 5; there are: .*swinir-classical-x8 \(super-resolution x8\)"),
        ("nafnet", {"task": "dehaze"}, "no nafnet for dehaze"),
        ("nafnet", {"task": "debblur"}, "unknown task 'debblur': did you mean deblur"),
    ],
)
def test_what_cannot_be_decided_lists_what_there_is(name, wanted, words):
    with pytest.raises(UsageError, match=words):
        chosen(name, **wanted)


def test_a_name_of_any_role_is_meant():
    assert find_entry(ENTRIES, "sd21").role == "prior"
    assert find_entry(ENTRIES, "SD2.1").name == "sd21"
    assert find_entry(ENTRIES, "ranker").role == "metric"
    with pytest.raises(UsageError, match="unknown model 'swinirr': did you mean"):
        find_entry(ENTRIES, "swinirr")


@pytest.mark.parametrize(("typed", "meant_name"), [("swinr", "swinir"), ("restomer", "restormer"), ("sd1.4", "sd1.5")])
def test_a_misspelt_family_is_offered_by_its_name(typed, meant_name):
    with pytest.raises(UsageError, match=f"did you mean [^?]*\\b{meant_name}\\b(?!-)"):
        find_entry(read_manifest(), typed)
