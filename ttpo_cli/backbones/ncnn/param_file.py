"""ncnn's .param: the layers of a network as text, each with its blobs and its numbered settings (Tencent/ncnn)."""

import math
import re
from dataclasses import dataclass, field
from pathlib import Path

from ttpo_cli.errors import WeightsError

MAGIC = "7767517"
BINARY_MAGIC = int(MAGIC).to_bytes(4, "little")

# The largest network of people has some thousand layers and a text of 100 kB.
LARGEST_TEXT = 16 * 2**20
MOST_LAYERS = 100_000
MOST_BLOBS = 1_000_000

# Settings of every layer that change nothing in the result: hints of shapes, and a mask of processor features.
_HINTS = frozenset({30, 31})

# -23300 - KEY is how an array is marked.
_ARRAYS_FROM = -23300
_INTEGER = re.compile(r"[+-]?[0-9]{1,10}")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")

Number = int | float


@dataclass(frozen=True)
class Layer:
    """One line of a .param.

    Attributes:
        file: The file's name, for messages.
        kind: The layer's type, such as Convolution.
        inputs, outputs: Names of blobs.
        numbers: Key -> value; what a key means depends on the type.
        arrays: Key -> values.
    """

    file: str
    kind: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    numbers: dict[int, Number] = field(default_factory=dict)
    arrays: dict[int, tuple[Number, ...]] = field(default_factory=dict)

    def error(self, reason: str) -> WeightsError:
        """The reason, after the file's and the layer's name."""
        return WeightsError(f"{self.file}: {self.kind} '{self.name[:60]}' {reason}")

    def integer(self, key: int, default: int = 0, *, least: int = -(2**31), most: int = 2**31 - 1) -> int:
        """A whole number from `least` to `most`. Raises WeightsError."""
        value = self.numbers.get(key, default)
        if value != int(value) or not least <= value <= most:
            raise self.error(f"has {key}={value}, which is not a whole number from {least} to {most}: give another checkpoint")
        return int(value)

    def number(self, key: int, default: float = 0.0) -> float:
        """A finite number."""
        return float(self.numbers.get(key, default))

    def flag(self, key: int, default: bool = False) -> bool:
        """0 or 1."""
        return bool(self.integer(key, int(default), least=0, most=1))

    def integers(self, key: int) -> tuple[int, ...]:
        """An array of whole numbers, empty where it is absent. Raises WeightsError."""
        values = self.arrays.get(key, ())
        if any(value != int(value) for value in values):
            raise self.error(f"has fractions in the array {key}: give another checkpoint")
        return tuple(int(value) for value in values)

    def check_known(self, *keys: int) -> None:
        """Refuse a setting that is not among `keys`, unless it is 0, which is off. Raises WeightsError."""
        for key in (*self.numbers, *self.arrays):
            if key not in keys and key not in _HINTS and (key in self.arrays or self.numbers[key] != 0):
                raise self.error(f"has the setting {key}, which ttpo does not know: give another checkpoint")

    def check_blobs(self, inputs: int | None, outputs: int | None = 1) -> None:
        """Refuse another number of blobs than these; None: one or more. Raises WeightsError."""
        for blobs, count, verb in ((self.inputs, inputs, "reads"), (self.outputs, outputs, "makes")):
            if len(blobs) != count if count is not None else not blobs:
                raise self.error(f"{verb} {len(blobs)} blobs, not {'at least 1' if count is None else count}: give another checkpoint")


