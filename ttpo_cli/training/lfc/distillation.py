"""Knowledge distillation for LFC-SR: a larger restorer's images of the fixed crops, made once (Hinton, Vinyals, Dean 2015)."""

from dataclasses import replace
from pathlib import Path

import torch
from torch.nn import functional

from ttpo_cli.backbones.catalog import load_backbone
from ttpo_cli.backbones.inference import restore
from ttpo_cli.errors import UsageError
from ttpo_cli.settings.restore import RestoreOptions
from ttpo_cli.training.cache import checksum, read_cached, write_cached
from ttpo_cli.training.data import Crops, to_float, to_uint8
from ttpo_cli.training.distributed import Processes
from ttpo_cli.weights.checkpoint import load_checkpoint

# A crop is reflected at its sides by this much for the teacher, since a network darkens or blurs the border of an image.
MARGIN = 8


def with_teacher(bank: Crops, name: str, scale: int, path: Path, processes: Processes) -> Crops:
    """The bank with the images that the backbone `name` makes of its low-resolution crops, kept in the file `path`.

    The main process makes them, the others read them. A run that goes on makes none twice.
    Raises UsageError for a teacher of another scale, for crops too small for it, and for a file made from other crops; what
    `load_backbone` raises.
    """
    if processes.main:
        backbone = load_backbone(name)
        if backbone.scale != scale:
            raise UsageError(f"the teacher {backbone.name} enlarges by {backbone.scale}, the run by {scale}: choose one of the same scale")
        if bank.lq.shape[-1] <= MARGIN:
            raise UsageError(f"a teacher needs crops of more than {MARGIN} pixels: set crop higher")
        facts = {"teacher": backbone.name, "sha256": backbone.sha256 or "", "crops": checksum(bank.lq)}
        path.parent.mkdir(parents=True, exist_ok=True)
        if read_cached(path, facts, resumed=False) is None:
            options = RestoreOptions(precision="auto", tile=0)
            images = []
            for crop in bank.lq:
                padded = functional.pad(to_float(crop[None]), (MARGIN,) * 4, mode="reflect")
                image = restore(backbone, padded, processes.device, options).image
                images.append(to_uint8(image[0, :, scale * MARGIN : -scale * MARGIN, scale * MARGIN : -scale * MARGIN]))
            write_cached(path, {"images": torch.stack(images)}, {"ttpo": "teacher"}, facts)
    processes.wait()
    images, _ = load_checkpoint(path)
    return replace(bank, teacher=images["images"])
