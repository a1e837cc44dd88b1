"""What `ttpo models list` and `info` print: the manifest, filtered, as a table, as JSON, or as the page of the documentation."""

from typing import Any

from ttpo_cli.cli.terminal.console import SCHEMA_VERSION, write_json, write_line
from ttpo_cli.cli.terminal.table import Cell, write_sheet
from ttpo_cli.errors import UsageError, WeightsError, unknown_name
from ttpo_cli.weights.entry import ManifestEntry
from ttpo_cli.weights.family import choose, known_task, names_of
from ttpo_cli.weights.store import Store, open_store

COLUMNS = ("name", "role", "task", "architecture", "scale", "licence", "commercial use", "bytes", "sha256")


def selected(role: str | None, task: str | None, scale: int | None, *, here: bool) -> tuple[list[ManifestEntry], Store]:
    """The entries that fit, and the store they are of. Raises UsageError for an unknown task."""
    store = open_store()
    wanted = None if task is None else known_task(task, store.entries.values())
    entries = [
        entry
        for entry in store.entries.values()
        if role in (None, entry.role)
        and wanted in (None, entry.task)
        and scale in (None, entry.scale)
        and (not here or store.is_here(entry))
    ]
    return entries, store


def write_models(entries: list[ManifestEntry], store: Store, *, json: bool, markdown: bool) -> None:
    """Entries on standard output: a JSON object, a table of Markdown, or a table for people."""
    if json:
        write_json({"schema_version": SCHEMA_VERSION, "models": [_facts(entry, store) for entry in entries]})
    elif markdown:
        for row in (COLUMNS, ["---"] * len(COLUMNS), *map(_row, entries)):
            write_line(f"| {' | '.join(row)} |")
    else:
        rows: list[list[Cell]] = [[*_row(entry), _here(entry, store)] for entry in entries]
        write_sheet([*COLUMNS, "here"], rows)


def write_facts(name: str, *, json: bool) -> None:
    """All facts of the model, or of the models of the family, on standard output. Raises UsageError for an unknown name."""
    store = open_store()
    entries = _named(store, name)
    if json:
        write_json({"schema_version": SCHEMA_VERSION, "models": [_facts(entry, store) for entry in entries]})
        return
    for number, entry in enumerate(entries):
        if number:
            write_line("")
        for key, value in _facts(entry, store).items():
            if value not in (None, []):
                write_line(f"{key}: {_text(value)}")


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(value) if isinstance(value, list) else str(value)


def _named(store: Store, name: str) -> list[ManifestEntry]:
    """The entry of that name, else its family, the default first. Raises UsageError for an unknown name."""
    if name in store.entries:
        return [store.entries[name]]
    family = [entry for entry in store.entries.values() if entry.answers_to(name)]
    if not family:
        raise unknown_name("model", name, names_of(store.entries))
    try:
        first = choose(store.entries, name, family[0].role)
    except UsageError:
        first = None  # several tasks: none of them is the default
    return sorted(family, key=lambda entry: entry is not first)


def _row(entry: ManifestEntry) -> list[str]:
    free = {True: "yes", False: "no", None: "unknown"}[entry.commercial_use]
    scale = f"x{entry.scale}" if entry.scale > 1 else "-"
    size = "unknown" if entry.bytes is None else str(entry.bytes)
    licence = entry.licence or "unknown"
    return [entry.name, entry.role, entry.task, entry.architecture, scale, licence, free, size, hash_state(entry)]


def _here(entry: ManifestEntry, store: Store) -> str:
    if not store.is_here(entry):
        return "no"
    return "yes" if entry.package is None else "in a package"


def hash_state(entry: ManifestEntry) -> str:
    """How its bytes are verified."""
    if entry.sha256 is not None or entry.package is not None:
        return "published"
    return "by the hub" if entry.hub else "first use"


def _place(entry: ManifestEntry, store: Store) -> str | None:
    try:
        place = store.place(entry)
    except WeightsError:  # a damaged receipt, which `ttpo models verify` reports
        return None
    return None if place is None else str(place)


def _facts(entry: ManifestEntry, store: Store) -> dict[str, Any]:
    return {
        "name": entry.name,
        "aliases": list(entry.aliases),
        "role": entry.role,
        "task": entry.task,
        "architecture": entry.architecture,
        "scale": entry.scale,
        "bytes": entry.bytes,
        "sha256": entry.sha256,
        "verified": hash_state(entry),
        "licence": entry.licence,
        "commercial_use": entry.commercial_use,
        "paper": entry.paper,
        "embedded": entry.file,
        "urls": list(entry.urls),
        "hub": [f"{source.repo}@{source.revision}" for source in entry.hub],
        "package": None if entry.package is None else entry.package.requirement,
        "gated": entry.gated,
        "metrics": list(entry.metrics),
        "requires": entry.requires,
        "trained_by": entry.trained_by,
        "notes": entry.notes,
        "here": store.is_here(entry),
        "path": _place(entry, store),
    }
