"""Make a running notebook ready for the course, on Colab or any machine that brings PyTorch along.

In a clone of the course, in a cell: ``%run colab.py``. What is installed already and new enough stays, so that
gigabytes of PyTorch are not downloaded again; what is missing comes in the version that the course was tested with.
"""

import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent


def versions() -> dict[str, str]:
    """Return what is installed: versions by name."""
    return {canonicalize_name(one.metadata["Name"]): one.version for one in metadata.distributions()}


def wanted_pins(pins: Iterable[str], needs: Iterable[str], installed: Mapping[str, str]) -> list[str]:
    """Return the pins of those packages that are missing or too old.

    Parameters
    ----------
    pins : iterable of str
        Lines of a constraints file.
    needs : iterable of str
        The course's requirements.
    installed : mapping
        Versions by name.

    Examples
    --------
    >>> wanted_pins(["timm==1.0.20", "torch==2.14.1"], ["timm>=1.0.15", "torch>=2.8"], {"torch": "2.9.0+cu126"})
    ['timm==1.0.20']
    """
    wanted = set()
    for need in map(Requirement, needs):
        name = canonicalize_name(need.name)
        if name not in installed or not need.specifier.contains(installed[name], prereleases=True):
            wanted.add(name)
    lines = (line.partition("#")[0].strip() for line in pins)
    return [line for line in lines if line and canonicalize_name(Requirement(line).name) in wanted]


def replaced_while_loaded(before: Mapping[str, str], after: Mapping[str, str], loaded: Iterable[str]) -> list[str]:
    """Return the packages that this process has loaded, and whose version is another one since.

    >>> replaced_while_loaded({"packaging": "1.0", "pip": "1.0"}, {"packaging": "2.0", "pip": "1.0"}, ["packaging"])
    ['packaging']
    """
    names = metadata.packages_distributions()
    packages = {canonicalize_name(name) for module in loaded for name in names.get(module.partition(".")[0], ())}
    return sorted(name for name in packages & before.keys() if before[name] != after.get(name))


def install() -> None:
    """Install what is missing, with the course itself.

    Raises
    ------
    SystemExit
        If pip fails, or something was replaced that this process goes on using.
    """
    needs = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    pins = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    before = versions()
    with tempfile.TemporaryDirectory() as folder:
        constraints = Path(folder) / "constraints.txt"
        constraints.write_text("\n".join(wanted_pins(pins, needs, before)) + "\n", encoding="utf-8")
        command = [sys.executable, "-m", "pip", "install", "--quiet", "-c", str(constraints), "-e", str(ROOT)]
        if subprocess.call(command):
            sys.exit("pip could not install the course; what it says above is why.")
    if old := replaced_while_loaded(before, versions(), list(sys.modules)):
        sys.exit(f"{', '.join(old)} was replaced while in use: restart the runtime, then run this cell again.")


def main() -> None:
    """Install, let this process find the clone, and fetch."""
    install()
    sys.path.insert(0, str(ROOT))  # an installation is seen only by processes that start after it
    if subprocess.call([sys.executable, "-m", "tl_course.app.cli", "fetch"], cwd=ROOT):
        sys.exit("The files could not be fetched; what stands above is why.")
    print("Ready: the course's cells run in this runtime.")


if __name__ == "__main__":
    main()
