"""Tiles that shrink where memory runs out: only the tile that failed is split, and those that are finished stay."""

from collections.abc import Callable
from dataclasses import dataclass, field

from torch import Tensor

from ttpo_cli.device.device import free_cached, is_out_of_memory
from ttpo_cli.errors import MemoryExhausted
from ttpo_cli.imaging.tiles import Overlap, map_tiles


@dataclass
class ShrinkingTiles:
    """A function of a tile that splits the tile instead of failing: give its `run` to `map_tiles`.

    Attributes:
        function, scale, multiple, minimum: As for `map_tiles`.
        overlap: What the halves of a tile share, as far as it lies within them.
        smallest: Side in pixels below which a tile is not worth it.
        complaint: The error's words where not even that fits.
        pieces: What they are called in `notes`.
        whole: Whether the first is all of the image.
        limit: The side that fits as far as is known; None before memory ran out.
        notes: One line for each halving.
    """

    function: Callable[[Tensor], Tensor]
    overlap: Overlap
    smallest: int
    complaint: str
    pieces: str = "tiles"
    whole: bool = False
    scale: int = 1
    multiple: int = 1
    minimum: int = 1
    limit: int | None = None
    notes: list[str] = field(default_factory=list)

    def run(self, piece: Tensor) -> Tensor:
        """`function` of the piece, or of its halves, or of their halves, blended as tiles are.

        Raises MemoryExhausted where the smallest does not fit, and every other error of `function`.
        """
        longest = max(piece.shape[-2:])
        if self.limit is None or longest <= self.limit:
            try:
                return self.function(piece)
            except (RuntimeError, MemoryError) as error:
                self._shrink(longest, error)
            free_cached(piece.device)  # only here are the error and the tensors its traceback holds gone
        assert self.limit is not None
        return map_tiles(
            self.run,
            piece,
            tile=self.limit,
            overlap=self.overlap.within(self.limit),
            scale=self.scale,
            multiple=self.multiple,
            minimum=self.minimum,
        )

    def _shrink(self, side: int, error: Exception) -> None:
        """Halve the limit and say so."""
        if not is_out_of_memory(error):
            raise error
        half = max(-(-side // 2), self.smallest)
        smaller = max(half // self.multiple * self.multiple, self.minimum, self.multiple)
        if smaller >= side:
            raise MemoryExhausted(f"{self.complaint} even in {self.pieces} of {side} pixels: free memory, or use --device cpu") from error
        where = "in one piece" if self.whole and self.limit is None else f"in {self.pieces} of {side} pixels"
        self.notes.append(f"out of memory {where}: went on with {self.pieces} of {smaller}")
        self.limit = smaller
