"""What is declared, pinned and imported agrees, and importing the package costs next to nothing."""

import ast
import functools
import os
import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent

# declared, and not imported by tl_course/ or authoring/: what each is there for
NOT_IMPORTED = {
    "ipykernel": "the kernel that `tl-course run` starts, as a process",
    "jupyter-server-mathjax": "its MathJax is copied into the site",
    "jupyterlab": "opened by `tl-course start`",
    "myst-nb": "an extension of Sphinx: notebooks as pages",
    "nbgrader": "grades with the folder that `tl-course nbgrader` writes; an extra, as it changes JupyterLab",
    "nbval": "runs every notebook in `tl-course test`",
    "onnx": "the format that torch.onnx writes",
    "onnxscript": "how torch.onnx writes it",
    "pytest": "runs the tests",
    "pytest-xdist": "runs the tests in several processes",
    "skada": "a second opinion on CORAL in the tests",
    "sphinx-book-theme": "how the site looks",
    "skorch": "needed by skada's losses for deep networks",
    "ruff": "lints code and notebooks",
    "vadersentiment": "the lexicon baseline of the text lessons",
}


@functools.cache
def pyproject() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def declared() -> dict[str, Requirement]:
    lines = [
        *pyproject()["dependencies"],
        *(line for extra in pyproject()["optional-dependencies"].values() for line in extra),
    ]
    requirements = [Requirement(line) for line in lines]
    return {canonicalize_name(requirement.name): requirement for requirement in requirements}


def pins() -> dict[str, str]:
    lines = [line.partition("#")[0].strip() for line in (ROOT / "constraints.txt").read_text().splitlines()]
    requirements = [Requirement(line) for line in lines if line]
    for requirement in requirements:
        [specifier] = requirement.specifier
        assert specifier.operator == "==", f"{requirement} is not an exact pin"
        assert not specifier.version.endswith("*"), f"{requirement} is not an exact pin"
    names = [canonicalize_name(requirement.name) for requirement in requirements]
    assert len(set(names)) == len(names)
    return {name: next(iter(one.specifier)).version for name, one in zip(names, requirements, strict=True)}


@functools.cache
def imported() -> dict[str, str]:
    """Third-party modules imported anywhere in the package or the authoring code, each with a file that does."""
    found = {}
    for folder in ("tl_course", "authoring"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                names = []
                if isinstance(node, ast.Import):
                    names = [alias.name for alias in node.names]
                elif isinstance(node, ast.ImportFrom) and not node.level:
                    names = [node.module]
                for name in names:
                    found.setdefault(name.partition(".")[0], str(path.relative_to(ROOT)))
    ours = {"tl_course", "authoring", "__future__"}
    return {name: path for name, path in found.items() if name not in sys.stdlib_module_names | ours}


@functools.cache
def distributions() -> dict[str, list[str]]:
    return {
        module: [canonicalize_name(name) for name in names]
        for module, names in metadata.packages_distributions().items()
    }


def owners(module: str) -> list[str]:
    """The distributions a module is from; of an extra that is not installed here, the one of its own name."""
    return distributions().get(module, [canonicalize_name(module)])


def test_every_direct_dependency_is_pinned_within_its_bounds():
    pinned = pins()
    for name, requirement in declared().items():
        assert name in pinned, f"{name} has no pin in constraints.txt"
        assert requirement.specifier.contains(pinned[name]), f"{requirement} does not allow the pin {pinned[name]}"
        assert any(one.operator in {">=", "==", "~="} for one in requirement.specifier), f"{name} has no lower bound"


def test_only_direct_dependencies_are_pinned():
    assert set(pins()) == set(declared())


def test_what_is_installed_here_is_what_is_pinned():
    """A pin that nobody ran is no pin as tested."""
    for name, version in pins().items():
        try:
            installed = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
        if installed.partition("+")[0] != version:
            pytest.skip(f"this environment has {name} {installed}, not {version}: it was not made with constraints.txt")


def of_make_course() -> str:
    """What `make course` installs, extras included."""
    rule = (ROOT / "Makefile").read_text().partition("$(VENV)/.installed:")[2]
    return re.search(r'pip install -c constraints\.txt -e "(.+?)"', rule)[1]


def test_environment_yml_is_python_pip_and_the_same_install_line():
    text = (ROOT / "environment.yml").read_text()
    content = yaml.safe_load(text)
    assert content["name"] == "tl-course"
    python, pip, through_pip = content["dependencies"]
    assert python == f"python{pyproject()['requires-python']}"
    assert pip == "pip"
    assert through_pip == {"pip": ["-c constraints.txt", f"-e {of_make_course()}"]}
    assert "not been tried with conda" in text


@pytest.mark.integration
def test_every_import_is_declared():
    missing = {module: path for module, path in imported().items() if not set(owners(module)) & set(declared())}
    assert missing == {}, "declare them in pyproject.toml and pin them in constraints.txt"


@pytest.mark.integration
def test_every_declared_dependency_is_imported_or_explained():
    used = {name for module in imported() for name in owners(module)}
    unexplained = set(declared()) - used - set(NOT_IMPORTED)
    assert unexplained == set(), "remove them from pyproject.toml, or say here what they are for"
    assert set(NOT_IMPORTED) <= set(declared())


def test_python_versions_agree():
    assert pyproject()["requires-python"] == ">=3.11"
    assert "3.11" in (ROOT / "Makefile").read_text()


def test_the_package_knows_its_version():
    import tl_course

    assert tl_course.__version__ == pyproject()["version"]


def test_everything_the_package_reads_is_packaged():
    """Files beside the code that no pattern of package-data names would be missing from a wheel."""
    patterns = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]["tl_course"]
    package = ROOT / "tl_course"
    covered = {path for pattern in patterns for path in package.glob(pattern)}
    files = {path for path in package.rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    assert {path for path in files - covered if path.suffix != ".py"} == set()


def test_importing_the_package_loads_nothing_heavy():
    code = "import sys, tl_course; print(*{'torch', 'numpy', 'matplotlib', 'transformers', 'typer'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "\n"


def test_every_name_the_package_offers_exists():
    import tl_course

    missing = []
    for name in tl_course.__all__:
        try:
            getattr(tl_course, name)
        except (ImportError, AttributeError) as error:
            missing.append(f"{name}: {error}")
    assert missing == []


def test_no_package_carries_a_machines_path():
    """A path of whoever wrote it, in a file that is shipped, is of use to nobody."""
    pattern = re.compile(r"(?<![\w.])/(?:home|root|Users|work)/\w+")
    found = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for folder in ("tl_course", "authoring")
        for path in sorted((ROOT / folder).rglob("*.py"))
        for line in path.read_text(encoding="utf-8").splitlines()
        if pattern.search(line)
    ]
    assert found == []


def test_the_hubs_client_tells_nobody_what_is_installed_here():
    code = "import tl_course, huggingface_hub.constants as hub; assert hub.HF_HUB_DISABLE_TELEMETRY"
    without = {name: value for name, value in os.environ.items() if name != "HF_HUB_DISABLE_TELEMETRY"}
    subprocess.run([sys.executable, "-c", code], check=True, env=without)
