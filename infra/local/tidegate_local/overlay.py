"""Make template.yaml deployable on the emulator, changing only what the emulator cannot do.

- The functions run under Lambda's own runtime client in this Python, from the sources as they lie here: the emulator
  would run them in its own interpreter, without the project's dependencies, and would lose the types of their errors.
- AWS::Scheduler::Schedule becomes AWS::Events::Rule with the same payload: the emulator does not put the scheduled
  time into the payload of a schedule. Rules are in UTC, so a schedule with another time zone fires at that wall-clock
  time in UTC here.
- A role that may send, delete or change one SQS message may do so in batches by name: on AWS the one right covers both.
- An event source starts no more functions at a time than this machine has processors.
- Statements that refuse plain HTTP are left out: the emulator speaks nothing else.
- `Fn::Join` over a list parameter in Conditions becomes the parameter: there the emulator knows no Join, and has the
  list as one text already.
- Functions find SES at a mailbox of our own, where there is one: the emulator's loses attachments.
- Nested templates that lie beside template.yaml are handed over as objects, as `sam deploy` does.

All else, the SAM transform included, is template.yaml's own.
"""

import io
import json
import os
import shlex
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tidegate_local.errors import LocalStackError
from tidegate_local.runtime import LOG_VARIABLE

FUNCTION = "AWS::Serverless::Function"
EVENT_SOURCE = "AWS::Lambda::EventSourceMapping"
SCHEDULE = "AWS::Scheduler::Schedule"
NESTED = {"AWS::Serverless::Application": "Location", "AWS::CloudFormation::Stack": "TemplateURL"}
RESOURCE_POLICIES = {"AWS::SQS::QueuePolicy", "AWS::S3::BucketPolicy", "AWS::SNS::TopicPolicy"}
ROLE = "AWS::IAM::Role"
ONE_RIGHT_FOR_BOTH = ("sqs:SendMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility")
PLAIN_HTTP = {"Bool": {"aws:SecureTransport": "false"}}
# More processes than this at a time would only wait for each other here; it is the least that AWS allows, too.
MOST_AT_A_TIME = max(2, os.cpu_count() or 2)
SHARED_WITH_A_RULE = ("Name", "Description", "ScheduleExpression", "State")
# What a schedule's payload may name, and what a rule has in its place.
RULE_WORDS = {"<aws.scheduler.schedule-arn>": "<aws.events.rule-arn>", "<aws.scheduler.scheduled-time>": "<time>"}
TEMPLATE_KEY = "template.json"
Template = dict[str, Any]


class _CloudFormationLoader(yaml.SafeLoader):
    """YAML with CloudFormation's short forms: `!Sub x` is `{"Fn::Sub": "x"}`."""


def _short_form(loader: yaml.SafeLoader, name: str, node: yaml.Node) -> object:
    value: object
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
        if name == "GetAtt" and isinstance(value, str):
            value = value.split(".", 1)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    elif isinstance(node, yaml.MappingNode):
        value = loader.construct_mapping(node, deep=True)
    return {name if name in {"Ref", "Condition"} else f"Fn::{name}": value}


def _as_text(_loader: yaml.SafeLoader, node: yaml.Node) -> str:
    return str(node.value)


_CloudFormationLoader.add_multi_constructor("!", _short_form)
# A date in a template (`2010-09-09`) is text.
_CloudFormationLoader.add_constructor("tag:yaml.org,2002:timestamp", _as_text)


@dataclass(frozen=True, slots=True)
class Deployable:
    """A stack ready for the emulator: objects for one bucket by key, the template itself among them as TEMPLATE_KEY."""

    template: Template
    objects: Mapping[str, bytes]
    bucket: str


