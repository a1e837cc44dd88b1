"""Texts by keyword: PNG's tEXt, zTXt and iTXt chunks, and the comments of JPEG and GIF (PNG, third edition, 11.3.3)."""

import re
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from ttpo_cli.imaging.containers.part import Part
from ttpo_cli.imaging.containers.png import inflated

COMMENT = "Comment"
XMP_KEYWORD, RAW_PROFILE = "XML:com.adobe.xmp", "Raw profile type "
LONGEST = 2**23  # bytes that all texts of a file may unpack to
CHUNKS = frozenset({"tEXt", "zTXt", "iTXt"})
_COMMENT_SEGMENT = 65533
_STORED = re.compile(
    r"thumb::|png:|jpeg:|(exif|tiff):(orientation|image(width|length|height)|pixel[xy]dimension|exifimage(width|length|height)|thumbnail)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Text:
    """One text.

    Attributes:
        keyword: what it says, such as Title; a comment of JPEG or GIF is called Comment.
        chunk: the PNG chunk that it stood in, "" for a comment.
        language, translated: of an iTXt chunk: RFC 3066's tag, and the keyword in that language.
        compressed: whether an iTXt chunk was.
    """

    keyword: str
    text: str
    chunk: Literal["tEXt", "zTXt", "iTXt", ""] = ""
    language: str = ""
    translated: str = ""
    compressed: bool = False


@dataclass
class FoundTexts:
    """texts: in the file's order; unreadable: how many chunks are damaged, without a keyword, or unpack to too much."""

    texts: list[Text]
    unreadable: int = 0


def png_texts(chunks: Iterable[Part]) -> FoundTexts:
    """Every text of a PNG, XMP and raw profiles among them, within a common limit."""
    found, left = FoundTexts([]), LONGEST
    for part in chunks:
        if part.name in CHUNKS:
            text = _text(part, left)
            if text is None or not 1 <= len(text.keyword) <= 79:
                found.unreadable += 1
                continue
            left -= len(text.text)
            found.texts.append(text)
    return found


def _text(part: Part, most: int) -> Text | None:
    """One chunk's; None where it is damaged or longer than `most`."""
    keyword, _, rest = part.data.partition(b"\0")
    name = keyword.decode("latin-1").strip()
    if part.name == "tEXt":
        return Text(name, _plain(rest), "tEXt") if len(rest) <= most else None
    if part.name == "zTXt":
        content = inflated(rest[1:], most) if rest[:1] == b"\0" else None
        return None if content is None else Text(name, _plain(content), "zTXt")
    if len(rest) < 2 or rest[0] > 1 or rest[1]:
        return None
    language, _, after = rest[2:].partition(b"\0")
    translated, _, content = after.partition(b"\0")
    unpacked = inflated(content, most) if rest[0] else content
    if unpacked is None or len(unpacked) > most:
        return None
    return Text(
        keyword=name,
        text=decoded(unpacked),
        chunk="iTXt",
        language=language.decode("latin-1"),
        translated=decoded(translated),
        compressed=bool(rest[0]),
    )


def _plain(content: bytes) -> str:
    """Latin-1 as the format demands, unless it is UTF-8 of more than ASCII, as some programs write."""
    return decoded(content)


def decoded(content: bytes) -> str:
    """UTF-8, or else Latin-1; without the null characters that no text has."""
    try:
        return content.decode("utf-8").replace("\0", "")
    except UnicodeDecodeError:
        return content.decode("latin-1").replace("\0", "")


def png_chunks_of(texts: Iterable[Text]) -> list[tuple[str, bytes]]:
    """The chunks that hold the texts: the kind they stood in where that can, iTXt for what Latin-1 has no letters for."""
    return [_chunk_of(text) for text in texts]


def _chunk_of(text: Text) -> tuple[str, bytes]:
    keyword = text.keyword.encode("latin-1", "replace")
    plain = _latin(text.text)
    if text.chunk != "iTXt" and plain is not None:
        return ("zTXt", keyword + b"\0\0" + zlib.compress(plain)) if text.chunk == "zTXt" else ("tEXt", keyword + b"\0" + plain)
    compressed = text.compressed or text.chunk == "zTXt"
    content = zlib.compress(text.text.encode()) if compressed else text.text.encode()
    head = keyword + bytes((0, compressed, 0)) + text.language.encode("latin-1", "replace") + b"\0" + text.translated.encode() + b"\0"
    return "iTXt", head + content


def _latin(text: str) -> bytes | None:
    """The text in Latin-1 where that has its letters and where it would be read as such: never as UTF-8 by mistake."""
    try:
        plain = text.encode("latin-1")
    except UnicodeEncodeError:
        return None
    return plain if decoded(plain) == text else None


def comments(texts: Iterable[Text]) -> list[bytes]:
    """The comments among the texts as JPEG holds them, in UTF-8, each in as many segments as it needs."""
    long = [text.text.encode() for text in texts if is_comment(text)]
    return [whole[at : at + _COMMENT_SEGMENT] for whole in long for at in range(0, max(1, len(whole)), _COMMENT_SEGMENT)]


def is_comment(text: Text) -> bool:
    """Whether it is a comment without a language, which JPEG holds as well."""
    return text.keyword.lower() == COMMENT.lower()


def true_texts(texts: Sequence[Text]) -> tuple[Text, ...]:
    """The texts without those that describe the stored picture, as ImageMagick and makers of thumbnails write them."""
    return tuple(text for text in texts if not _STORED.match(text.keyword))


def keywords(texts: Sequence[Text]) -> str:
    """The keywords, each once, in order."""
    return ", ".join(dict.fromkeys(text.keyword for text in texts))


def raw_profile(text: str) -> bytes | None:
    """The bytes of a profile that ImageMagick wrote as hexadecimal text: a name, a length, the digits; None where it is damaged."""
    lines = text.strip().split("\n")
    try:
        (length,) = (int(line) for line in lines[1:2])
        content = bytes.fromhex("".join(lines[2:]))
    except ValueError:
        return None
    return content if len(content) == length else None
