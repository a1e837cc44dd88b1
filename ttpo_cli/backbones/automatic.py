"""`--backbone auto`: which restorer a photo needs, by what is found in it."""

from ttpo_cli.backbones.catalog import backbone_names
from ttpo_cli.inspection.inspection import Inspection

AUTO = "auto"
# For photos, for drawings, and the one that adds least, whose image is a candidate for photos in which nothing wrong was found.
PHOTOS, DRAWINGS, FAITHFUL = "realesrgan-x4plus-ncnn", "realesrgan-x4plus-anime", "lfc-sr-small"
# All that may take part, the one for most photos first.
BACKBONES_OF_AUTO = (PHOTOS, DRAWINGS, FAITHFUL)


def names_of_backbones(text: str) -> tuple[str, ...]:
    """The backbones that --backbone may need. Raises UsageError where it names none, or one twice."""
    return BACKBONES_OF_AUTO if text == AUTO else backbone_names(text)


def backbones_for(inspection: Inspection) -> tuple[tuple[str, ...], str]:
    """The names of the restorers of a photo, the first of which makes the restored image, and why in a few words.

    A network made for degraded photos paints over what a clean one shows (small faces get false eyes and teeth), and the faithful one
    sharpens the blocks of a photo whose degradation was not found. Most small photos that people have are of the second kind, so the
    first network goes first, and a clean photo has the faithful one's image as a candidate.
    """
    if inspection.kind == "drawing":
        return (DRAWINGS,), "it is a drawing"
    if inspection.is_clean:
        return (PHOTOS, FAITHFUL), "it is a photo in which nothing wrong was found"
    return (PHOTOS,), found_in(inspection)


def found_in(inspection: Inspection) -> str:
    """What is wrong with a photo, in numbers; empty for a clean one."""
    words = {
        "compressed": f"JPEG quality {inspection.lowest_quality or 0:.0f}",
        "noisy": f"noise of {inspection.noise_sigma * 255:.0f} grey levels",
        "blurred": f"detail for {inspection.effective_resolution:.2f} of its size",
    }
    return ", ".join(words[degradation] for degradation in inspection.degradations)
