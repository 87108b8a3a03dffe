"""What the source promises of files from elsewhere: nothing in them is run, and nothing secret is told."""

from __future__ import annotations

import ast
import io
import logging
import tarfile
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

import isoglot
from isoglot.data.catalogue import files as catalogue_files
from isoglot.errors import InputError

SOURCE = Path(isoglot.__file__).parent
FILES = sorted(SOURCE.rglob("*.py"))
NEVER = {"eval", "exec", "compile", "pickle.load", "pickle.loads", "joblib.load", "os.system", "yaml.unsafe_load"}
ONLY_WITH = {
    "torch.load": {"weights_only": True},
    "np.load": {"allow_pickle": False},
    "numpy.load": {"allow_pickle": False},
}
SAFE_LOADERS = {"SafeLoader", "_StrictLoader", "_Loader", "getattr(yaml, 'CSafeLoader', yaml.SafeLoader)"}


def calls(path: Path) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


def keywords(call: ast.Call) -> dict[str, object]:
    return {one.arg: ast.unparse(one.value) for one in call.keywords if one.arg}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(SOURCE).as_posix())
def test_nothing_that_is_read_can_be_code(path: Path) -> None:
    for name, call in calls(path):
        assert name not in NEVER, (name, call.lineno)
        for key, value in ONLY_WITH.get(name, {}).items():
            assert keywords(call).get(key) == str(value), (name, call.lineno)
        if name == "yaml.load":
            loader = keywords(call).get("Loader") or ast.unparse(call.args[1])
            assert str(loader).rpartition("yaml.")[2] in SAFE_LOADERS or loader in SAFE_LOADERS, call.lineno
        assert keywords(call).get("trust_remote_code") != "True", call.lineno
        assert keywords(call).get("shell") != "True", call.lineno
        if name.endswith(".extractall") and "tar" in name:
            assert keywords(call).get("filter") == "'data'", call.lineno


def test_the_loaders_of_yaml_are_safe_ones() -> None:
    import yaml

    from isoglot.data.catalogue.entry import _Loader
    from isoglot.files import _StrictLoader

    assert issubclass(_Loader, (yaml.SafeLoader, getattr(yaml, "CSafeLoader", yaml.SafeLoader)))
    assert issubclass(_StrictLoader, yaml.SafeLoader)


def pack_tar(path: Path, name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> None:
    with tarfile.open(path, "w:gz") as packed:
        member = tarfile.TarInfo(name)
        member.type, member.linkname = kind, link
        member.size = 3 if kind == tarfile.REGTYPE else 0
        packed.addfile(member, io.BytesIO(b"abc") if member.size else None)


@pytest.mark.parametrize(
    ("name", "kind", "link"),
    [
        ("../outside", tarfile.REGTYPE, ""),
        ("/tmp/isoglot-outside", tarfile.REGTYPE, ""),
        ("link", tarfile.SYMTYPE, "../../outside"),
        ("link", tarfile.SYMTYPE, "/etc/passwd"),
        ("hard", tarfile.LNKTYPE, "../outside"),
        ("device", tarfile.CHRTYPE, ""),
    ],
    ids=["above", "absolute", "link-above", "link-absolute", "hard-link", "device"],
)
def test_a_tar_writes_nothing_outside_its_folder(tmp_path: Path, name: str, kind: bytes, link: str) -> None:
    folder = tmp_path / "in" / "folder"
    folder.mkdir(parents=True)
    pack_tar(tmp_path / "x.tar.gz", name, kind, link)
    with suppress(InputError):
        catalogue_files._unpack(tmp_path / "x.tar.gz", folder)
    assert not Path("/tmp/isoglot-outside").exists()
    assert {path.name for path in tmp_path.rglob("*")} - {"folder", "in", "x.tar.gz"} <= {"tmp", "isoglot-outside"}
    assert not any(path.is_symlink() for path in tmp_path.rglob("*"))


def test_a_zip_writes_nothing_outside_its_folder(tmp_path: Path) -> None:
    folder = tmp_path / "in" / "folder"
    folder.mkdir(parents=True)
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as packed:
        packed.writestr("../../outside", "x")
        link = zipfile.ZipInfo("link")
        link.external_attr = 0o120777 << 16
        packed.writestr(link, "/etc/passwd")
    catalogue_files._unpack(tmp_path / "x.zip", folder)
    assert {path.name for path in folder.rglob("*")} == {"outside", "link"}
    assert not (folder / "link").is_symlink()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "x.zip"]


@pytest.mark.parametrize("form", ["zip", "tar.gz"])
def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path, monkeypatch, form: str) -> None:
    monkeypatch.setattr(catalogue_files, "SMALL", 1000)
    content, path = bytes(3_000_000), tmp_path / f"x.{form}"
    if form == "zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
            packed.writestr("zeros", content)
    else:
        with tarfile.open(path, "w:gz") as packed_tar:
            member = tarfile.TarInfo("zeros")
            member.size = len(content)
            packed_tar.addfile(member, io.BytesIO(content))
    assert len(content) > catalogue_files.TIMES * path.stat().st_size
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match="unpacks to more than"):
        catalogue_files._unpack(path, tmp_path / "folder")
    assert not list((tmp_path / "folder").iterdir())


def test_an_archive_of_very_many_files_is_refused(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(catalogue_files, "FILES", 5)
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as packed:
        for number in range(6):
            packed.writestr(str(number), "")
    with pytest.raises(InputError, match="5 files"):
        catalogue_files._unpack(tmp_path / "x.zip", tmp_path)


def test_the_hub_is_told_the_token_and_nobody_else(tmp_path: Path, monkeypatch, caplog) -> None:
    from isoglot.errors import IsoglotError
    from isoglot.publishing import push_folder

    secret = "hf_" + "s3cret" * 6
    monkeypatch.setenv("HF_TOKEN", secret)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    (tmp_path / "modules.json").write_text("[]")
    with caplog.at_level(logging.DEBUG), pytest.raises(IsoglotError) as caught:
        push_folder(tmp_path, "me/model")
    assert secret not in str(caught.value)
    assert secret not in caplog.text
    assert not any(secret in path.read_text(errors="replace") for path in tmp_path.rglob("*") if path.is_file())
