"""`python -m tests.fuzz --count 10000 [--seed 0] [--kind jpeg,png] [--keep FOLDER]`: read odd files, count outcomes, name every fault."""

import argparse
import sys
import tempfile
from collections import Counter
from pathlib import Path

from tests.fuzz.campaign import campaign
from tests.fuzz.damage import cases, odd_file
from tests.fuzz.judge import Case
from tests.fuzz.samples import KINDS


def main() -> int:
    """Exit code 1 where there is a fault."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kind", default="", help=f"by commas, of {', '.join(KINDS)}")
    parser.add_argument("--only", type=int, help="this one case of --kind alone")
    parser.add_argument("--keep", type=Path, help="a folder for the files of faults")
    given = parser.parse_args()
    kinds = [kind for kind in given.kind.split(",") if kind]
    if unknown := sorted(set(kinds) - KINDS.keys()):
        parser.error(f"unknown: {', '.join(unknown)}")
    wanted = cases(given.count, kinds) if given.only is None else [(kinds[0], given.only)]
    found: list[Case] = []
    with tempfile.TemporaryDirectory(prefix="ttpo-fuzz-") as folder:
        for case in campaign(given.seed, wanted, Path(folder)):
            found.append(case)
            if case.outcome == "fault" or given.only is not None:
                _show(case)
            if case.outcome == "fault" and given.keep is not None:
                _keep(given.keep, given.seed, case)
    _table(found)
    return int(any(case.outcome == "fault" for case in found))


def _show(case: Case) -> None:
    sys.stdout.write(f"{case.outcome}: {case.kind} {case.index} ({case.made}): {case.said}\n")
    sys.stdout.flush()


def _keep(folder: Path, seed: int, case: Case) -> None:
    files, _ = odd_file(seed, case.kind, case.index)
    for name, data in files.items():
        path = folder / f"{case.kind}-{case.index}" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def _table(found: list[Case]) -> None:
    """Counts by kind, as Markdown."""
    lines = ["| kind | files | read | refused in one line | faults | slowest, s | most memory, MiB |", "|---|---|---|---|---|---|---|"]
    for kind in [*dict.fromkeys(case.kind for case in found), "all"]:
        group = [case for case in found if kind in (case.kind, "all")]
        counts = Counter(case.outcome for case in group)
        numbers = [len(group), counts["read"], counts["refused"], counts["fault"]]
        slowest, most = max(case.seconds for case in group), max(case.memory for case in group) / 2**20
        lines.append(f"| {kind} | {' | '.join(map(str, numbers))} | {slowest:.1f} | {most:.0f} |")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    sys.exit(main())
