"""`ttpo restore FOLDER` by several workers, here and on a real Ray cluster, with workers killed in the middle: as by one process."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from fakes import tiny_engine, tiny_photo

from ttpo_cli import pipeline
from ttpo_cli.cli.app import program
from ttpo_cli.cli.restore.workers import check_own_files, devices_of
from ttpo_cli.errors import UsageError
from ttpo_cli.folder.journal import read_rows
from ttpo_cli.imaging.reading import read_photo
from ttpo_cli.imaging.writing import write_photo
from ttpo_cli.settings.engine import EngineOptions

HELPERS = Path(__file__).resolve().parents[2] / "helpers"
COUNT, BROKEN = 6, "broken.png"

pytestmark = pytest.mark.skipif(os.name != "posix", reason="kills by signals")


class Folder:
    """An album, and runs over it by the workers of one executor, with the traps of worker_loaders."""

    def __init__(self, place, *flags):
        self.album, self.log, self.flags = place / "album", place / "log", flags
        self.log.mkdir()
        for index in range(COUNT):
            write_photo(self.album / str(index % 2) / f"{index}.png", tiny_photo(seed=index))
        (self.album / BROKEN).write_bytes(b"\x89PNG\r\n\x1a\n and no more")
        self.hashes = {path.name: read_photo(path).content_hash for path in self.album.rglob("?.png")}
        self.set_traps()

    def set_traps(self, poison="", block=""):
        (self.log / "poison").write_text(self.hashes.get(poison, ""))
        (self.log / "block").write_text(self.hashes.get(block, ""))
        (self.log / "stuck").unlink(missing_ok=True)
        (self.log / "begun").write_text("")

    def begun(self):
        """The photos that reached the network since the traps were set, as often as they did."""
        names = {content: name for name, content in self.hashes.items()}
        return sorted(names[line.split()[0]] for line in (self.log / "begun").read_text().splitlines())

    def start(self, out, *flags):
        command = [sys.executable, str(HELPERS / "worker_loaders.py"), "restore", str(self.album), "-r", "-o", str(out), "--json"]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return subprocess.Popen([*command, *self.flags, *flags], env={**os.environ, "OMP_NUM_THREADS": "1"}, **pipes)

    def run(self, out, *flags):
        with self.start(out, *flags) as run:
            shown = run.communicate(timeout=300)
        return run.returncode, *shown

    def stuck(self, run):
        """The process that stands still at the photo that was to be blocked."""
        for _ in range(1200):
            if (self.log / "stuck").exists():
                return int((self.log / "stuck").read_text())
            assert run.poll() is None, run.communicate()
            time.sleep(0.1)
        raise AssertionError("no worker came to the photo")


@pytest.fixture(params=["processes", "ray"], scope="module")
def folder(request, tmp_path_factory):
    place = tmp_path_factory.mktemp(request.param)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join((str(HELPERS), str(HELPERS.parents[1]))))
        patch.setenv("TTPO_TEST_LOG", str(place / "log"))
        patch.setenv("TTPO_HOME", str(place / "home"))
        if request.param == "processes":
            yield Folder(place, "--workers", "2")
            return
        cluster = ray_cluster(patch)
        yield Folder(place, "--executor", "ray", "--address", cluster.address)
        cluster.shutdown()


def ray_cluster(patch, **head):
    """Two machines of a CPU each, as far as Ray can tell."""
    pytest.importorskip("ray", reason="Ray comes with the extra `ray`")
    from ray.cluster_utils import Cluster

    patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False, **head})
    cluster.add_node(num_cpus=1)
    return cluster


@pytest.fixture
def here(monkeypatch, folder):
    """What one process makes of the album with these flags: {name: bytes}, sidecars without what differs between any two runs."""
    monkeypatch.setattr(pipeline, "load_engine", lambda *arguments, **named: tiny_engine())

    def run(out, *flags):
        assert program(["restore", str(folder.album), "-r", "-o", str(out), "-q", *flags]) == 1
        return files(out)

    return run


def files(out):
    found = {str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*") if path.is_file() and path.name != "journal.sqlite"}
    for name in [name for name in found if name.endswith(".ttpo.json")]:
        record = json.loads(found[name])
        for entry in (record, *record["rows"].values()):
            entry.pop("seconds")
        del record["peak_memory"], record["output"], record["machine"]["threads"], record["engine"]["device"]
        found[name] = json.dumps(record).encode()
    return found


def failures(out):
    return {row.target: (row.error, row.exit_code) for row in read_rows(out) if row.state == "failed"}


def test_a_worker_killed_in_the_middle_changes_nothing_and_a_photo_that_kills_all_of_them_fails_alone(folder, here, tmp_path):
    folder.set_traps(poison="5.png", block="2.png")
    with folder.start(tmp_path / "out") as run:
        os.kill(folder.stuck(run), signal.SIGKILL)
        told, shown = run.communicate(timeout=300)
    assert run.returncode == 1, shown
    assert folder.begun() == ["0.png", "1.png", "2.png", "2.png", "3.png", "4.png", "5.png", "5.png", "5.png"]
    assert {record["source"]["name"] for record in json.loads(told)["results"]} == {f"{index}.png" for index in range(5)}
    assert "was lost at" in shown and "2.png" in shown

    expected = here(tmp_path / "here")
    assert failures(tmp_path / "here") == {BROKEN: failures(tmp_path / "out").pop(BROKEN)}
    assert "ended 3 workers" in failures(tmp_path / "out")["1/5.png"][0]
    kept = {name: data for name, data in expected.items() if "5.png" not in name}
    assert files(tmp_path / "out") == kept and len(kept) == 2 * 5 + 1

    folder.set_traps()  # the next run, by one process, does what is left and nothing else
    assert here(tmp_path / "out") == expected
    folder.set_traps()
    assert folder.run(tmp_path / "out")[0] == 1  # and the one after it, by workers, nothing but what failed
    assert folder.begun() == [] and files(tmp_path / "out") == expected


def test_ctrl_c_ends_with_130_and_nothing_half_written_and_the_next_run_with_other_settings_goes_on(folder, here, tmp_path):
    folder.set_traps(block="3.png")
    with folder.start(tmp_path / "out", "--keep-candidates", str(tmp_path / "candidates")) as run:
        worker = folder.stuck(run)
        run.send_signal(signal.SIGINT)
        shown = run.communicate(timeout=100)
    assert run.returncode == 130, shown
    finished = [row.target for row in read_rows(tmp_path / "out") if row.state == "done"]
    assert not list(tmp_path.rglob("*.part")) and "1/3.png" not in finished
    assert sorted(name for name in files(tmp_path / "out") if name.endswith(".png")) == sorted(finished)
    assert ended(worker)

    folder.set_traps()
    assert folder.run(tmp_path / "out", "--keep-candidates", str(tmp_path / "candidates"))[0] == 1
    assert folder.begun() == sorted({f"{index}.png" for index in range(COUNT)} - {Path(name).name for name in finished})
    assert files(tmp_path / "out") == here(tmp_path / "here", "--keep-candidates", str(tmp_path / "own candidates"))
    assert files(tmp_path / "candidates") == files(tmp_path / "own candidates") != {}


def test_a_format_that_cannot_hold_a_photo_fails_that_photo_alone_as_in_one_process(folder, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(pipeline, "load_engine", lambda *arguments, **named: tiny_engine())
    for name in ("a.jpg", "b.png", "c.png"):
        write_photo(tmp_path / "album" / name, tiny_photo(seed=ord(name[0])))
    monkeypatch.setattr(folder, "album", tmp_path / "album")
    code, shown, told = folder.run(tmp_path / "out", "--bit-depth", "16")
    capsys.readouterr()
    assert program(["restore", str(tmp_path / "album"), "-r", "-o", str(tmp_path / "here"), "--json", "--bit-depth", "16"]) == code == 2
    one = json.loads(capsys.readouterr().out)["failures"]
    assert json.loads(shown)["failures"] == one and one[0]["source"].endswith("a.jpg") and "JPEG holds 8 bits" in told
    assert {path.name for path in (tmp_path / "out").glob("*.png")} == {"b.png", "c.png"}


def test_a_run_killed_with_its_workers_at_work_leaves_none_of_them_and_candidates_wait_for_picks_as_ever(folder, here, tmp_path):
    folder.set_traps(block="1.png")
    with folder.start(tmp_path / "out", "--select", "later", "--seed", "3") as run:
        worker = folder.stuck(run)
        run.kill()
    assert ended(worker)
    folder.set_traps()
    assert folder.run(tmp_path / "out", "--select", "later", "--seed", "3")[0] == 1
    assert files(tmp_path / "out") == here(tmp_path / "here", "--select", "later", "--seed", "3")
    assert {row.state for row in read_rows(tmp_path / "out")} == {"proposed", "failed"}
    assert program(["picks", "add", str(tmp_path / "out"), "1/1.png", "2", "1"]) == 0
    folder.set_traps()
    assert folder.run(tmp_path / "out", "--select", "later", "--seed", "3")[0] == 1
    assert folder.begun() == ["1.png"] and (tmp_path / "out" / "1" / "1.png").exists()


def ended(pid):
    """Whether a process is gone, or goes within twenty seconds."""
    for _ in range(200):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    return False


@pytest.fixture
def album(tmp_path, monkeypatch):
    """Two photos, and an engine that must not be loaded in this process."""
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    for seed in range(2):
        write_photo(tmp_path / "album" / f"{seed}.png", tiny_photo(seed=seed))
    return tmp_path / "album"


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--address", "here:1"], "give --executor ray as well"),
        (["--device", "all"], "sees no CUDA device"),
        (["--device", "cpu,cuda:9"], "--device cuda:9"),
        (["--executor", "ray", "--device", "cuda:0"], "Ray chooses among the GPUs"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_is_done(album, flags, words, capsys, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert program(["restore", str(album), *flags]) == 2
    assert words in capsys.readouterr().err and not album.with_name("album_ttpo").exists()


@pytest.mark.parametrize("flags", [["--workers", "2"], ["--device", "cpu,cpu"], ["--executor", "ray"]])
def test_a_photo_by_itself_is_not_shared_out(album, flags, capsys):
    assert program(["restore", str(album / "0.png"), *flags]) == 2
    assert "share the photos of folders" in capsys.readouterr().err


def test_without_ray_its_executor_says_what_to_install(album, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    assert program(["restore", str(album), "--executor", "ray"]) == 2
    assert "ttpo[ray]" in capsys.readouterr().err


def test_devices_are_those_named_or_every_gpu(monkeypatch):
    assert devices_of("auto") == ["cpu"] or devices_of("auto")[0].startswith("cuda")
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 3)
    assert devices_of("all") == devices_of("auto") == ["cuda:0", "cuda:1", "cuda:2"]
    assert devices_of("cuda:2, cpu") == ["cuda:2", "cpu"]
    with pytest.raises(UsageError, match="cuda:3"):
        devices_of("cuda:0,cuda:3")


def test_weights_named_by_a_file_must_be_those_the_workers_found(tmp_path):
    path = tmp_path / "own.safetensors"
    path.write_bytes(b"weights")
    own, other = ({"sha256": hashlib.sha256(data).hexdigest()} for data in (b"weights", b"others"))
    for role, made_of in {
        "backbone": EngineOptions(backbone=str(path)),
        "prior": EngineOptions(prior=str(path)),
        "metric": EngineOptions(metric_files={"niqe": path}),
    }.items():
        check_own_files(made_of, [{"role": role, "name": "niqe", **own}])
        with pytest.raises(UsageError, match="own.safetensors' is another file"):
            check_own_files(made_of, [{"role": role, "name": "niqe", **other}])
    unused = EngineOptions(prior=str(path), metric_files={"niqe": path})
    check_own_files(unused, [{"role": "backbone", "name": "none", **other}])


def test_a_dry_run_starts_no_worker(album, capsys, monkeypatch):
    monkeypatch.setattr(pipeline, "load_engine", lambda *arguments, **named: tiny_engine())
    monkeypatch.setattr("ttpo_cli.workers.process.ProcessWorker.start", lambda self: 1 / 0)
    assert program(["restore", str(album), "--workers", "2", "--dry-run"]) == 0
    assert "2 to restore: new" in capsys.readouterr().err


def test_threads_are_set_where_torch_and_the_workers_look_for_them(album, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert program(["restore", str(album), "--threads", "3", "--address", "here:1"]) == 2
    assert os.environ["OMP_NUM_THREADS"] == "3"
