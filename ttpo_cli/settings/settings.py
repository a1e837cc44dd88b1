"""Everything that a result depends on beside the photo and the weights."""

from dataclasses import dataclass, field

from ttpo_cli.settings.candidates import CandidateOptions
from ttpo_cli.settings.guard import GuardOptions
from ttpo_cli.settings.guidance import GuidanceOptions
from ttpo_cli.settings.prior import PriorOptions
from ttpo_cli.settings.restore import RestoreOptions
from ttpo_cli.settings.selection import SelectionOptions


@dataclass(frozen=True)
class Settings:
    """Everything a result depends on beside the photo and the weights.

    ttpo: go beyond the restored image at all. region: photos whose longer side (after restoration) is above it go through the
    three stages in overlapping regions of that side, each with candidates and a choice of its own, so memory stays bounded; 0 = never.
    Where memory is short nevertheless, the region that failed is split, and those that are finished stay.
    compare: also make the best of N at equal network calls, the `rival` that guidance must beat (not for photos done in regions).
    pick: (preferred, dispreferred) as a person chose them, rows of `candidates`; in every region alike; () where the metrics choose.
    """

    seed: int = 0
    ttpo: bool = True
    prior: PriorOptions = field(default_factory=PriorOptions)
    candidates: CandidateOptions = field(default_factory=CandidateOptions)
    selection: SelectionOptions = field(default_factory=SelectionOptions)
    guidance: GuidanceOptions = field(default_factory=GuidanceOptions)
    guard: GuardOptions = field(default_factory=GuardOptions)
    restore: RestoreOptions = field(default_factory=RestoreOptions)
    region: int = 1024
    region_overlap: int = 64
    compare: bool = False
    pick: tuple[int, ...] = ()
