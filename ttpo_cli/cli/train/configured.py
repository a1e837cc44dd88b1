"""What trainings with a file of options do alike: read the options, show or run, and draw the records."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from ttpo_cli.cli.train.progress import choose_training_device, is_reporting, name_left_out, print_options, read_options, show_training
from ttpo_cli.progress import TrainingObserver
from ttpo_cli.training.data import find_photos
from ttpo_cli.training.run import Record


@dataclass(frozen=True)
class Request:
    """The flags such commands have in common.

    Attributes:
        photos: Folders to train on.
        output: The run's folder.
        config: A file of options, or None.
        settings: Options as NAME=VALUE, which win over the file.
        device: auto, cpu, cuda or cuda:N.
        resume: Whether to go on with the run in `output`.
        every: Steps between records.
        show: Print the options and stop.
        plot: Draw the records into `output` afterwards.
    """

    photos: Sequence[Path]
    output: Path
    config: Path | None
    settings: Sequence[str]
    device: str
    resume: bool
    every: int
    show: bool
    plot: bool


def run_configured(
    request: Request,
    defaults: Any,
    flags: Mapping[str, Any],
    training: Callable[..., Iterator[Record]],
    steps: Callable[[Any], int],
    draw: Callable[[Path], None],
) -> None:
    """Run one training, its options being the defaults, the file, --set and the flags that were given, in this order.

    Args:
        training: Takes photos, folder, options and device, and by name resume, every and observer.
        steps: How many steps given options take.
        draw: Draws the records of a run's folder.
    """
    options = read_options(defaults, request.config, request.settings, flags)
    if request.show:
        print_options(options)
        return
    photos, device = find_photos(request.photos, without=request.output), choose_training_device(request.device)
    started = partial(training, photos, request.output, options, device, resume=request.resume, every=request.every)
    show_training(lambda on_step: started(observer=TrainingObserver(on_step, name_left_out)), steps(options), request.output)
    if request.plot and is_reporting():
        draw(request.output)
