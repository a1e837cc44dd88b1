"""What the mark in XMP says: which part made the picture."""

import pytest

from ttpo_cli.imaging.xmp_mark import ENHANCED, GENERATIVE
from ttpo_cli.report.output import mark_of

OTHERS = {"kept": False, "others": ["lfc-sr-small", "x4plus from 0.5"]}


@pytest.mark.parametrize(
    ("chosen", "kind"),
    [
        ("restored", ENHANCED),
        ("lfc-sr-small", ENHANCED),
        ("x4plus from 0.5", ENHANCED),
        ("x4plus", ENHANCED),  # of all regions, which say the first word alone
        ("candidate 1 (strength 0.1)", GENERATIVE),
        ("guided", GENERATIVE),
        ("regional mixture", GENERATIVE),
    ],
)
def test_what_networks_restored_is_enhanced_and_what_the_prior_made_is_generative(chosen, kind):
    mark = mark_of({"chosen": chosen, "restoration": OTHERS})
    assert mark is not None and mark.source_type == kind


def test_a_record_from_before_there_were_other_restorations_is_read():
    assert mark_of({"chosen": "guided"}).source_type == GENERATIVE
    assert mark_of({"chosen": "restored"}).source_type == ENHANCED


def test_a_photo_that_was_kept_gets_no_mark():
    assert mark_of({"chosen": "restored", "restoration": {"kept": True, "others": []}}) is None
