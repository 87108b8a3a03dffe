"""What a machine tells of itself."""

from __future__ import annotations

import os
import platform

import pytest
import torch

from isoglot import hardware


def test_the_machine_is_told(tmp_path, monkeypatch):
    cpus = tmp_path / "cpuinfo"
    cpus.write_text("processor\t: 0\nmodel name\t: A Processor @ 2.5GHz\n\nprocessor\t: 1\nmodel name\t: Another\n")
    monkeypatch.setattr(hardware, "CPUS", cpus)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda at: f"GPU {at}")
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
