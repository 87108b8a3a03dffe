"""Files and folders of ours: where they are kept, written whole or not at all, held by one process alone."""

from __future__ import annotations

import codecs
import errno
import gzip
import json
import os
import platform
import re
import reprlib
import shutil
import tempfile
import time
import zlib
from collections.abc import Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from hashlib import blake2b
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import NoneType, UnionType
from typing import IO, Any, Union, get_args, get_origin

import yaml

from isoglot.errors import InputError
from isoglot.locks import held_alone, is_lived_in, lived_in
from isoglot.stores import refuse_address

__all__ = [
    "content_hash",
    "data_folder",
    "default_cache",
    "held_alone",
    "new_file",
    "new_folder",
    "opened",
    "read_result_file",
    "read_text",
    "read_yaml",
    "refuse_taken",
    "require",
    "versions",
    "why_no_file",
    "write_result_file",
    "yaml_text",
]

ABANDONED = 24 * 3600
"""Seconds after which a folder that was not finished is taken for the rest of a process that is gone."""
PACKAGES = (  # that decide a result
    *("isoglot", "sentence-transformers", "transformers", "torch", "tokenizers", "numpy", "pyarrow", "Babel"),
)
WIDE = {  # what a text in another encoding of Unicode begins with
    codecs.BOM_UTF32_LE: "UTF-32",  # before UTF-16, whose mark it begins with
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}


def default_cache() -> Path:
    """Return the folder of what is kept from run to run: $ISOGLOT_CACHE, or `isoglot` in the user's (XDG)."""
    given = os.environ.get("ISOGLOT_CACHE")
    if given:
        refuse_address(given, "the cache of ISOGLOT_CACHE")
        return Path(given).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "isoglot"


def data_folder() -> Path:
    """Return the folder of data sets, $ISOGLOT_DATA or one in the cache: `NAME/` is what a name stands for."""
    given = os.environ.get("ISOGLOT_DATA")
    if given:
        refuse_address(given, "the folder of data sets of ISOGLOT_DATA")
        return Path(given).expanduser()
    return default_cache() / "data"


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that decide a result."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        with suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


def require(module: str, extra: str, purpose: str) -> Any:
    """Import a module of an optional dependency.

    Args:
        module: to import.
        extra: of ours that installs it.
        purpose: what needs it, as the subject of a sentence: "reading benchmarks".

    Raises:
        InputError: it is not installed; says what to install.
    """
    try:
        return import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        if error.name is not None and error.name.partition(".")[0] != package:
            raise
        raise InputError(f"{purpose} needs {package}: pip install 'isoglot[{extra}]'") from None


def content_hash(content: str | bytes, size: int = 16) -> str:
    """Return 2 · size hexadecimal digits that tell contents apart (BLAKE2b)."""
    return blake2b(content.encode() if isinstance(content, str) else content, digest_size=size).hexdigest()


def why_no_file(path: Path) -> str:
    """Say of a place where a file should be why it is none: "is a folder, not a file"."""
    return "is a folder, not a file" if path.is_dir() else "does not exist"


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """Open a text file, unpacking it if it is gzipped, whatever its name.

    Raises:
        InputError: it cannot be read, begins as UTF-16 or UTF-32 do, whose bytes may pass for others, or what is
            packed in it is damaged: also while it is read in the block.
    """
    refuse_address(path, "this file")
    try:
        with path.open("rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
            file.seek(0)
            if packed:
                with gzip.open(file, "rb") as unpacked:
                    _refuse_wide(path, unpacked)  # type: ignore[arg-type]
                    yield unpacked  # type: ignore[misc]
            else:
                _refuse_wide(path, file)
                yield file
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(f"{path} is damaged: {error}; get it again") from None
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from None


def _refuse_wide(path: Path, file: IO[bytes]) -> None:
    start = file.read(4)
    if wide := next((name for mark, name in WIDE.items() if start.startswith(mark)), None):
        raise InputError(f"{path} is written in {wide}: write it in UTF-8")
    file.seek(0)


def read_text(path: Path) -> str:
    """Return what a text file holds, without a byte order mark; it may be gzipped.

    Raises:
        InputError: it cannot be read, is damaged, or is not UTF-8.
    """
    with opened(path) as file:
        raw = file.read()
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: invalid UTF-8 at byte {error.start + 1}; write it in UTF-8") from None


class _StrictLoader(yaml.SafeLoader):
    """Refuses a key that is given twice, of which YAML would silently take the last.

    Only `true` and `false` are truth values, as in YAML 1.2: `on` and `no`, the tag of Norwegian, are words.
    """

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen = set()
        for key_node, _ in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":  # of which keys may be given again
                continue
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, Hashable):
                continue  # which the library refuses
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} is given twice", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)


_StrictLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in found if tag != "tag:yaml.org,2002:bool"]
    for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_StrictLoader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(?:true|false)$"), list("tf"))


def read_yaml(path: Path, example: str) -> dict[str, Any]:
    """Return the keys and values of a YAML file that people write.

    A key that is given twice is refused, and only `true` and `false` are truth values, as in YAML 1.2.

    Args:
        path: the file.
        example: a line of such a file, for the message.

    Raises:
        InputError: it cannot be read, or is not YAML, or holds no keys.
    """
    text = read_text(path)
    try:
        content = yaml.load(text, _StrictLoader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: a date that is none
        raise InputError(f"{path} cannot be read as YAML: {' '.join(str(error).split())}") from None
    if not isinstance(content, dict):
        raise InputError(f"{path} must hold keys and values, such as '{example}'")
    return content


def yaml_text(content: Mapping[str, Any]) -> str:
    """Return plain values as YAML that reads as they are: letters as such, or escaped where PyYAML would not read
    back what it writes (U+0085 and other breaks of lines)."""
    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
    with suppress(yaml.YAMLError):
        if yaml.safe_load(text) == content:
            return text
    return yaml.safe_dump(content, sort_keys=False)


@contextmanager
def new_file(path: str | Path, mode: str = "w") -> Iterator[IO[Any]]:
    """Yield a file that becomes `path` when the block ends well: what is read is whole, be it old or new.

    Args:
        path: folders on the way to it are made. What is no file, such as /dev/stdout, is written to directly.
        mode: "w" for text (UTF-8), "wb" for bytes.

    Raises:
        OSError: it cannot be written.
    """
    refuse_address(path, "what is written")
    target, encoding = Path(path), None if "b" in mode else "utf-8"
    if target.exists() and (target.parent == Path("/dev") or not (target.is_file() or target.is_dir())):
        with target.open(mode, encoding=encoding) as file:
            return (yield file)
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}-", suffix=".partial")
    try:
        with os.fdopen(handle, mode, encoding=encoding) as file:
            yield file
        Path(name).chmod(target.stat().st_mode & 0o777 if target.is_file() else 0o666 & ~_umask())
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def write_result_file(content: dict[str, Any], path: str | Path) -> None:
    """Write a result file, whole; folders on the way to it are made.

    Raises:
        InputError: the file cannot be written.
    """
    text = json.dumps(content, ensure_ascii=False, indent=1, allow_nan=False)
    try:
        with new_file(path) as file:
            file.write(text + "\n")
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror}") from None


