"""Prints template.yaml after the SAM transform, as JSON; run by the Python of the SAM CLI, which has the translator.

The linters do not look inside what the transform makes, so a test lints its output too.
"""

import json
import sys
from pathlib import Path

from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse


class NoManagedPolicies:
    """Stands for a look-up in AWS of managed policies, of which the template uses none."""

    def load(self) -> dict[str, str]:
        return {}


def main(path: str) -> None:
    template = yaml_parse(Path(path).read_text())
    template["Globals"]["Function"]["CodeUri"] = "s3://example-bucket/package.zip"
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Application":
            resource["Properties"]["Location"] = "https://example-bucket.s3.amazonaws.com/nested.yaml"
    json.dump(transform(template, {}, NoManagedPolicies()), sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1])