@dataclass(slots=True)
class _Packer:
    project: Path
    functions: Path
    endpoint_url: str
    bucket: str
    function_log: Path
    mail_url: str | None
    objects: dict[str, bytes] = field(default_factory=dict)

    def pack(self, template: Template, folder: Path) -> Template:
        """Return the deployable form of `template`, which lies in `folder`, and keep the objects that it refers to."""
        resources = {
            name: self._resource(name, resource, folder)
            for name, resource in template.get("Resources", {}).items()
            if not _only_refuses_plain_http(resource)
        }
        conditions = {name: _without_join(condition) for name, condition in template.get("Conditions", {}).items()}
        return {**template, **({"Conditions": conditions} if conditions else {}), "Resources": resources}

    def _resource(self, name: str, resource: Template, folder: Path) -> Template:
        kind = resource.get("Type", "")
        if kind == FUNCTION:
            return self._function(name, resource)
        if kind == SCHEDULE:
            return _rule(resource)
        if kind == ROLE:
            return {**resource, "Properties": _with_batch_actions(resource["Properties"])}
        if kind == EVENT_SOURCE and "ScalingConfig" in resource["Properties"]:
            scaling = {"MaximumConcurrency": MOST_AT_A_TIME}
            return {**resource, "Properties": {**resource["Properties"], "ScalingConfig": scaling}}
        if kind in RESOURCE_POLICIES:
            return _accepting_plain_http(resource)
        location = NESTED.get(kind)
        if location and isinstance(resource["Properties"].get(location), str):
            return self._nested(name, resource, location, folder)
        return resource

    def _function(self, name: str, resource: Template) -> Template:
        folder = self.functions / name.removesuffix("Function").lower()
        if not (folder / "app.py").is_file():
            raise LocalStackError(
                f"The template's function {name} has no handler: {folder / 'app.py'} is missing.",
                remedy="A function <Name>Function lives in functions/<name>/app.py.",
            )
        key = f"{name}.zip"
        self.objects[key] = _zip({"bootstrap": self._bootstrap(folder)})
        code = {"Bucket": self.bucket, "Key": key}
        # Metadata is for `sam build`; architecture and code are this machine's.
        kept = {part: value for part, value in resource.items() if part != "Metadata"}
        properties = {part: value for part, value in resource["Properties"].items() if part != "Architectures"}
        return {**kept, "Properties": {**properties, "Runtime": "provided.al2023", "CodeUri": code}}

    def _bootstrap(self, folder: Path) -> str:
        path = [folder, self.project / "shared", self.project / "infra" / "local"]
        mail = f"export AWS_ENDPOINT_URL_SESV2={shlex.quote(self.mail_url)}\n" if self.mail_url else ""
        return (
            f"#!/bin/sh\n{mail}"
            f"export PYTHONPATH={shlex.quote(':'.join(map(str, path)))}\n"
            f"export {LOG_VARIABLE}={shlex.quote(str(self.function_log))}\n"
            f'exec {shlex.quote(sys.executable)} -m tidegate_local.runtime "$_HANDLER"\n'
        )

    def _nested(self, name: str, resource: Template, location: str, folder: Path) -> Template:
        where: str = resource["Properties"][location]
        if where.startswith("https://"):
            raise LocalStackError(
                f"The nested stack {name} is at {where}, which the embedded AWS cannot reach.",
                remedy="Give it a path beside the template.",
            )
        path = folder / where
        nested = self.pack(load_template(path), path.parent)
        key = f"{name}.json"
        self.objects[key] = json.dumps(nested).encode()
        url = f"{self.endpoint_url}/{self.bucket}/{key}"
        return {**resource, "Properties": {**resource["Properties"], location: url}}


def load_template(path: Path) -> Template:
    """Read the CloudFormation template `path`, short forms written out. Raises LocalStackError if it cannot be read."""
    try:
        # The loader is a SafeLoader: it builds plain data only.
        loaded = yaml.load(path.read_text("utf-8"), _CloudFormationLoader)  # noqa: S506
    except FileNotFoundError as error:
        raise LocalStackError(
            f"There is no template {path}.",
            remedy="The embedded AWS runs from a clone of the project: "
            "clone it, run 'make install' there, and use its .venv/bin/tidegate.",
        ) from error
    except yaml.YAMLError as error:
        raise LocalStackError(f"The template {path} is not valid YAML: {error}") from error
    if not isinstance(loaded, dict):
        raise LocalStackError(f"The template {path} is not a CloudFormation template: it has no sections.")
    return loaded


