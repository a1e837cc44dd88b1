"""Options of the fidelity guard."""

from dataclasses import dataclass


@dataclass(frozen=True)
class GuardOptions:
    """What a result may change. enabled: mend and refuse at all.

    low_band: how much of the deviation of the low band from the restored image's is put back, 0 to 1, in each of `rounds`. band: its size,
    a fraction of the image's own resolution; 0 = 1 / scale of the task (what the input could show), or 1/4 for a task without a scale.
    consistency_margin: dB the agreement with the input may fall below the restored image's. fidelity: least PSNR to the restored image, dB.
    grain: largest growth of the high-band energy of smooth regions, as a factor on the restored image's own.
    """

    enabled: bool = True
    low_band: float = 1.0
    band: float = 0.0
    rounds: int = 3
    consistency_margin: float = 1.0
    fidelity: float = 24.0
    grain: float = 2.4
