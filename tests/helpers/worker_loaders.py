"""What workers of the tests load: functions that a worker's process imports by name, as it does the real ones."""

import os
import signal
import sys
import time
from pathlib import Path

from ttpo_cli.errors import UsageError


class Unpicklable(Exception):
    def __reduce__(self):
        raise TypeError("this stays here")


def light():
    """Tasks are (name, value): what a worker can be asked without torch."""
    return {"threads": os.environ.get("OMP_NUM_THREADS"), "folder": str(Path.cwd())}, do


def do(task):
    name, value = task
    if name == "wrong":
        raise UsageError(value)
    if name == "strange":
        raise Unpicklable(value)
    if name == "print":
        print(value, flush=True)  # noqa: T201 - that is the point
    if name == "die":
        os.kill(os.getpid(), value)
    if name == "modules":
        return sorted(module for module in sys.modules if module.startswith(value))
    if name == "sleep":
        time.sleep(value)
    return os.getpid(), value


def failing():
    raise UsageError("nothing here to load")


def photos():
    """The real thing, with a tiny engine: all that a task of a folder needs is imported; tasks are those of `do`."""
    from fakes import tiny_engine

    from ttpo_cli.folder.remote import SessionLoader
    from ttpo_cli.settings.engine import EngineOptions
    from ttpo_cli.settings.output import Outputs
    from ttpo_cli.settings.settings import Settings

    loader = SessionLoader(load=lambda *_: tiny_engine(), options=EngineOptions(), settings=Settings(), outputs=Outputs())
    loader()
    return {}, do


def load_trapped_engine(made_of, settings):
    """The tiny engine, and traps in the folder TTPO_TEST_LOG: a photo whose hash is in its file `poison` kills its process, the one in
    `block` makes `stuck`, with the process in it, and waits as long as that is there.

    `begun` gets a line for each photo that reaches the network.
    """
    from fakes import tiny_engine

    from ttpo_cli import pipeline

    log, restore = Path(os.environ["TTPO_TEST_LOG"]), pipeline.restore_photo

    def trapped(photo, *arguments):
        with (log / "begun").open("a") as stream:
            stream.write(f"{photo.content_hash} {os.getpid()}\n")
        if photo.content_hash == (log / "poison").read_text():
            os.kill(os.getpid(), signal.SIGKILL)
        if photo.content_hash == (log / "block").read_text():
            (log / "block").write_text("")
            (log / "stuck.part").write_text(str(os.getpid()))
            (log / "stuck.part").rename(log / "stuck")
            while (log / "stuck").exists():
                time.sleep(0.05)
        return restore(photo, *arguments)

    pipeline.restore_photo = trapped
    return tiny_engine()


def main():
    """`ttpo` with that engine: python worker_loaders.py restore ..."""
    from worker_loaders import load_trapped_engine as by_name  # not __main__'s, which a worker does not have

    from ttpo_cli import pipeline
    from ttpo_cli.cli.app import main

    pipeline.load_engine = by_name
    main()


if __name__ == "__main__":
    main()
