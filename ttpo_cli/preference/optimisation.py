"""The three stages of TTPO on one restored image: candidates, a preferred and a dispreferred one, guided denoising (arXiv 2511.19169)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ttpo_cli.preference.candidates import Candidates, generate
from ttpo_cli.preference.chooser import METRICS_CHOOSE, Ask, Chooser, ScoredCandidates
from ttpo_cli.preference.context import Observer, StageContext
from ttpo_cli.preference.guided import guided_denoise, references_for
from ttpo_cli.preference.outcome import Contender, Outcome
from ttpo_cli.preference.selection import checked_pick, choose_pair


@dataclass(frozen=True)
class Pair:
    """The rows of the preferred and the dispreferred candidate; picked: a person chose them."""

    preferred: int
    dispreferred: int
    picked: bool = False


def optimise(context: StageContext, chooser: Chooser = METRICS_CHOOSE, observer: Observer = Observer()) -> Outcome:  # noqa: B008 - frozen
    """Stages I to III and the guarded choice, for the restored image of `context`.

    chooser: whom to ask where the settings hold no pick, and candidates made before. Raises what its `ask` raises.
    """
    candidates = make_candidates(context, chooser.made, observer)
    pair = select_pair(context, candidates, chooser.ask, observer)
    guided = guide_towards(context, candidates, pair, observer)
    return choose(context, candidates, pair, guided, observer)


def make_candidates(context: StageContext, made: Candidates | None, observer: Observer) -> ScoredCandidates:
    """Stage I: the other restorations, and what the prior makes; with scores. made: the prior's candidates where they were made before."""
    made = made or generate(
        context.denoise("candidates"),
        context.canvas.latent,
        context.seeds,
        context.settings.candidates,
        condition=context.canvas.condition,
        score_latents=context.score_latents,
        on_step=lambda done, total: observer.on_step("candidates", done, total),
    )
    made = replace(made, latents=made.latents.to(context.restored.device), calls=made.calls or context.counter.stages["candidates"])
    context.counter.stages["candidates"] = made.calls
    others = context.alternatives
    images = torch.cat((context.restored, *(other.image for other in others), context.images_of(made.latents)))
    labels = ("restored", *(other.label for other in others), *made.labels)
    observer.end_of("candidates")
    return ScoredCandidates(images=images, labels=labels, scores=context.scores_of(images), metrics=context.panel.metrics, made=made)


def select_pair(context: StageContext, candidates: ScoredCandidates, ask: Ask | None, observer: Observer) -> Pair:
    """Stage II: the pair of the settings' pick, of the person who is asked, or of the metrics, in this order."""
    by_metrics = choose_pair(context.fused(candidates.scores), context.settings.selection)
    observer.end_of("selection")
    pick: Sequence[int] = context.settings.pick
    if ask is not None and not pick:
        pick = ask(candidates)
        observer.end_of("asking")
    return Pair(*checked_pick(pick, len(candidates.images)), picked=True) if pick else Pair(*by_metrics)


def guide_towards(context: StageContext, candidates: ScoredCandidates, pair: Pair, observer: Observer) -> Tensor:
    """Stage III: the guided image, (1, 3, H, W). A person's pair holds for the whole image: the ranker does not choose by regions."""
    options = context.settings.guidance
    options = replace(options, regional=options.regional and not pair.picked)
    references = references_for(candidates.images, pair.preferred, pair.dispreferred, context.tools.ranker, options)
    guided = context.images_of(guided_denoise(context, references, options, observer.on_step))
    observer.end_of("guidance")
    return guided


def choose(context: StageContext, candidates: ScoredCandidates, pair: Pair, guided: Tensor, observer: Observer = Observer()) -> Outcome:  # noqa: B008
    """The best of restored, candidates and guided by the fused score over all of them, among those the guard keeps.

    After a person's pick only the preferred and what was guided towards it compete; the restored image where the guard refuses both, or
    where it is the preferred.
    """
    images = torch.cat((candidates.images, guided))
    scores = torch.cat((candidates.scores, context.scores_of(guided)))
    fused = context.fused(scores)
    contenders = tuple(
        Contender(
            label=label,
            image=images[index : index + 1],
            verdict=context.guard.judge(images[index : index + 1]),
            scores={**dict(zip(context.panel.names, scores[index].tolist(), strict=True)), "fused": float(fused[index])},
        )
        for index, label in enumerate((*candidates.labels, "guided"))
    )
    last = len(contenders) - 1
    kept = torch.tensor([contender.kept or index == 0 for index, contender in enumerate(contenders)])
    competing = kept & _rows_of_pick(kept, pair.preferred) if pair.picked else kept
    winner = int(fused.masked_fill(~competing, -torch.inf).argmax())
    best = 1 + int(fused[1:-1].masked_fill(~kept[1:-1], -torch.inf).argmax()) if bool(kept[1:-1].any()) else 0
    observer.end_of("choice")
    left_out = [f"{name} cannot score a photo this small and took no part" for name in context.panel.left_out]
    return Outcome(
        contenders=contenders,
        rows={"restored": 0, "best candidate": best, "guided": last, "result": winner},
        reason=f"a person preferred {contenders[pair.preferred].label}" if pair.picked else _reason(contenders, winner),
        candidate_count=last,
        preferred=pair.preferred,
        dispreferred=pair.dispreferred,
        metric_names=context.panel.names,
        calls=dict(context.counter.stages),
        seeds=dict(zip(candidates.made.labels, candidates.made.seeds, strict=True)),
        notes=tuple(dict.fromkeys((*left_out, *candidates.made.notes, *context.notes))),
        pick=(pair.preferred, pair.dispreferred) if pair.picked else (),
    )


def _rows_of_pick(kept: Tensor, preferred: int) -> Tensor:
    """Which rows (N + 1,) compete after a person's pick: the preferred and the guided one, which is last; else the restored image."""
    rows = torch.zeros_like(kept)
    rows[[preferred, -1] if preferred else [0]] = True
    rows[0] |= not bool((rows & kept).any())
    return rows


def _reason(contenders: Sequence[Contender], winner: int) -> str:
    refused = sum(not contender.kept for contender in contenders)
    best = contenders[winner]
    reason = f"{best.label} has the best fused score ({best.scores['fused']:+.3f}) of {len(contenders)}"
    return f"{reason}; the guard refused {refused}" if refused else reason
