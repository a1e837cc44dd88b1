"""Downloads from a server that does everything wrong: what arrives is whole and as expected, or nothing does."""

import hashlib
import random

import pytest
from mirror import running_mirror

from ttpo_cli.errors import WeightsError
from ttpo_cli.weights import transfer
from ttpo_cli.weights.download import Patience, download

CONTENT = random.Random(0).randbytes(700_001)
OTHER = random.Random(1).randbytes(700_001)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
HASTE = Patience(timeout=0.5, attempts=3, first_wait=0.0)
KNOWN = {"size": len(CONTENT), "sha256": SHA256}
HALF = {"cut": 350_000}


@pytest.fixture
def mirror(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with running_mirror() as server:
        yield server


def fetch(tmp_path, *urls, **known):
    return download(urls, tmp_path / "model.pth", patience=HASTE, **known)


def held(tmp_path):
    return {path.name: path.read_bytes() for path in tmp_path.iterdir()}


FAULTS = {
    "nothing": [],
    "a connection cut midway": [HALF],
    "many cuts, each further on than the last": [{"cut": 100_000}] * 6,
    "a stall": [{"stall": 200_000}],
    "an answer cut before its first byte": [{"cut": 0}, {"cut": 0}],
    "a length that promises more than comes": [{"length": 900_000, "cut": 700_001, "whole": True}],
    "a Range that is ignored": [HALF, {"whole": True}],
    "429 with a time to wait": [{"status": 429, "headers": {"Retry-After": "0"}}],
    "500 and 503": [{"status": 500}, {"status": 503}],
    "no length, and a cut": [{"length": "none", "cut": 500_000}],
}
TOLD_LENGTH_IS_WRONG = {"a length that promises more than comes"}


@pytest.mark.parametrize("known", [KNOWN, {}], ids=["hash known", "hash unknown"])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_that_passes_leaves_the_whole_file_and_nothing_else(mirror, tmp_path, fault, known):
    if not known and fault in ("no length, and a cut",):
        pytest.skip("without length and hash nobody can tell a cut from the end")
    url = mirror.serve("/model.pth", CONTENT, *FAULTS[fault])
    if known and fault in TOLD_LENGTH_IS_WRONG:
        with pytest.raises(WeightsError, match="offers 900000 bytes, where the file has 700001"):
            fetch(tmp_path, url, **known)
        return
    delivered = fetch(tmp_path, url, **known)
    assert held(tmp_path) == {"model.pth": CONTENT}
    assert (delivered.url, delivered.bytes, delivered.sha256) == (url, len(CONTENT), SHA256)


def test_a_cut_is_gone_on_with_where_it_broke_off(mirror, tmp_path):
    fetch(tmp_path, mirror.serve("/model.pth", CONTENT, HALF), **KNOWN)
    assert [entry[2] for entry in mirror.downloads("/model.pth")] == [None, "bytes=350000-"]


def test_what_an_interrupted_run_left_is_gone_on_with(mirror, tmp_path):
    url = mirror.serve("/model.pth", CONTENT, HALF, *[{"status": 500}] * 3)
    with pytest.raises(WeightsError, match="answers 500, 3 times"):
        fetch(tmp_path, url, **KNOWN)
    assert held(tmp_path)["model.pth.part"] == CONTENT[:350_000]
    fetch(tmp_path, url, **KNOWN)
    assert held(tmp_path) == {"model.pth": CONTENT}
    assert mirror.asked[-1][2] == "bytes=350000-"


def test_a_whole_part_needs_no_network(tmp_path):
    (tmp_path / "model.pth.part").write_bytes(CONTENT)
    fetch(tmp_path, "http://127.0.0.1:9/model.pth", **KNOWN)
    assert held(tmp_path) == {"model.pth": CONTENT}


def test_a_whole_part_of_unknown_length_needs_no_network(tmp_path):
    (tmp_path / "model.pth.part").write_bytes(CONTENT)
    fetch(tmp_path, "http://127.0.0.1:9/model.pth", sha256=SHA256)
    assert held(tmp_path) == {"model.pth": CONTENT}


@pytest.mark.parametrize("etag", ['"second"', 'W/"weak"'])
def test_without_a_hash_two_versions_never_become_one_file(mirror, tmp_path, etag):
    url = mirror.serve("/model.pth", CONTENT, {**HALF, "etag": '"first"' if etag == '"second"' else etag}, *[{"status": 503}] * 3)
    with pytest.raises(WeightsError):
        fetch(tmp_path, url)
    mirror.serve("/model.pth", OTHER, {"etag": etag})
    fetch(tmp_path, url)
    assert held(tmp_path) == {"model.pth": OTHER}


def test_a_beginning_from_another_mirror_with_other_bytes_is_dropped(mirror, tmp_path):
    wrong = mirror.serve("/wrong.pth", OTHER, HALF, *[{"status": 503}] * 3)
    right = mirror.serve("/right.pth", CONTENT)
    assert fetch(tmp_path, wrong, right, **KNOWN).url == right
    assert held(tmp_path) == {"model.pth": CONTENT}


REFUSALS = {
    "404": ([{"status": 404}], "answers 404"),
    "403": ([{"status": 403}], "answers 403"),
    "500 for good": ([{"status": 500}] * 99, "answers 500, 3 times"),
    "a few bytes at a time": ([{"stall": 10}] * 99, "stalled or broke off after 30 bytes"),
    "a cut at the same place for good, Range ignored": ([{"cut": 9, "whole": True}] * 99, "broke off after 9"),
    "a shorter file": ([{"length": 10, "cut": 10}] * 9, "offers 10 bytes"),
    "more bytes than the file has": ([{"length": "none"}], "sends more than"),
    "a web page": ([{"type": "text/html; charset=utf-8"}], "a web page instead"),
    "an encoding nobody asked for": ([{"headers": {"Content-Encoding": "gzip"}}], r"another form than asked \(gzip\)"),
    "204": ([{"status": 204}], "answers 204 without a file"),
    "an empty file": ([{"length": 0, "cut": 0}], "an empty file"),
    "a circle of redirects": ([{"redirect": "/first.pth"}] * 20, "answers 302 .*infinite loop"),
    "a redirect that is not HTTP": ([{"redirect": "file:///etc/hostname"}], "is not allowed"),
}


@pytest.mark.parametrize("fault", REFUSALS)
def test_a_mirror_that_will_not_do_is_told_and_the_next_one_serves(mirror, tmp_path, fault):
    faults, words = REFUSALS[fault]
    content = CONTENT + b"more" if fault == "more bytes than the file has" else CONTENT
    first = mirror.serve("/first.pth", content, *faults)
    with pytest.raises(WeightsError, match=words) as caught:
        fetch(tmp_path, first, **KNOWN)
    assert "\n" not in str(caught.value)
    assert "model.pth" not in held(tmp_path)
    mirror.serve("/first.pth", content, *faults)
    second = mirror.serve("/second.pth", CONTENT)
    assert fetch(tmp_path, first, second, **KNOWN).url == second
    assert held(tmp_path) == {"model.pth": CONTENT}


def test_other_bytes_than_the_hash_names_are_never_kept(mirror, tmp_path):
    with pytest.raises(WeightsError, match="gives other bytes than expected"):
        fetch(tmp_path, mirror.serve("/model.pth", OTHER), **KNOWN)
    assert held(tmp_path) == {}


def test_without_a_hash_what_cannot_be_the_file_is_not_kept_and_the_next_mirror_serves(mirror, tmp_path):
    def flaw(path):
        return "is shorter than that" if path.stat().st_size < len(CONTENT) else None

    cut = mirror.serve("/cut.pth", CONTENT[:1000])
    with pytest.raises(WeightsError, match=r"127\.0\.0\.1 gives a file that is shorter than that"):
        fetch(tmp_path, cut, flaw=flaw)
    assert held(tmp_path) == {}
    assert fetch(tmp_path, cut, mirror.serve("/model.pth", CONTENT), flaw=flaw).bytes == len(CONTENT)


def test_an_answer_without_a_byte_and_without_a_length_is_no_file(mirror, tmp_path):
    with pytest.raises(WeightsError, match="sends nothing, 3 times"):
        fetch(tmp_path, mirror.serve("/model.pth", CONTENT, *[{"length": "none", "cut": 0}] * 99))


def test_a_redirect_is_followed_with_its_range(mirror, tmp_path):
    there = mirror.serve("/there.pth", CONTENT, HALF)
    url = mirror.serve("/model.pth", b"", {"redirect": there}, {"redirect": "/there.pth"})
    fetch(tmp_path, url, **KNOWN)
    assert held(tmp_path) == {"model.pth": CONTENT}
    assert mirror.downloads("/there.pth")[-1][2] == "bytes=350000-"


def test_a_redirect_away_from_https_is_refused_where_no_hash_would_notice():
    request = transfer.urllib.request.Request("https://example.org/model.pth")
    for must_stay_secure in (True, False):
        redirects = transfer._Redirects(must_stay_secure)
        if must_stay_secure:
            with pytest.raises(transfer.Elsewhere, match="not HTTPS"):
                redirects.redirect_request(request, None, 302, "", {}, "http://example.org/other")
        else:
            assert redirects.redirect_request(request, None, 302, "", {}, "http://example.org/other").full_url == "http://example.org/other"


def test_a_machine_that_is_not_there_is_told(tmp_path):
    with pytest.raises(WeightsError, match=r"127\.0\.0\.1 cannot be reached .*, 3 times"):
        fetch(tmp_path, "http://127.0.0.1:9/model.pth", **KNOWN)


def test_a_disk_without_room_is_told_before_a_byte_is_written(mirror, tmp_path, monkeypatch):
    monkeypatch.setattr(transfer.shutil, "disk_usage", lambda folder: transfer.shutil._ntuple_diskusage(10**6, 10**6, 1000))
    with pytest.raises(WeightsError, match="needs 700001 bytes more, and .* has 1000 free"):
        fetch(tmp_path, mirror.serve("/model.pth", CONTENT), **KNOWN)
    assert held(tmp_path) == {}


def test_progress_tells_bytes_and_total(mirror, tmp_path):
    told = []
    download([mirror.serve("/model.pth", CONTENT, HALF)], tmp_path / "m", patience=HASTE, **KNOWN, on_bytes=lambda *step: told.append(step))
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert told[-1] == (len(CONTENT), len(CONTENT))
