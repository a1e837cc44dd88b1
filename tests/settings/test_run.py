"""Which executors need other processes, and what one process takes of the devices."""

import pytest

from ttpo_cli.settings.run import Executor


@pytest.mark.parametrize(
    ("options", "remote"),
    [
        ({}, False),
        ({"workers": 1, "device": "cuda:1"}, False),
        ({"workers": 2}, True),
        ({"device": "cpu,cuda:0"}, True),
        ({"device": "all"}, True),
        ({"name": "ray"}, True),
    ],
)
def test_several_workers_or_devices_or_a_cluster_are_other_processes(options, remote):
    assert Executor(**options).remote == remote


@pytest.mark.parametrize(("device", "first"), [("auto", "auto"), ("cuda:1, cuda:0", "cuda:1"), ("all", "cuda"), (",cpu", ",cpu")])
def test_one_process_takes_the_first_device(device, first):
    assert Executor(device=device).first_device == first
