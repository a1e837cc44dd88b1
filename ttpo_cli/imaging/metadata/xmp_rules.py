"""Which properties of XMP speak of a picture's size, place, storage or further contents, and what becomes of each.

Namespaces: ISO 16684-1 and -2; Google's GPano, GCamera, Container, GDepth and GImage; Adobe's hdrgm and crs; Apple's HDRGainMap.
"""

from collections.abc import Callable
from math import ceil, floor

_ADOBE, _GOOGLE, _APPLE = "http://ns.adobe.com/", "http://ns.google.com/photos/1.0/", "http://ns.apple.com/"
TIFF, EXIF, CRS, XMP = f"{_ADOBE}tiff/1.0/", f"{_ADOBE}exif/1.0/", f"{_ADOBE}camera-raw-settings/1.0/", f"{_ADOBE}xap/1.0/"
GPANO, DC, NOTE = f"{_GOOGLE}panorama/", "http://purl.org/dc/elements/1.1/", "http://ns.adobe.com/xmp/note/"

# Namespaces all of whose properties promise contents that the written file has not: gain maps, films, further pictures, depth.
GONE = (
    f"{_ADOBE}hdr-gain-map/1.0/",
    f"{_APPLE}HDRGainMap/1.0/",
    f"{_APPLE}pixeldatainfo/1.0/",
    f"{_APPLE}depthData/1.0/",
    f"{_APPLE}portraitLightingEffect/1.0/",
    f"{_GOOGLE}container/",
    f"{_GOOGLE}container/item/",
    f"{_GOOGLE}depthmap/",
    f"{_GOOGLE}image/",
    "http://ns.google.com/photos/dd/1.0/",  # and what begins so
)
# Of any namespace: a camera's own names for a film behind the picture.
GONE_BEGINNINGS = ("MotionPhoto", "MicroVideo", "OLivePhoto")
# What leaves the file with its properties, in words.
WITHIN = {
    f"{_GOOGLE}depthmap/ Data": "its depth map",
    f"{_GOOGLE}image/ Data": "the picture within its XMP",
    f"{XMP} Thumbnails": "its thumbnail",
}
GONE_NAMES = frozenset(
    (
        f"{XMP} Thumbnails",
        f"{XMP}t/pg/ MaxPageSize",
        f"{NOTE} HasExtendedXMP",
        f"{EXIF} CompressedBitsPerPixel",
        "http://ns.oplus.com/photos/1.0/camera/ VideoLength",
        *(f"{TIFF} {name}" for name in ("BitsPerSample", "Compression", "PhotometricInterpretation", "SamplesPerPixel")),
        *(f"{TIFF} {name}" for name in ("PlanarConfiguration", "YCbCrSubSampling", "YCbCrPositioning")),
        *(f"{TIFF} {name}" for name in ("StripOffsets", "StripByteCounts", "RowsPerStrip", "NativeDigest")),
        f"{EXIF} NativeDigest",
    )
)
# Width and height of the picture, and its orientation.
WIDTHS, HEIGHTS = (
    frozenset((f"{TIFF} ImageWidth", f"{EXIF} PixelXDimension")),
    frozenset((f"{TIFF} ImageLength", f"{EXIF} PixelYDimension")),
)
ORIENTATION, MEDIA_TYPE = f"{TIFF} Orientation", f"{DC} format"
# Numbers that grow with the width (0) or the height (1), and how they are rounded: what lies within something stays within it.
Rounding = Callable[[float], int]
SCALED: dict[str, tuple[int, Rounding]] = {
    f"{GPANO} CroppedAreaImageWidthPixels": (0, round),
    f"{GPANO} CroppedAreaImageHeightPixels": (1, round),
    f"{GPANO} FullPanoWidthPixels": (0, ceil),
    f"{GPANO} FullPanoHeightPixels": (1, ceil),
    f"{GPANO} CroppedAreaLeftPixels": (0, floor),
    f"{GPANO} CroppedAreaTopPixels": (1, floor),
    f"{GPANO} LargestValidInteriorRectLeft": (0, ceil),
    f"{GPANO} LargestValidInteriorRectTop": (1, ceil),
    f"{GPANO} LargestValidInteriorRectWidth": (0, floor),
    f"{GPANO} LargestValidInteriorRectHeight": (1, floor),
}
# Settings of a raw developer that lie in places of the picture: true of a larger one, and not of one that was turned.
PLACED = frozenset(
    f"{CRS} {name}"
    for name in (
        *("CropTop", "CropLeft", "CropBottom", "CropRight", "CropAngle", "CropWidth", "CropHeight", "CropUnit", "CropUnits", "HasCrop"),
        *("RetouchInfo", "RetouchAreas", "RedEyeInfo", "PaintBasedCorrections", "GradientBasedCorrections"),
        *("CircularGradientBasedCorrections", "MaskGroupBasedCorrections", "PerspectiveVertical", "PerspectiveHorizontal"),
        *("PerspectiveRotate", "PerspectiveX", "PerspectiveY", "UprightTransform_0", "UprightTransform_1", "UprightTransform_2"),
        *("UprightTransform_3", "UprightTransform_4", "UprightTransform_5", "UprightFourSegments_0", "UprightFourSegments_1"),
        *("UprightFourSegments_2", "UprightFourSegments_3"),
    )
)
SUBJECTS = frozenset((f"{EXIF} SubjectArea", f"{EXIF} SubjectLocation"))
# Pairs of values across and along: exchanged where the picture is turned on its side; of the focal plane they also grow.
RESOLUTION, FOCAL_PLANE = (f"{TIFF} XResolution", f"{TIFF} YResolution"), (f"{EXIF} FocalPlaneXResolution", f"{EXIF} FocalPlaneYResolution")
FOCAL_POINT = (f"{_GOOGLE}focus/ FocalPointX", f"{_GOOGLE}focus/ FocalPointY")
# Namespaces and beginnings by which even a damaged packet shows that it may say what is no longer true.
SUSPECT = tuple(
    word.encode()
    for word in (*GONE, GPANO, f"{_ADOBE}xap/1.0/sType/Area#", "metadataworkinggroup.com/schemas/regions", "PixelXDimension", "ImageWidth")
) + tuple(word.encode() for word in (*GONE_BEGINNINGS, "tiff:Orientation", "MPReg:Rectangle", "RegionBoundary"))


def is_gone(name: str) -> bool:
    """Whether a property, by namespace and local name, says what no written file holds."""
    namespace, _, local = name.rpartition(" ")
    return name in GONE_NAMES or namespace.startswith(GONE) or local.startswith(GONE_BEGINNINGS)
