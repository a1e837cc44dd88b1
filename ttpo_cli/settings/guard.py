"""Options of the fidelity guard."""

from dataclasses import dataclass

from ttpo_cli.settings.option import option


@dataclass(frozen=True)
class GuardOptions:
    """What a result may change: its low band is corrected towards the restored image's, and what strays too far is refused."""

    enabled: bool = option(True, "Correct the low band of results, and refuse what strays.")
    low_band: float = option(1.0, "How much of the low band is put back to the restored image's, 0 to 1.", limits=(0, 1))
    band: float = option(0.0, "Size of the low band, a fraction of the resolution; 0: 1 / scale, or 1/4 without a scale.")
    rounds: int = option(3, "How often the low band is put back.", limits=(0, None))
    consistency_margin: float = option(1.0, "dB that agreement with the input may fall below the restored image's.")
    degradation: bool = option(True, "Ask no more agreement with the input than its noise and its JPEG compression leave.", before=False)
    fidelity: float = option(24.0, "Least PSNR to the restored image, dB.")
    grain: float = option(2.4, "Largest growth of high-band energy in smooth regions, a factor.")