def read_param(path: Path) -> tuple[Layer, ...]:
    """The layers of a .param file in its order. Raises WeightsError for anything but ncnn's text format."""
    try:
        with path.open("rb") as stream:
            content = stream.read(LARGEST_TEXT + 1)
    except OSError as error:
        raise WeightsError(f"{path} cannot be read ({error.strerror}): check the path of the .param") from error
    if content.startswith(BINARY_MAGIC):
        raise WeightsError(f"{path.name} is ncnn's binary form of a .param: give the .param in text from which it was made")
    if len(content) > LARGEST_TEXT:
        raise WeightsError(f"{path.name} is larger than {LARGEST_TEXT // 2**20} MiB, which is not a .param of ncnn: give another file")
    try:
        lines = content.decode("utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise WeightsError(f"{path.name} is not text, so not a .param of ncnn: give the file that lies next to its .bin") from error
    return _parse(path.name, [line.split() for line in lines if line.strip()])


def _parse(file: str, lines: list[list[str]]) -> tuple[Layer, ...]:
    if not lines or lines[0] != [MAGIC]:
        raise WeightsError(f"{file} does not begin with {MAGIC}, as every .param of ncnn does: give another file")
    counts = lines[1] if len(lines) > 1 else []
    if len(counts) != 2 or not all(_INTEGER.fullmatch(count) for count in counts):
        raise WeightsError(f"{file} does not state its numbers of layers and blobs: it is damaged, give it again")
    layers, blobs = map(int, counts)
    if not (1 <= layers <= MOST_LAYERS and layers == len(lines) - 2):
        raise WeightsError(f"{file} states {layers} layers and describes {len(lines) - 2}: it is cut short or damaged, give it again")
    parsed = tuple(_layer(file, words) for words in lines[2:])
    made = sum(len(layer.outputs) for layer in parsed)
    if not made <= blobs <= MOST_BLOBS:
        raise WeightsError(f"{file} states {blobs} blobs and makes {made}: it is damaged, give it again")
    return parsed


def _layer(file: str, words: list[str]) -> Layer:
    """TYPE NAME INPUTS OUTPUTS INPUT... OUTPUT... KEY=VALUE..."""
    line = " ".join(words)[:60]
    if not all(word.isprintable() for word in words):
        raise WeightsError(f"{file} holds control characters, so it is not a .param of ncnn: give another file")
    if len(words) < 4 or not all(re.fullmatch(r"[0-9]{1,5}", word) for word in words[2:4]):
        raise WeightsError(f"{file} has a line that is not a layer ('{line}'): it is damaged, give it again")
    inputs, outputs = int(words[2]), int(words[3])
    blobs, settings = words[4 : 4 + inputs + outputs], words[4 + inputs + outputs :]
    if len(blobs) != inputs + outputs or any("=" in blob for blob in blobs):
        raise WeightsError(f"{file} has a layer without all of its {inputs + outputs} blobs ('{line}'): it is damaged, give it again")
    layer = Layer(file=file, kind=words[0], name=words[1], inputs=tuple(blobs[:inputs]), outputs=tuple(blobs[inputs:]))
    for word in settings:
        _set(layer, word)
    return layer


def _set(layer: Layer, word: str) -> None:
    """Enter KEY=VALUE, -23300-KEY=COUNT,VALUE,... or KEY=VALUE,VALUE... into the layer."""
    key_text, _, text = word.partition("=")
    if not _INTEGER.fullmatch(key_text) or not text:
        raise layer.error(f"has '{word[:40]}', which is not KEY=NUMBER: give another checkpoint")
    key = int(key_text)
    marked = key <= _ARRAYS_FROM
    if marked or "," in text:
        values = [_value(layer, part) for part in text.split(",") if part]
        if marked and (not values or values[0] != len(values) - 1):
            raise layer.error(f"has an array that is not as long as it says ('{word[:40]}'): it is damaged, give it again")
        layer.arrays[_ARRAYS_FROM - key if marked else key] = tuple(values[1:] if marked else values)
    else:
        layer.numbers[key] = _value(layer, text)


def _value(layer: Layer, text: str) -> Number:
    if _INTEGER.fullmatch(text):
        return int(text)
    if _NUMBER.fullmatch(text) and math.isfinite(float(text)):
        return float(text)
    raise layer.error(f"has the value '{text[:40]}', which is not a number: give another checkpoint")