def read_result_file(
    path: str | Path, keys: Mapping[str, Any], kind: str, remedy: str = "", *, optional: Sequence[str] = ()
) -> dict[str, Any]:
    """Read a result file; return these keys of it.

    Args:
        path: the file.
        keys: all of which it must have, and of which type each is (`str`, `list[str]`, `dict[str, Any] | None`).
        kind: what it is called in messages, such as "a result file".
        remedy: what to do about a file that is none.
        optional: of the keys, those that older files lack; they are not in what is returned then.

    Raises:
        InputError: the file is missing, not JSON, as with NaN in it, lacks a key, or a key is of another type.
    """
    text = read_text(Path(path))
    try:
        content = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise InputError(f"{path} is not {kind}: it is not JSON{remedy}") from None
    missing = [key for key in keys if not isinstance(content, dict) or key not in {*content, *optional}]
    if missing:
        raise InputError(f"{path} is not {kind}: it lacks {missing[0]!r}{remedy}")
    for key, hint in keys.items():
        if key in content and not _is_of(content[key], hint):
            raise InputError(f"{path} is not {kind}: {key!r} is {reprlib.repr(content[key])}{remedy}")
    return {key: content[key] for key in keys if key in content}


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


def _is_of(value: Any, hint: Any) -> bool:
    """Tell whether a value that was read from JSON is of a type: a class, lists or mappings of one, or a choice."""
    origin, inner = get_origin(hint), get_args(hint)
    if hint is Any:
        return True
    if hint is None or hint is NoneType:
        return value is None
    if origin in (Union, UnionType):
        return any(_is_of(value, one) for one in inner)
    if origin is list:
        return isinstance(value, list) and all(_is_of(one, inner[0]) for one in value)
    if origin is dict:
        return isinstance(value, dict) and all(_is_of(one, inner[1]) for one in value.values())
    number = hint is float and isinstance(value, int)
    return (isinstance(value, hint) or number) and (hint is bool or not isinstance(value, bool))


def refuse_taken(path: str | Path) -> None:
    """Refuse a place for output that is taken, before work is done for nothing.

    Raises:
        InputError: it is there, and is not an empty folder.
    """
    refuse_address(path, "what is written")
    target = Path(path)
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise InputError(f"{path} already exists and is not an empty folder; remove it or choose another one")


@contextmanager
def new_folder(path: str | Path) -> Iterator[Path]:
    """Yield a temporary folder that becomes `path` when the block ends well: output is whole or absent.

    Raises:
        InputError: `path` exists and is not an empty folder, or cannot be made.
    """
    refuse_taken(path)
    target = Path(path).resolve()
    if blocked := next((parent for parent in target.parents if parent.exists() and not parent.is_dir()), None):
        raise InputError(f"cannot write {path}: {blocked} is a file, not a folder")
    missing = [parent for parent in target.parents if not parent.exists()]
    prefix = f".{target.name}.unfinished-"
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(target.parent, prefix)
        temporary = Path(tempfile.mkdtemp(prefix=prefix, dir=target.parent))
    except OSError as error:
        _remove_empty(missing)
        raise InputError(f"cannot write {path}: {error.strerror}") from None
    try:
        with lived_in(temporary):
            yield temporary
        temporary.chmod(0o777 & ~_umask())
        _rename(temporary, target)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        _remove_empty(missing)
        raise


def _rename(written: Path, target: Path) -> None:
    try:
        if target.exists():
            target.rmdir()
        written.rename(target)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        raise InputError(f"another process has written {target} meanwhile: choose another folder") from None


def _remove_abandoned(folder: Path, prefix: str) -> None:
    """Remove what earlier writing of the same folder left when it was killed: hidden, untouched for a day by our
    clock, which may have jumped, and nobody's who lives."""
    for path in folder.iterdir():
        if path.name.startswith(prefix) and path.is_dir() and not path.is_symlink():
            with suppress(OSError):  # whoever wrote it may be there after all, and have just finished
                touched = max(one.lstat().st_mtime for one in (path, *path.rglob("*")))
                if time.time() - touched > ABANDONED and not is_lived_in(path):
                    shutil.rmtree(path, ignore_errors=True)


def _remove_empty(folders: list[Path]) -> None:
    """Remove folders, innermost first, as far as they are there and empty."""
    for folder in folders:
        with suppress(OSError):
            folder.rmdir()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
