"""What guidance must beat: the best of N candidates when its network calls are spent on further candidates instead."""

from dataclasses import replace

import torch
from torch import Tensor

from ttpo_cli.preference.candidates import extra_strengths, generate
from ttpo_cli.preference.context import Observer, StageContext
from ttpo_cli.preference.outcome import BEST_OF_N, Contender, Outcome


def compared_with_best_of_n(outcome: Outcome, context: StageContext, observer: Observer) -> Outcome:
    """The outcome with the best of N at equal network calls in a row of its own. The choice made stays as it is."""
    compared = with_best_of_n(outcome, context, further_candidates(context))
    observer.end_of("rival")
    return compared


def further_candidates(context: StageContext) -> Tensor:
    """The candidates (N, 3, H, W) that the network calls of guidance pay for."""
    options = context.settings.candidates
    rounds = extra_strengths(options, context.counter.stages["guidance"])
    latents = [
        generate(
            context.tools.prior.denoise,
            context.canvas.latent,
            context.seeds,
            replace(options, strengths=strengths, per_strength=1, halving=False),
            condition=context.canvas.condition,
            first=first,
        ).latents
        for first, strengths in enumerate(rounds, options.per_strength)
    ]
    return context.images_of(torch.cat(latents))


def with_best_of_n(outcome: Outcome, context: StageContext, further: Tensor) -> Outcome:
    """The outcome with the best of its candidates and `further` ones (N, 3, H, W) as the row `BEST_OF_N`.

    Every contender gains the score `fused_jointly`: fused over all of them together, so that rows compare.
    """
    known = outcome.contenders
    names = context.panel.names
    own = torch.tensor([[contender.scores[name] for name in names] for contender in known], dtype=torch.float64)
    scores = torch.cat((own.view(len(known), -1), context.scores_of(further)))
    fused = context.fused(scores)
    added = [
        Contender(
            label=f"further candidate {number}",
            image=image[None],
            verdict=context.guard.judge(image[None]),
            scores=dict(zip(names, row.tolist(), strict=True)),
        )
        for number, (image, row) in enumerate(zip(further, scores[len(known) :], strict=True), 1)
    ]
    every = [
        replace(contender, scores={**contender.scores, "fused_jointly": float(value)})
        for contender, value in zip((*known, *added), fused, strict=True)
    ]
    never = {outcome.rows["restored"], outcome.rows["guided"]}
    competing = torch.tensor([contender.kept and index not in never for index, contender in enumerate(every)])
    winner = int(fused.masked_fill(~competing, -torch.inf).argmax()) if bool(competing.any()) else outcome.rows["restored"]
    contenders = every[: len(known)] if winner < len(known) else [*every[: len(known)], every[winner]]
    return replace(outcome, contenders=tuple(contenders), rows={**outcome.rows, BEST_OF_N: min(winner, len(known))})
