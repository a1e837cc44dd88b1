"""What ails a photo, as a value: size, JPEG quality, noise, effective resolution, clipped tones, photo or drawing."""

from dataclasses import dataclass

from torch import Tensor

from ttpo_cli.imaging.jpeg_tables import Table, table_quality
from ttpo_cli.imaging.photo import Photo
from ttpo_cli.inspection.content import clipped_shares, is_drawing
from ttpo_cli.inspection.jpeg_traces import find_traces
from ttpo_cli.inspection.noise import noise_sigma
from ttpo_cli.inspection.resolution import effective_resolution
from ttpo_cli.inspection.sampling import crops, luma

CLEAN_QUALITY = 85.0
CLEAN_NOISE = 3 / 255
# Behind a compression, texture is easily taken for noise: a point of quality below 95 raises the bound, up to the largest.
DOUBT_PER_POINT, LARGEST_CLEAN_NOISE = 0.2 / 255, 12 / 255
CLEAN_RESOLUTION = 0.66


@dataclass(frozen=True)
class Inspection:
    """What was found out about a photo.

    Attributes:
        width: Pixels.
        height: Pixels.
        kind: "photo" or "drawing".
        jpeg_quality: 1 to 100, by the quantisation tables of the file; None where it is no JPEG.
        jpeg_quality_estimated: 1 to 100, of the coarsest compression that the pixels show; None where they show none.
        noise_sigma: Deviation of the noise in a channel, in [0, 1]: times 255 for grey levels.
        effective_resolution: Share of each side that carries detail, in (0, 1]: at 0.5, half the width and height would hold it all.
        clipped_shadows: Share of pixels that are black.
        clipped_highlights: Share of pixels that are white.
    """

    width: int
    height: int
    kind: str
    jpeg_quality: float | None
    jpeg_quality_estimated: float | None
    noise_sigma: float
    effective_resolution: float
    clipped_shadows: float
    clipped_highlights: float

    @property
    def megapixels(self) -> float:
        """Millions of pixels."""
        return self.width * self.height / 1e6

    @property
    def lowest_quality(self) -> float | None:
        """The JPEG quality that damaged the photo most, by file or pixels; None where there was none."""
        known = [quality for quality in (self.jpeg_quality, self.jpeg_quality_estimated) if quality is not None]
        return min(known, default=None)

    @property
    def degradations(self) -> tuple[str, ...]:
        """What a viewer may see, in a word each: "compressed", "noisy", "blurred"; empty for a clean photo."""
        quality = self.lowest_quality
        found = {
            "compressed": quality is not None and quality < CLEAN_QUALITY,
            "noisy": self.noise_sigma > noise_bound(quality),
            "blurred": self.effective_resolution < CLEAN_RESOLUTION,
        }
        return tuple(word for word, holds in found.items() if holds)

    @property
    def degraded(self) -> bool:
        """Whether it shows any of the degradations."""
        return bool(self.degradations)

    @property
    def is_clean(self) -> bool:
        """Whether it shows none of the degradations."""
        return not self.degradations


def noise_bound(quality: float | None) -> float:
    """The noise, in [0, 1], up to which a photo that went through JPEG of this quality (None: through none) counts as clean."""
    return CLEAN_NOISE if quality is None else min(LARGEST_CLEAN_NOISE, CLEAN_NOISE + DOUBT_PER_POINT * max(0.0, 95 - quality))


def inspect_photo(photo: Photo) -> Inspection:
    """Inspect a photo as it was read, with the quantisation tables of its file."""
    return inspect_pixels(photo.pixels, photo.jpeg_table)


def inspect_pixels(pixels: Tensor, jpeg_table: Table | None = None) -> Inspection:
    """Inspect (1, 3, H, W) in [0, 1]; jpeg_table: the luminance steps of the file they are from, if it was a JPEG."""
    height, width = pixels.shape[-2:]
    looked_at = crops(pixels)
    planes = [luma(crop) for crop in looked_at]
    traces = find_traces(planes)
    noise = noise_sigma(looked_at, traces)
    shadows, highlights = clipped_shares(pixels)
    return Inspection(
        width=width,
        height=height,
        kind="drawing" if is_drawing(planes) else "photo",
        jpeg_quality=None if jpeg_table is None else table_quality(jpeg_table),
        jpeg_quality_estimated=None if traces is None else traces.quality,
        noise_sigma=noise,
        effective_resolution=effective_resolution(planes, traces, noise),
        clipped_shadows=shadows,
        clipped_highlights=highlights,
    )
