"""From what a user types to one entry: its name, or its family's name with the task and scale that are wanted."""

from collections.abc import Iterable, Mapping

from ttpo_cli.errors import UsageError, unknown_name
from ttpo_cli.weights.entry import ManifestEntry, Role

# Where a family enlarges at all, it is taken for that; photos before images made small by bicubic shrinking; x4 before the others.
ENLARGING = ("real-world super-resolution", "super-resolution")
SCALES = (4, 2, 3, 8)


def choose(
    entries: Mapping[str, ManifestEntry], name: str, role: Role, *, task: str | None = None, scale: int | None = None
) -> ManifestEntry | None:
    """The entry of that name, else the first of the family that fits; None where nothing bears the name.

    Order within a family: real-world super-resolution, super-resolution, then any other task if the family knows only one; without
    `scale` x4 before x2, x3 and x8; then the manifest's order. Raises UsageError where none fits, where several tasks do, or for an
    unknown task.
    """
    exact = entries.get(name.lower())
    if exact is not None and exact.role == role:
        return exact
    family = [entry for entry in entries.values() if entry.role == role and entry.answers_to(name)]
    if not family:
        return None
    wanted = None if task is None else known_task(task, family if _is_task(task, family) else entries.values())
    fitting = [entry for entry in family if scale in (None, entry.scale) and wanted in (None, entry.task)]
    if not fitting:
        asked = [*(() if wanted is None else (f"for {wanted}",)), *(() if scale is None else (f"that enlarges by {scale}",))]
        raise UsageError(f"there is no {name} {' '.join(asked)}; there are: {listed(family)}")
    enlarging = [entry for entry in fitting if entry.task in ENLARGING]
    if enlarging:
        return min(enlarging, key=lambda entry: (ENLARGING.index(entry.task), _rank(entry.scale)))
    if len({entry.task for entry in fitting}) > 1:
        raise UsageError(f"{name} could be any of {listed(fitting)}: give one of these names, or --task")
    return fitting[0]


def find_entry(entries: Mapping[str, ManifestEntry], name: str, *, task: str | None = None, scale: int | None = None) -> ManifestEntry:
    """The entry of a name of any role, or what `choose` makes of a family's. Raises UsageError."""
    if name in entries:
        return entries[name]
    roles: dict[Role, None] = dict.fromkeys(entry.role for entry in entries.values() if entry.answers_to(name))
    for role in roles:
        found = choose(entries, name, role, task=task, scale=scale)
        if found is not None:
            return found
    raise unknown_name("model", name, names_of(entries))


def names_of(entries: Mapping[str, ManifestEntry], role: Role | None = None) -> set[str]:
    """All that a user may type for an entry, of one role or of any: names, aliases and architectures' names in small letters."""
    chosen = [entry for entry in entries.values() if role in (None, entry.role)]
    return {known for entry in chosen for known in (entry.name, *entry.aliases, entry.architecture.lower()) if " " not in known}


def known_task(text: str, entries: Iterable[ManifestEntry]) -> str:
    """The task that `text` begins, whatever the case. Raises UsageError that lists the tasks there are."""
    tasks = sorted({entry.task for entry in entries})
    found = [task for task in tasks if task.lower() == text.lower()] or [task for task in tasks if task.lower().startswith(text.lower())]
    if len(found) != 1:
        raise unknown_name("task", text, tasks)
    return found[0]


def listed(entries: Iterable[ManifestEntry]) -> str:
    """Entries as names with task and scale, for a message."""
    return ", ".join(f"{entry.name} ({entry.task}{f' x{entry.scale}' if entry.scale > 1 else ''})" for entry in entries)


def _is_task(text: str, family: list[ManifestEntry]) -> bool:
    return any(entry.task.lower().startswith(text.lower()) for entry in family)


def _rank(scale: int) -> int:
    return SCALES.index(scale) if scale in SCALES else len(SCALES)
