"""`ttpo pick` as a command: what it refuses in one line, what it prints where, and how it ends."""

import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from importlib.util import find_spec
from pathlib import Path

import pytest
from candidate_folders import propose

from ttpo_cli.cli.app import program
from ttpo_cli.cli.picks import page as pick

ROOT = Path(__file__).resolve().parents[3]
needs_gradio = pytest.mark.skipif(find_spec("gradio") is None, reason="gradio comes with the extra `pick`")


@pytest.mark.parametrize("what", ["missing", "file"])
def test_what_is_no_folder_is_a_usage_error(what, tmp_path, capsys):
    (tmp_path / "file").write_text("x")
    assert program(["pick", str(tmp_path / what)]) == 2
    shown = capsys.readouterr()
    assert shown.out == "" and shown.err.count("\n") == 1 and "is not a folder" in shown.err


def test_a_folder_without_candidates_says_how_to_make_them_and_is_left_as_it_is(tmp_path, capsys):
    assert program(["pick", str(tmp_path)]) == 1
    shown = capsys.readouterr()
    assert shown.err.count("\n") == 1 and "--select later" in shown.err and list(tmp_path.iterdir()) == []


def test_without_the_extra_one_line_names_it(tmp_path, capsys, monkeypatch):
    propose(tmp_path)
    monkeypatch.setattr(pick, "find_spec", lambda name: None)
    assert program(["pick", str(tmp_path)]) == 2
    shown = capsys.readouterr()
    assert shown.err.count("\n") == 1 and "pip install 'ttpo[pick]'" in shown.err and shown.out == ""


@needs_gradio
def test_an_address_that_cannot_be_listened_on_is_a_usage_error(tmp_path, capsys):
    propose(tmp_path)
    assert program(["pick", str(tmp_path), "--no-open", "--host", "192.0.2.1"]) == 2
    assert "--host 192.0.2.1" in capsys.readouterr().err
    assert program(["pick", str(tmp_path), "--port", "70000"]) == 2


def started(out, *flags, **environment):
    words = [sys.executable, "-c", "from ttpo_cli.cli.app import main; main()", "pick", str(out), *flags]
    facts = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", **environment}
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=facts, cwd=ROOT)


@needs_gradio
def test_the_address_is_data_the_rest_is_for_people_and_ctrl_c_is_a_good_end(tmp_path):
    propose(tmp_path)
    process = started(tmp_path, "--no-open")
    try:
        address = process.stdout.readline().strip()
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/\?token=[\w-]{30,}", address)
        with urllib.request.urlopen(address, timeout=60) as answer:
            assert answer.status == 200 and b"gradio" in answer.read()
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(address.partition("?")[0], timeout=60)
        process.send_signal(signal.SIGINT)
        rest, told = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 0 and rest == ""
    assert "1 of 1 photos wait" in told and "0 of 1 photos are picked" in told and "Traceback" not in told
    assert address.partition("=")[2] not in told


@needs_gradio
def test_each_start_has_a_token_of_its_own_and_the_browser_is_sent_to_it(tmp_path):
    propose(tmp_path)
    note = tmp_path / "opened"
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" >> {note}\n')
    browser.chmod(0o755)
    addresses = []
    for flags in (("--open",), ("--no-open", "--host", "0.0.0.0")):
        process = started(tmp_path, *flags, BROWSER=f"{browser} %s")
        try:
            addresses.append(process.stdout.readline().strip())
            urllib.request.urlopen(addresses[-1], timeout=60).close()
            process.send_signal(signal.SIGINT)
            _, told = process.communicate(timeout=60)
        finally:
            process.kill()
        assert ("warning" in told) == ("0.0.0.0" in flags), "a page that others can reach is not opened silently"
    assert note.read_text().split() == addresses[:1]
    assert len({address.partition("=")[2] for address in addresses}) == 2
