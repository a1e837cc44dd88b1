"""What guidance must beat: the best of N candidates when its network calls are spent on further candidates instead."""

from dataclasses import replace

import torch
from torch import Tensor

from ttpo_cli.preference.guard import judge
from ttpo_cli.preference.outcome import RIVAL, ROWS, Outcome
from ttpo_cli.preference.selection import Panel, fused_scores, score_images
from ttpo_cli.settings.guard import GuardOptions
from ttpo_cli.settings.selection import SelectionOptions


def with_rival(
    outcome: Outcome, further: Tensor, lq: Tensor, panel: Panel, scale: int, selection: SelectionOptions, guard: GuardOptions
) -> Outcome:
    """The outcome with the best of its candidates and `further` ones (N, 3, H, W) as `rival`, in a row of its own.

    Every row gains the score `fused_jointly`: fused over all rivals together, so that rows compare. The choice made stays as it is.
    """
    names = (*outcome.labels, "guided")
    known = torch.tensor([[outcome.scores[name][metric] for metric in panel.names] for name in names], dtype=torch.float64)
    scores = torch.cat((known.view(len(names), -1), score_images(further, panel)))
    fused = fused_scores(scores, panel, selection)
    verdicts = [judge(image[None], outcome.restored, lq, scale, guard) for image in further]
    kept = [outcome.verdicts[name].refused is None for name in names] + [verdict.refused is None for verdict in verdicts]
    kept[0], kept[len(names) - 1] = False, False
    rivals = torch.tensor(kept)
    winner = int(fused.masked_fill(~rivals, -torch.inf).argmax()) if bool(rivals.any()) else 0
    jointly = dict(zip(names, fused.tolist(), strict=False))
    table = {name: {**row, "fused_jointly": jointly[name]} for name, row in outcome.scores.items() if name in jointly}
    for row in ROWS:
        table[row] = {**outcome.scores[row], "fused_jointly": _same(outcome, row, jointly)}
    own = dict(zip(panel.names, scores[winner].tolist(), strict=True))
    table[RIVAL] = {**own, "fused_jointly": float(fused[winner])}
    images = torch.cat((outcome.candidates, outcome.guided, further))
    verdict = outcome.verdicts[names[winner]] if winner < len(names) else verdicts[winner - len(names)]
    return replace(outcome, rival=images[winner : winner + 1], scores=table, verdicts={**outcome.verdicts, RIVAL: verdict})


def _same(outcome: Outcome, row: str, jointly: dict[str, float]) -> float:
    """The joint score of a row that is an alias of a candidate: the one with the same scores."""
    return next(value for name, value in jointly.items() if outcome.scores[name] == outcome.scores[row])
