"""The runbook has a heading for each alarm, and knows every code that an operation can fail with."""

import re
from pathlib import Path

PROJECT = Path(__file__).parents[2]
RUNBOOK = (PROJECT / "docs" / "runbook.md").read_text("utf-8")
ALARM = re.compile(r"^  (\w+):\n    Type: AWS::CloudWatch::Alarm$", re.MULTILINE)


def test_each_alarm_has_its_heading_and_no_heading_is_of_an_alarm_that_is_gone() -> None:
    templates = [PROJECT / "template.yaml", *(PROJECT / "infra").glob("*.yaml")]
    alarms = {name for path in templates for name in ALARM.findall(path.read_text("utf-8"))}
    assert alarms
    assert set(re.findall(r"^## (\w+Alarm)$", RUNBOOK, re.MULTILINE)) == alarms


def test_each_code_that_is_explained_is_one_of_the_code() -> None:
    source = "\n".join(path.read_text("utf-8") for path in (PROJECT / "shared" / "tidegate").rglob("*.py"))
    for code in set(re.findall(r"`([A-Z]+(?:_[A-Z]+)+)`", RUNBOOK)) - {"AWS_PROFILE", "AWS_REGION"}:
        assert f'"{code}"' in source, code


def test_the_log_groups_are_those_of_the_template() -> None:
    template = (PROJECT / "template.yaml").read_text("utf-8")
    for function in ("intake", "worker", "tick"):
        assert f"LogGroupName: !Sub /tidegate/${{AWS::StackName}}/{function}" in template
        assert f"/{function}`" in RUNBOOK
