"""What `sam build` puts into each function's package, for Lambda's machines and for this one."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

FUNCTIONS = {"IntakeFunction": "intake", "WorkerFunction": "worker", "TickFunction": "tick"}
MEGABYTE = 1_000_000
AARCH64 = 183
ELF = b"\x7fELF"

pytestmark = pytest.mark.timeout(600)


def built_for_this_machine(project: Path, target: Path, function: str) -> Path:
    """Make one package by the same recipe, with the wheels of this machine and of the Python that runs the tests."""
    package = target / function
    run = subprocess.run(  # noqa: S603
        ["make", "-C", project / "functions", f"build-{function}", f"ARTIFACTS_DIR={package}", "ARCH=native",  # noqa: S607
         f"PYTHON={python_with_pip()}"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr
    return package


def python_with_pip() -> Path:
    python = Path(sys.prefix) / "bootstrap/bin/python"
    return python if python.exists() else Path(sys.executable)


def files(package: Path) -> list[Path]:
    return [path for path in package.rglob("*") if path.is_file()]


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_package_is_far_below_lambdas_limit(built: Path, function: str) -> None:
    assert sum(path.stat().st_size for path in files(built / function)) < 100 * MEGABYTE


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_native_library_of_a_package_is_for_arm64(built: Path, function: str) -> None:
    binaries = []
    for path in files(built / function):
        with path.open("rb") as file:
            header = file.read(20)
        if header.startswith(ELF):
            binaries.append(path.relative_to(built / function).as_posix())
            assert int.from_bytes(header[18:20], "little") == AARCH64, path
        else:
            assert ".so" not in path.suffixes, path
    # Of each other kind there would be nothing to see a wrong machine by.
    if function == "IntakeFunction":
        assert any("pydantic" in name for name in binaries)
    assert ("tidegate/native/libtranscode.so" in binaries) == (function == "WorkerFunction")


@pytest.mark.parametrize(("function", "folder"), FUNCTIONS.items())
def test_a_package_holds_its_handler_the_shared_package_and_what_its_lock_file_says(
    project: Path, built: Path, function: str, folder: str
) -> None:
    package = built / function
    assert (package / "app.py").read_bytes() == (project / "functions" / folder / "app.py").read_bytes()
    assert (package / "tidegate/__init__.py").exists()
    assert list(package.glob("tidegate/described/*/endpoints.json"))
    assert not list((package / "tidegate").glob("cli*"))
    assert (package / "datasources").is_dir() == (function != "TickFunction")
    locked = re.findall(r"^([\w.-]+)==", (project / f"requirements/{folder}.lock").read_text(), re.MULTILINE)
    installed = [path.name.split("-")[0] for path in package.glob("*.dist-info")]
    assert sorted(map(normal, installed)) == sorted(map(normal, locked))


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_package_has_no_test_and_no_bytecode_of_another_python(built: Path, function: str) -> None:
    names = {path.relative_to(built / function) for path in files(built / function)}
    assert not [name for name in names if "tests" in name.parts]
    assert {name.suffixes[0] for name in names if name.suffix == ".pyc"} <= {".cpython-313"}


@pytest.mark.parametrize("folder", FUNCTIONS.values())
def test_no_lock_file_depends_on_the_machine_that_builds(project: Path, folder: str) -> None:
    # pip judges markers by the Python that runs it, not by the one it installs for.
    lines = (project / f"requirements/{folder}.lock").read_text().splitlines()
    assert not [line for line in lines if " ; " in line]


def test_every_aws_client_that_the_functions_make_is_in_the_packages(project: Path) -> None:
    kept = re.search(r"^AWS_SERVICES := (.+)$", (project / "functions/Makefile").read_text(), re.MULTILINE)
    assert kept is not None
    sources = [*project.glob("functions/*/*.py"), *(project / "shared/tidegate").rglob("*.py")]
    texts = [path.read_text() for path in sources if not re.search(r"/tidegate/cli\b", path.as_posix())]
    made = {name for text in texts for name in re.findall(r"\b(?:create_)?client\(\s*[\"']([a-z0-9-]+)[\"']", text)}
    assert made <= set(kept[1].split())


@pytest.mark.parametrize("function", FUNCTIONS)
def test_the_same_recipe_for_this_machine_imports_from_its_package_alone(
    project: Path, tmp_path: Path, function: str
) -> None:
    package = built_for_this_machine(project, tmp_path, function)
    program = f"""
import sys
sys.path.insert(0, {str(package)!r})
import app
assert callable(app.handler)
import tidegate.native
assert tidegate.native.available() == {function == "WorkerFunction"}, tidegate.native.why_not()
from tidegate import sparing
for service in sparing.CLIENTS:
    assert list(sparing.READY.glob(f"{{service}}/*/service-2.json")), service
import boto3
for service in ("dynamodb", "s3", "sqs"):
    boto3.client(service, region_name="eu-west-1")
outside = [m.__name__ for m in list(sys.modules.values()) if "site-packages" in (getattr(m, "__file__", None) or "")]
assert not outside, outside
"""
    # -I and -S hide this environment's own packages; the environment is Lambda's: none of ours at import.
    imported = subprocess.run(  # noqa: S603
        [sys.executable, "-I", "-S", "-W", "error::SyntaxWarning", "-c", program],
        capture_output=True, text=True, check=False, env={"AWS_EC2_METADATA_DISABLED": "true"},
    )  # fmt: skip
    assert imported.returncode == 0, imported.stderr
