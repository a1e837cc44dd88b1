"""What each key does while a person chooses the best and the worst of some images: a state, and one function to the next."""

from dataclasses import dataclass, replace
from typing import Literal

# Shift and a digit, 0 to 9, on a US keyboard; on others `d` and the digit say the same.
_SHIFTED = ")!@#$%^&*("
_ENDS: dict[str, Literal["skip", "stop", "zoom"]] = {"s": "skip", "q": "stop", "z": "zoom"}

Event = Literal["done", "skip", "stop", "zoom", "back"]


@dataclass(frozen=True)
class Choice:
    """Among `count` images, numbered from 0. worst_next: the next digit names the worst. number: (digits, whether shifted, whether of the
    worst) of the number being typed, which a further digit may lengthen. said: why the last key did nothing. before: where `u` leads."""

    count: int
    preferred: int | None = None
    dispreferred: int | None = None
    worst_next: bool = False
    number: tuple[str, bool, bool] | None = None
    said: str = ""
    before: "Choice | None" = None

    @property
    def pair(self) -> tuple[int, int] | None:
        """(preferred, dispreferred) once both are named and differ."""
        whole = self.preferred is not None and self.dispreferred is not None and self.preferred != self.dispreferred
        return (self.preferred, self.dispreferred) if whole else None  # type: ignore[return-value]


def press(choice: Choice, key: str) -> Choice | Event:
    """The state after a key, or what the person wants: done, skip (the metrics choose), stop, zoom, back (u with nothing to undo)."""
    quiet = replace(choice, said="")
    if key in _ENDS:
        return _ENDS[key]
    if key in ("\r", "\n"):
        return "done" if choice.pair else replace(choice, said=_what_is_missing(choice))
    if key == "u":
        return choice.before or "back"
    if key in ("b", "d"):
        return replace(quiet, worst_next=key == "d", number=None, before=choice)
    if key and key in _SHIFTED:
        return _digit(quiet, str(_SHIFTED.index(key)), True)
    return _digit(quiet, key, False) if key.isascii() and key.isdigit() else choice


def _digit(choice: Choice, digit: str, shifted: bool) -> Choice:
    """Name an image, or lengthen the number that names one while it remains one of them."""
    digits, worst = digit, shifted or choice.worst_next
    if choice.number is not None and choice.number[1] == shifted and int(choice.number[0] + digit) < choice.count:
        digits, worst = choice.number[0] + digit, choice.number[2]
    if int(digits) >= choice.count:
        return replace(choice, said=f"there is no image {digits}")
    typing = None if digits == "0" else (digits, shifted, worst)
    after = replace(choice, worst_next=False, number=typing, before=choice)
    return replace(after, dispreferred=int(digits)) if worst else replace(after, preferred=int(digits))


def _what_is_missing(choice: Choice) -> str:
    if choice.preferred is None:
        return "name the best first, or s: the metrics choose"
    return "name the worst too" if choice.dispreferred is None else "best and worst are the same image"
