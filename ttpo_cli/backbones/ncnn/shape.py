"""Sizes of blobs as ncnn has them, without a batch, and the checks that layers fit each other, made before anything is computed."""

from collections.abc import Sequence

from ttpo_cli.backbones.ncnn.param_file import Layer

# (channels, height, width), (rows, columns) or (values,).
Shape = tuple[int, ...]


def check_image(layer: Layer, blob: Shape) -> Shape:
    """A blob of channels, height and width. Raises WeightsError for another."""
    if len(blob) != 3:
        raise layer.error(f"takes an image and gets a blob of the size {blob}: give another checkpoint")
    return blob


def check_channels(layer: Layer, blob: Shape, expected: int) -> None:
    """Refuse a blob of other channels than the layer has weights for. Raises WeightsError."""
    if blob[0] != expected:
        raise layer.error(f"takes {expected} channels and gets {blob[0]}: give another checkpoint")


def check_size(layer: Layer, blob: Shape) -> Shape:
    """A blob with at least one value. Raises WeightsError for another."""
    if min(blob) < 1:
        raise layer.error("makes nothing of an image of this size: give a larger one, or another checkpoint")
    return blob


def check_same(layer: Layer, blobs: Sequence[Shape]) -> Shape:
    """The size that all blobs have. Raises WeightsError where they differ."""
    if any(blob != blobs[0] for blob in blobs):
        raise layer.error(f"joins blobs of different sizes ({blobs[0]} and others): give another checkpoint")
    return blobs[0]
