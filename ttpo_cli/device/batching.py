"""Go on after running out of memory: a batch that halves for good, and keeps the parts that are done."""

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ttpo_cli.device.device import free_cached, is_out_of_memory


@dataclass
class Batch:
    """How many images one call takes. Halved whenever memory runs out, so that the next loop does not run into it again.

    what: the name of the calls in `notes`, where each halving is said.
    """

    size: int
    what: str
    notes: list[str] = field(default_factory=list)

    def run(self, function: Callable[[slice], Tensor], count: int, device: torch.device) -> Tensor:
        """`function` of consecutive slices of range(count), joined along the first axis; finished slices stay when a later one halves.

        Raises what `function` raises: memory that is short for a single image too, and every other error.
        """
        finished: list[Tensor] = []
        start = 0
        while start < count:
            part = slice(start, min(start + self.size, count))
            try:
                finished.append(function(part))
                start = part.stop
                continue
            except (RuntimeError, MemoryError) as error:
                self._halve(part.stop - part.start, error)
            free_cached(device)  # only here are the error and the tensors its traceback holds gone
        return torch.cat(finished)

    def _halve(self, images: int, error: Exception) -> None:
        if images == 1 or not is_out_of_memory(error):
            raise error
        self.size = images // 2
        self.notes.append(f"out of memory with {images} {self.what} at once: went on with {self.size}")
