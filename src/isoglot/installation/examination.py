"""What is installed, and what is missing.

Nothing but the standard library is imported, so that any library that is broken can be told of.
"""

from __future__ import annotations

import platform
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, metadata, requires, version
from typing import Any

from isoglot.errors import InputError
from isoglot.hardware import count_cores
from isoglot.installation.importing import import_all
from isoglot.installation.machine import Folder, ask_hub, caches, total_memory

__all__ = ["Extra", "Installation", "Library", "examine", "module_of"]

MODULES = {  # of distributions whose module is called otherwise
    "babel": "babel",
    "protobuf": "google.protobuf",
    "pyyaml": "yaml",
    "vl-convert-python": "vl_convert",
}


@dataclass
class Library:
    """A distribution that isoglot builds on.

    Attributes:
        name: as pip knows it.
        needed: the versions that do; empty for any.
        version: the one that is installed; None for none.
        problem: what is wrong with it, as the rest of a sentence that begins with its name; None for nothing.
    """

    name: str
    needed: str
    version: str | None
    problem: str | None = None


@dataclass
class Extra:
    """An optional dependency.

    Attributes:
        name: of the extra.
        libraries: what it installs.
    """

    name: str
    libraries: list[Library]

    @property
    def is_whole(self) -> bool:
        """Whether all of it is there and works."""
        return not any(one.problem for one in self.libraries)

    @property
    def install(self) -> str:
        """The command that installs it."""
        return f"pip install 'isoglot[{self.name}]'"


@dataclass
class Installation:
    """What `isoglot doctor` says.

    Attributes:
        isoglot: its version; None where it runs without being installed.
        python: version.
        system: operating system and processor.
        libraries: what is always needed.
        extras: what is needed for some things only.
        device: cores that may be used, memory in bytes, GPUs.
        folders: caches.
        hub: variables that are set, whether they keep isoglot off the network, and what the Hub answered, if asked.
        problems: why isoglot cannot work, a sentence each; none if it can.
    """

    isoglot: str | None
    python: str
    system: str
    libraries: list[Library]
    extras: list[Extra]
    device: dict[str, Any]
    folders: list[Folder]
    hub: dict[str, Any]
    problems: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        found = asdict(self)
        for one, extra in zip(found["extras"], self.extras, strict=True):
            one |= {"is_whole": extra.is_whole, "install": extra.install}
        return found


def _read_requirement(text: str) -> tuple[str, str, list[str], str]:
    """Return distribution, versions, extras and marker of a requirement such as `torch>=2.6; extra == "x"`."""
    from packaging.requirements import Requirement  # of which a broken one is told

    read = Requirement(text)
    return read.name, str(read.specifier), sorted(read.extras), str(read.marker or "")


def _declared() -> tuple[list[tuple[str, str]], dict[str, list[tuple[str, str]]]]:
    """Return what isoglot itself and each extra needs: distributions and their versions."""
    from packaging.markers import Marker

    base: list[tuple[str, str]] = []
    extras: dict[str, list[tuple[str, str]]] = {}
    inside: dict[str, list[str]] = {}
    for text in requires("isoglot") or ():
        name, needed, chosen, marker = _read_requirement(text)
        of_extra = marker.rpartition("extra == ")[2].strip("\"'() ") if "extra" in marker else None
        if of_extra in ("all", "dev") or (marker and not Marker(marker).evaluate({"extra": of_extra or ""})):
            continue
        if of_extra is None:
            base.append((name, needed))
        elif name == "isoglot":
            inside.setdefault(of_extra, []).extend(chosen)
        else:
            extras.setdefault(of_extra, []).append((name, needed))
    for of_extra, others in inside.items():
        extras[of_extra] = [one for other in others for one in extras.get(other, [])] + extras.get(of_extra, [])
    return base, dict(sorted(extras.items()))


def _python() -> list[str]:
    """Say what is wrong with this version of Python."""
    from packaging.specifiers import SpecifierSet

    own = platform.python_version()
    needed = (metadata("isoglot").get_all("Requires-Python") or [""])[0]
    fits = SpecifierSet(needed).contains(own, prereleases=True)
    return [] if fits else [f"Python is {own}, and isoglot needs {needed}"]


def _library(name: str, needed: str) -> Library:
    """Look up what is installed, and whether it will do."""
    from packaging.specifiers import SpecifierSet

    try:
        found = version(name)
    except PackageNotFoundError:
        return Library(name, needed, None, "is not installed")
    if not SpecifierSet(needed).contains(found, prereleases=True):
        return Library(name, needed, found, f"is {found}, and isoglot needs {needed}")
    return Library(name, needed, found)


def module_of(name: str) -> str:
    """Return the module of a distribution."""
    return MODULES.get(name.lower(), name.lower().replace("-", "_"))


def examine(*, network: bool = False) -> Installation:
    """Look at what is installed. Nothing is written, and nobody is asked unless `network` says so.

    Args:
        network: ask the Hugging Face Hub whether it can be reached.
    """
    problems: list[str] = []
    libraries: list[Library] = []
    extras: list[Extra] = []
    try:
        own: str | None = version("isoglot")
        problems += _python()
        base, more = _declared()
        libraries = [_library(*one) for one in base]
        extras = [Extra(name, [_library(*one) for one in needs]) for name, needs in more.items()]
    except PackageNotFoundError:
        own = None
        problems.append("isoglot runs from its source and is not installed: pip install -e . in its folder")
    except Exception as error:
        problems.append(f"packaging, which reads what isoglot needs, cannot be imported: {error}")
    everything = [*libraries, *(one for extra in extras for one in extra.libraries)]
    found, device = import_all([module_of(one.name) for one in everything if one.version is not None])
    for one in everything:
        one.problem = one.problem or found.get(module_of(one.name))
    problems += [f"{one.name} {one.problem}" for one in libraries if one.problem]
    try:
        folders = caches()
    except InputError as error:  # of a variable
        problems.append(str(error))
        folders = []
    except Exception:  # of a library that is told of above
        folders = []
    if device.get("problem") and not any("torch" in told for told in problems):
        problems.append(f"torch cannot be asked for devices: {device['problem']}")
    return Installation(
        isoglot=own,
        python=platform.python_version(),
        system=platform.platform(),
        libraries=libraries,
        extras=extras,
        device={"cores": count_cores(), "memory": total_memory(), **device},
        folders=folders,
        hub=ask_hub(network),
        problems=problems,
    )
