"""The two templates as plain data, and their functions carried out, so that tests see what CloudFormation would."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

Json = dict[str, Any]
Resolve = Callable[..., Any]
PROJECT = Path(__file__).parents[2]


class _TagLoader(yaml.SafeLoader):
    """Reads CloudFormation's short tags as their long forms."""


def _long_form(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> Json:
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    elif isinstance(node, yaml.MappingNode):
        value = loader.construct_mapping(node, deep=True)
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {suffix if suffix in {"Ref", "Condition"} else f"Fn::{suffix}": value}


_TagLoader.add_multi_constructor("!", _long_form)


def _load(name: str) -> Json:
    # The loader is a SafeLoader.
    loaded: Json = yaml.load((PROJECT / name).read_text(), Loader=_TagLoader)  # noqa: S506
    return loaded


@pytest.fixture(scope="session")
def project() -> Path:
    return PROJECT


@pytest.fixture(scope="session")
def template() -> Json:
    return _load("template.yaml")


@pytest.fixture(scope="session")
def observability() -> Json:
    return _load("infra/observability.yaml")


_ABSENT = object()


class _Resolver:
    """Carries out the intrinsic functions of one template for given parameters.

    A reference to a resource gives its logical id, and its attributes are ``arn:<logical id>`` or
    ``<logical id>.<attribute>``.
    """

    def __init__(self, template: Json, given: dict[str, str]) -> None:
        self.conditions: Json = template.get("Conditions", {})
        self.values: Json = {
            "AWS::Partition": "aws",
            "AWS::Region": "eu-west-1",
            "AWS::AccountId": "123456789012",
            "AWS::StackName": "tidegate",
            "AWS::NoValue": _ABSENT,
        }
        for name, parameter in template["Parameters"].items():
            self.values[name] = str(given.get(name, parameter.get("Default", name)))

    def of(self, value: Any) -> Any:
        if isinstance(value, list):
            return [item for item in map(self.of, value) if item is not _ABSENT]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((name, argument),) = value.items()
            if name == "Ref":
                return self.values.get(argument, argument)
            if name.startswith("Fn::") or (name == "Condition" and isinstance(argument, str)):
                return self.call(name.removeprefix("Fn::"), argument)
        members = {key: self.of(item) for key, item in value.items()}
        return {key: item for key, item in members.items() if item is not _ABSENT}

    def call(self, function: str, argument: Any) -> Any:
        match function:
            case "GetAtt":
                return f"arn:{argument[0]}" if argument[1] == "Arn" else ".".join(argument)
            case "If":
                return self.of(argument[1] if self.call("Condition", argument[0]) else argument[2])
            case "Condition":
                return self.of(self.conditions[argument])
            case "Equals" | "Not" | "And" | "Or":
                return self.decide(function, self.of(argument))
            case "Join":
                return argument[0].join(self.of(argument[1]))
            case "Split":
                return self.of(argument[1]).split(argument[0])
            case "Sub":
                return self.substitute(argument)
        raise NotImplementedError(f"Fn::{function} is not carried out here; add it to _Resolver.call")

    @staticmethod
    def decide(function: str, operands: list[Any]) -> bool:
        if function == "Equals":
            return bool(operands[0] == operands[1])
        if function == "Not":
            return not operands[0]
        return all(operands) if function == "And" else any(operands)

    def substitute(self, argument: Any) -> str:
        text, own = (argument, {}) if isinstance(argument, str) else argument

        def replacement(match: re.Match[str]) -> str:
            name = match[1]
            if name in own:
                return str(self.of(own[name]))
            if "." in name:
                return str(self.call("GetAtt", name.split(".", 1)))
            return str(self.values.get(name, name))

        return re.sub(r"\$\{([^!}]+)\}", replacement, text)


@pytest.fixture(scope="session")
def resolve() -> Resolve:
    """Return ``resolve(template, value, **parameters)``: the value with its functions carried out."""

    def resolved(template: Json, value: Any, **given: str) -> Any:
        return _Resolver(template, given).of(value)

    return resolved


@pytest.fixture(scope="session")
def sam() -> Path:
    """Return the SAM CLI, which lives in an environment of its own."""
    command = Path(sys.prefix) / "sam/bin/sam"
    assert command.exists(), "The SAM CLI is not installed; run 'make test', which installs it."
    return command


@pytest.fixture(scope="session")
def built(sam: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder in which `sam build` has made the packages, as a deployment would."""
    target = tmp_path_factory.mktemp("sam") / "build"
    run = subprocess.run(  # noqa: S603
        [sam, "build", "--build-dir", target],
        cwd=PROJECT, capture_output=True, text=True, check=False,
        env={**os.environ, "SAM_CLI_TELEMETRY": "0", "AWS_DEFAULT_REGION": "eu-west-1"},
    )  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr
    return target
