"""The three stages of TTPO on one restored image: candidates, a preferred and a dispreferred one, guided denoising (arXiv 2511.19169)."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from ttpo_cli.device.stage_timer import StageTimer
from ttpo_cli.diffusion.denoiser import CallCounter
from ttpo_cli.preference.best_of_n import with_rival
from ttpo_cli.preference.candidates import Candidates, automatic_batch, derive_seed, extra_strengths, generate
from ttpo_cli.preference.chooser import METRICS_CHOOSE, Chooser, ScoredCandidates
from ttpo_cli.preference.guard import Verdict, judge
from ttpo_cli.preference.guided import OnStep, Tools, guided_denoise, mend, prepare, references_for
from ttpo_cli.preference.outcome import Outcome
from ttpo_cli.preference.selection import Panel, checked_pick, choose_pair, fused_scores, panel_for, score_images
from ttpo_cli.settings.candidates import CandidateOptions
from ttpo_cli.settings.guard import GuardOptions
from ttpo_cli.settings.guidance import GuidanceOptions
from ttpo_cli.settings.selection import SelectionOptions


def optimise(
    restored: Tensor,
    lq: Tensor,
    content_hash: str,
    seed: int,
    tools: Tools,
    candidates: CandidateOptions,
    selection: SelectionOptions,
    guidance: GuidanceOptions,
    guard: GuardOptions,
    on_step: OnStep,
    compare: bool = False,
    timer: StageTimer | None = None,
    pick: Sequence[int] = (),
    chooser: Chooser = METRICS_CHOOSE,
) -> Outcome:
    """Stages I to III and the guarded choice for a restored image (1, 3, H, W) in [0, 1] of the input lq (1, 3, h, w).

    compare: also spend the calls of the guidance on further candidates instead, and keep the best of all as the `rival`.
    timer: gains the seconds and the peak memory of each stage. pick: (preferred, dispreferred) as a person chose them, rows of the
    candidates, 0 the restored image; then it is not the metrics that choose, nor the ranker by regions. chooser: whom to ask
    without a pick, and candidates that were made before.
    """
    counter, notes = CallCounter(), list[str]()
    timer = timer or StageTimer(restored.device)
    canvas = prepare(restored, tools.prior)
    candidates = replace(candidates, batch=candidates.batch or automatic_batch(canvas.pixels, restored.device))
    panel = panel_for(tools.metrics, *restored.shape[-2:])

    def finish(latents: Tensor) -> Tensor:
        return mend(latents, canvas, restored, tools, guard)

    def judge_latents(latents: Tensor) -> Tensor:
        return fused_scores(score_images(finish(latents), panel, notes), panel, selection)

    made = chooser.made or generate(
        counter.wrap(tools.prior.denoise, "candidates"),
        canvas.latent,
        content_hash,
        seed,
        candidates,
        condition=canvas.condition,
        judge=judge_latents,
        on_step=lambda done, total: on_step("candidates", done, total),
    )
    made = replace(made, latents=made.latents.to(restored.device), calls=made.calls or counter.stages["candidates"])
    counter.stages["candidates"] = made.calls
    images = torch.cat((restored, finish(made.latents)))
    timer.end_of("candidates")

    scores = score_images(images, panel, notes)
    chosen_by_metrics = choose_pair(fused_scores(scores, panel, selection), selection)
    timer.end_of("selection")
    if chooser.ask is not None and not pick:
        pick = chooser.ask(ScoredCandidates(images, labels_of(made), scores, panel.metrics, made))
        timer.end_of("asking")
    pick = checked_pick(pick, len(images)) if pick else ()
    preferred, dispreferred = pick or chosen_by_metrics
    guidance = replace(guidance, regional=guidance.regional and not pick)

    references = references_for(images, preferred, dispreferred, tools.ranker, guidance)
    latent = guided_denoise(
        counter.wrap(tools.prior.denoise, "guidance"),
        canvas,
        references,
        tools,
        guidance,
        derive_seed(content_hash, seed, "guidance"),
        on_step,
    )
    guided = finish(latent)
    timer.end_of("guidance")

    pair = (preferred, dispreferred)
    outcome = choose(restored, images, guided, lq, scores, panel, labels_of(made), pair, tools.scale, selection, guard, bool(pick))
    timer.end_of("choice")
    seeds = dict(zip(outcome.labels[1:], made.seeds, strict=True))
    said = (*(f"{name} cannot judge a photo this small and took no part" for name in panel.left_out), *made.notes, *notes)
    outcome = replace(outcome, calls=dict(counter.stages), seeds=seeds, notes=tuple(dict.fromkeys(said)), pick=pick)
    if not compare:
        return outcome
    rounds = extra_strengths(candidates, counter.stages["guidance"])
    further = [replace(candidates, strengths=strengths, per_strength=1, halving=False) for strengths in rounds]
    latents = [
        generate(tools.prior.denoise, canvas.latent, content_hash, seed, options, condition=canvas.condition, first=first).latents
        for first, options in enumerate(further, candidates.per_strength)
    ]
    outcome = with_rival(outcome, finish(torch.cat(latents)), lq, panel, tools.scale, selection, guard)
    timer.end_of("rival")
    return outcome


def labels_of(made: Candidates) -> tuple[str, ...]:
    """restored, then a name for each candidate that says its strength and whether halving stopped it."""
    names = []
    for index, (strength, stopped) in enumerate(zip(made.strengths, made.stopped, strict=True)):
        names.append(f"candidate {index + 1} (strength {strength:g}{', stopped early' if stopped else ''})")
    return ("restored", *names)


def choose(
    restored: Tensor,
    images: Tensor,
    guided: Tensor,
    lq: Tensor,
    scores: Tensor,
    panel: Panel,
    labels: tuple[str, ...],
    pair: tuple[int, int],
    scale: int,
    selection: SelectionOptions,
    guard: GuardOptions,
    picked: bool = False,
) -> Outcome:
    """The best of restored, candidates and guided by the fused score over all of them, among those the guard keeps.

    picked: a person chose the pair, so only the preferred and what was guided towards it compete, and the restored image where the guard
    refuses both or where it is the preferred.
    """
    every = torch.cat((images, guided))
    all_scores = torch.cat((scores, score_images(guided, panel)))
    fused = fused_scores(all_scores, panel, selection)
    verdicts = [judge(image[None], restored, lq, scale, guard) for image in every]
    kept = torch.tensor([verdict.refused is None or index == 0 for index, verdict in enumerate(verdicts)])
    running = kept & _picked_rows(kept, pair[0]) if picked else kept
    winner = int(fused.masked_fill(~running, -torch.inf).argmax())
    names = (*labels, "guided")
    best = 1 + int(fused[1:-1].masked_fill(~kept[1:-1], -torch.inf).argmax()) if bool(kept[1:-1].any()) else 0
    positions = {"restored": 0, "best candidate": best, "guided": len(every) - 1, "result": winner}
    table = {name: _row(all_scores[index], float(fused[index]), panel) for index, name in enumerate(names)}
    return Outcome(
        restored,
        every[best : best + 1],
        guided,
        every[winner : winner + 1],
        names[winner],
        f"a person preferred {names[pair[0]]}" if picked else _reason(names, fused, verdicts, winner),
        images,
        labels,
        *pair,
        panel.names,
        {**table, **{row: table[names[index]] for row, index in positions.items()}},
        {**dict(zip(names, verdicts, strict=True)), **{row: verdicts[index] for row, index in positions.items()}},
    )


def _picked_rows(kept: Tensor, preferred: int) -> Tensor:
    """Which rows (N + 1,) compete after a person's pick: the preferred and the guided one, which is last; else the restored image."""
    rows = torch.zeros_like(kept)
    rows[[preferred, -1] if preferred else [0]] = True
    rows[0] |= not bool((rows & kept).any())
    return rows


def _row(scores: Tensor, fused: float, panel: Panel) -> dict[str, float]:
    return {**dict(zip(panel.names, scores.tolist(), strict=True)), "fused": fused}


def _reason(names: Sequence[str], fused: Tensor, verdicts: Sequence[Verdict], winner: int) -> str:
    refused = sum(verdict.refused is not None for verdict in verdicts)
    reason = f"{names[winner]} has the best fused score ({float(fused[winner]):+.3f}) of {len(names)}"
    return f"{reason}; the guard refused {refused}" if refused else reason
