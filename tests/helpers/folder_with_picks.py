"""An output folder in which a simulated person has picked: proposals with scores and lines in picks.jsonl, without any picture."""

import torch

from ttpo_cli.folder.pick_store import add_pick, proposal_files
from ttpo_cli.preference.pick import Pick, Proposal

NAMES = ("roughness", "calm")


def picked_folder(root, count, weights=(1.5, -0.5), seed=0, lower=(False, True)):
    """Six candidates a photo; the person weighs z-scores oriented so that higher is better, with some noise."""
    generator = torch.Generator().manual_seed(seed)
    for index in range(count):
        scores = torch.randn(6, 2, generator=generator, dtype=torch.float64) * torch.tensor([10.0, 0.1]) + torch.tensor([50.0, 3.0])
        better = (scores - scores.mean(dim=0)) / scores.std(dim=0, unbiased=False) * torch.tensor([-1.0 if down else 1.0 for down in lower])
        felt = better @ torch.tensor(weights, dtype=torch.float64) + torch.randn(6, generator=generator, dtype=torch.float64) / 2
        target, made_with = f"{index}.png", "settings"
        columns = {name: scores[:, column].tolist() for column, name in enumerate(NAMES)}
        files, labels = tuple(f"{row:02d}.png" for row in range(6)), tuple(f"candidate {row}" for row in range(6))
        proposal = Proposal(target, f"{index:064x}", made_with, labels, files, columns, dict(zip(NAMES, lower, strict=True)))
        for path, data in proposal_files(root, proposal, {}).items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        add_pick(root, Pick(target, f"{index:064x}", made_with, int(felt.argmax()), int(felt.argmin())))
    return root
