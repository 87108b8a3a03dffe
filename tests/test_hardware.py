"""What a machine tells of itself."""

from __future__ import annotations

import os
import platform
from types import SimpleNamespace

import pytest
import torch

from isoglot import hardware


def test_the_machine_is_told(tmp_path, monkeypatch):
    cpus = tmp_path / "cpuinfo"
    cpus.write_text("processor\t: 0\nmodel name\t: A Processor @ 2.5GHz\n\nprocessor\t: 1\nmodel name\t: Another\n")
    monkeypatch.setattr(hardware, "CPUS", cpus)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    about = [SimpleNamespace(name=f"GPU {at}", total_memory=80 * 2**30) for at in range(2)]
    monkeypatch.setattr(torch.cuda, "get_device_properties", about.__getitem__)
    assert hardware.hardware() == {
        "system": platform.system(),
        "machine": platform.machine(),
        "cpu": "A Processor @ 2.5GHz",
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "gpus": ["GPU 0", "GPU 1"],
    }


@pytest.mark.parametrize("content", [None, "Hardware\t: BCM2835\n"])  # elsewhere than on Linux, and on ARM
def test_a_processor_of_no_name_is_told_by_its_kind(tmp_path, monkeypatch, content):
    if content is not None:
        (tmp_path / "cpuinfo").write_text(content)
    monkeypatch.setattr(hardware, "CPUS", tmp_path / "cpuinfo")
    assert hardware.hardware()["cpu"] == (platform.processor() or platform.machine())


@pytest.mark.parametrize(
    ("quota", "cores"),
    [(None, 8), ("max 100000\n", 8), ("250000 100000\n", 2), ("50000 100000\n", 1), ("1600000 100000\n", 8)],
    ids=["no cgroup", "no limit", "two and a half", "half", "more than there are"],
)
def test_cores_are_those_that_a_process_and_its_container_may_use(tmp_path, monkeypatch, quota, cores):
    if quota is not None:
        (tmp_path / "cpu.max").write_text(quota)
    monkeypatch.setattr(hardware, "QUOTA", tmp_path / "cpu.max")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    assert hardware.count_cores() == cores