def deployable(
    template: Path,
    *,
    functions: Path,
    project: Path,
    endpoint_url: str,
    bucket: str,
    function_log: Path,
    mail_url: str | None = None,
) -> Deployable:
    """Return the local form of the template file `template`.

    `functions` holds a folder with app.py for each function, `project` the folders shared/ and infra/local/, and
    `bucket` will hold the objects; `function_log` gets all that the functions print, and SES is at `mail_url`. Nothing
    is sent anywhere. Raises LocalStackError when the template, a nested one or a handler is missing.
    """
    packer = _Packer(project, functions, endpoint_url, bucket, function_log, mail_url)
    packed = packer.pack(load_template(template), template.parent)
    return Deployable(packed, {**packer.objects, TEMPLATE_KEY: json.dumps(packed).encode()}, bucket)


def _rule(schedule: Template) -> Template:
    """Return an AWS::Events::Rule that sends what the AWS::Scheduler::Schedule `schedule` would send."""
    properties = schedule["Properties"]
    target = properties["Target"]
    kept = {part: properties[part] for part in SHARED_WITH_A_RULE if part in properties}
    rule_target: Template = {"Id": "target", "Arn": target["Arn"]}
    if "Input" in target:
        rule_target["InputTransformer"] = {
            "InputPathsMap": {"time": "$.time"},
            "InputTemplate": _in_rule_words(target["Input"]),
        }
    common = {part: value for part, value in schedule.items() if part not in {"Type", "Properties", "Metadata"}}
    return {**common, "Type": "AWS::Events::Rule", "Properties": {**kept, "Targets": [rule_target]}}


def _without_join(condition: object) -> object:
    if isinstance(condition, dict):
        joined = condition.get("Fn::Join")
        return joined[1] if joined else {key: _without_join(part) for key, part in condition.items()}
    if isinstance(condition, list):
        return [_without_join(part) for part in condition]
    return condition


def _with_batch_actions(value: object) -> object:
    """Return `value`, a part of a role, with the batch form beside each SQS action that has one."""
    if isinstance(value, list):
        return [_with_batch_actions(part) for part in value]
    if not isinstance(value, dict):
        return value
    parts = {key: _with_batch_actions(part) for key, part in value.items()}
    if actions := value.get("Action"):
        named = [actions] if isinstance(actions, str) else list(actions)
        parts["Action"] = named + [f"{action}Batch" for action in named if action in ONE_RIGHT_FOR_BOTH]
    return parts


def _only_refuses_plain_http(resource: Template) -> bool:
    return resource.get("Type") in RESOURCE_POLICIES and not _other_statements(resource)


def _accepting_plain_http(resource: Template) -> Template:
    """Return the resource policy `resource` without the statements that refuse plain HTTP."""
    properties = resource["Properties"]
    document = {**properties["PolicyDocument"], "Statement": _other_statements(resource)}
    return {**resource, "Properties": {**properties, "PolicyDocument": document}}


def _other_statements(resource: Template) -> list[Template]:
    statements: list[Template] = resource["Properties"]["PolicyDocument"]["Statement"]
    return [statement for statement in statements if statement.get("Condition") != PLAIN_HTTP]


def _in_rule_words(value: object) -> object:
    """Replace a schedule's context words by a rule's in every string of `value`, a text or an intrinsic function."""
    if isinstance(value, str):
        for word, replacement in RULE_WORDS.items():
            value = value.replace(word, replacement)
        return value
    if isinstance(value, dict):
        return {key: _in_rule_words(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_in_rule_words(part) for part in value]
    return value


def _zip(files: Mapping[str, str]) -> bytes:
    """Return a zip of executable text files, the same bytes for the same files."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = 0o755 << 16
            archive.writestr(entry, text)
    return packed.getvalue()
