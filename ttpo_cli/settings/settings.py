"""Everything that a result depends on, apart from the photo and the weights."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ttpo_cli.settings.candidates import CandidateOptions
from ttpo_cli.settings.guard import GuardOptions
from ttpo_cli.settings.guidance import GuidanceOptions
from ttpo_cli.settings.option import COMPUTE, MODEL, option
from ttpo_cli.settings.prior import PriorOptions
from ttpo_cli.settings.restore import RestoreOptions
from ttpo_cli.settings.selection import SelectionOptions
from ttpo_cli.settings.size import SizeOptions


@dataclass(frozen=True)
class Settings:
    """Everything a result depends on, apart from the photo and the weights.

    region: each region has candidates and a choice of its own, so memory stays bounded. Where memory is short nevertheless, the region
    that failed is split, and finished ones are kept.
    compare: not for photos done in regions.
    pick: (preferred, dispreferred) as a person chose them, rows of `candidates`, in every region alike; () where the metrics choose.
    """

    seed: int = option(0, "Each photo's seeds derive from this and its content.", panel=COMPUTE)
    ttpo: bool = option(
        True,
        "Improve the restored image, or stop at it.",
        flag="--ttpo/--no-ttpo",
        panel=MODEL,
        brief="Improve what the network made, or stop at it.",
    )
    prior: PriorOptions = field(default_factory=PriorOptions)
    candidates: CandidateOptions = field(default_factory=CandidateOptions)
    selection: SelectionOptions = field(default_factory=SelectionOptions)
    guidance: GuidanceOptions = field(default_factory=GuidanceOptions)
    guard: GuardOptions = field(default_factory=GuardOptions)
    restore: RestoreOptions = field(default_factory=RestoreOptions)
    size: SizeOptions = field(default_factory=SizeOptions)
    region: int = option(
        1024,
        "A result whose longer side is above this goes through the stages in regions of this side; 0: never.",
        panel=COMPUTE,
        limits=(0, None),
    )
    region_overlap: int = option(64, "Overlap of neighbouring regions, pixels.", panel=COMPUTE, limits=(0, None))
    stages_megapixels: float = option(
        12.0, "Megapixels of a result above which the stages are left out, since they take minutes; 0: never.", panel=COMPUTE, before=0.0
    )
    compare: bool = option(False, "Also make the best of N at guidance's network calls, to compare.", flag="--compare", panel=MODEL)
    pick: tuple[int, ...] = ()


def of_backbone(recorded: Mapping[str, Any]) -> dict[str, Any]:
    """Those of recorded settings that a result depends on without the stages."""
    return {name: recorded[name] for name in ("restore", "size") if name in recorded}
