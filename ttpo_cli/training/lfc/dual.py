"""The scaled dual variable of PD-ADMM, s <- s + LF_P - LF_O (Zhang et al., ECCV 2022, Eq. 12c), kept in one of three ways."""

from typing import Any

import torch
from torch import Tensor

from ttpo_cli.errors import unknown_name
from ttpo_cli.training.data import Crops, dihedral, dihedral_inverse

MODES = ("none", "shared", "crop")


class Dual:
    """One value a low-band sample: (count, C, h, w), 0-255 scale, starting at 0.

    mode `crop`: one s a training crop, turned with it: what Eq. 12c says of a constraint on every image. `shared`: one s a slot of the
    batch, whatever crop lies there, as the released code has it. `none`: s stays 0, and the penalty is a plain quadratic one.
    leak: share of s that is forgotten at each update of it; clamp: largest |s|, 0 = none. Raises UsageError for an unknown mode.
    """

    def __init__(self, mode: str, count: int, shape: tuple[int, ...], leak: float, clamp: float, device: torch.device) -> None:
        if mode not in MODES:
            raise unknown_name("dual mode", mode, MODES)
        self.mode, self.leak, self.clamp = mode, leak, clamp
        self.values = torch.zeros(0 if mode == "none" else count, *shape, device=device)

    def read(self, crops: Crops) -> Tensor:
        """s of each crop of a batch, turned as the crop is: (N, C, h, w), or a scalar 0 without a dual."""
        if self.mode == "none":
            return self.values.new_zeros(())
        if self.mode == "shared":
            return self.values[: len(crops.lq)]
        kept = self.values[crops.places.to(self.values.device)]
        return torch.stack([dihedral(value, symmetry) for value, symmetry in zip(kept, crops.symmetries.tolist(), strict=True)])

    def update(self, difference: Tensor, crops: Crops) -> None:
        """Add LF_P - LF_O (N, C, h, w) to the batch's s."""
        if self.mode == "none":
            return
        value = (1 - self.leak) * self.read(crops) + difference
        if self.clamp:
            value = value.clamp(-self.clamp, self.clamp)
        if self.mode == "shared":
            self.values[: len(crops.lq)] = value
            return
        back = [dihedral_inverse(one, symmetry) for one, symmetry in zip(value, crops.symmetries.tolist(), strict=True)]
        self.values[crops.places.to(self.values.device)] = torch.stack(back)

    def state_dict(self) -> dict[str, Any]:
        """Everything a resumed run needs: the released code saved nothing and lost its constraint."""
        return {"values": self.values}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Put a saved state back."""
        self.values.copy_(state["values"])
