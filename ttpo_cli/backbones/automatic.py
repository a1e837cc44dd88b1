"""`--backbone auto`: which restorer a photo needs, by what is found in it."""

from ttpo_cli.backbones.catalog import backbone_names
from ttpo_cli.inspection.inspection import Inspection

AUTO = "auto"
# For degraded photos, for drawings, and for photos that have nothing to repair and are only enlarged.
PHOTOS, DRAWINGS, CLEAN = "realesrgan-x4plus-ncnn", "realesrgan-x4plus-anime", "lfc-sr-small"
# All that may be chosen, the one for most photos first.
BACKBONES_OF_AUTO = (PHOTOS, DRAWINGS, CLEAN)


def names_of_backbones(text: str) -> tuple[str, ...]:
    """The backbones that --backbone may need. Raises UsageError where it names none, or one twice."""
    return BACKBONES_OF_AUTO if text == AUTO else backbone_names(text)


def backbone_for(inspection: Inspection) -> tuple[str, str]:
    """The name of the restorer for a photo, and why in a few words.

    A network made for degraded photos paints over what a clean one shows: small faces get false eyes and teeth.
    """
    if inspection.kind == "drawing":
        return DRAWINGS, "it is a drawing"
    if inspection.is_clean:
        return CLEAN, "it is a clean photo"
    return PHOTOS, found_in(inspection)


def found_in(inspection: Inspection) -> str:
    """What is wrong with a photo, in numbers; empty for a clean one."""
    words = {
        "compressed": f"JPEG quality {inspection.lowest_quality or 0:.0f}",
        "noisy": f"noise of {inspection.noise_sigma * 255:.0f} grey levels",
        "blurred": f"detail for {inspection.effective_resolution:.2f} of its size",
    }
    return ", ".join(words[degradation] for degradation in inspection.degradations)
