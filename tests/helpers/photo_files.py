"""Photo files made on the spot, by Pillow and by libvips."""

import io

import numpy as np
import pyvips
from PIL import Image

RANDOM = np.random.default_rng(0).integers(0, 256, (6, 8, 4), dtype=np.uint8)
RGB = Image.fromarray(RANDOM[..., :3])


def encoded(image: Image.Image, format: str, **options) -> bytes:
    stream = io.BytesIO()
    image.save(stream, format, **options)
    return stream.getvalue()


def by_vips(samples: np.ndarray, suffix: str, interpretation: str | None = None, **options) -> bytes:
    return pyvips.Image.new_from_array(np.ascontiguousarray(samples), interpretation=interpretation).write_to_buffer(suffix, **options)
