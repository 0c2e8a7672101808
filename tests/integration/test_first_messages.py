"""The init of a function imports what its messages need: the first one does not wait for what a later one has."""

import json
import os
import subprocess
import sys
from pathlib import Path

from integration.handlers import FUNCTIONS

TESTS = Path(__file__).parents[1]
PROGRAM = '''
"""On moto. Each function is started before a message of its own, and after as little of the others as can be."""
import dataclasses, importlib.util, json, os, sys
from moto import mock_aws
from integration.resources import INDEX, create
from tidegate import bootstrap
from tidegate.settings import Settings

class Context:
    function_name, memory_limit_in_mb, aws_request_id = "f", 512, "direct-1"
    invoked_function_arn = "arn:aws:lambda:eu-west-2:111122223333:function:f"
    def get_remaining_time_in_millis(self):
        return 300_000

def started(function):
    spec = importlib.util.spec_from_file_location(function, f"{sys.argv[1]}/{function}/app.py")
    app = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(app)
    app.stack()
    return app

def called(app, event):
    before = set(sys.modules)
    answer = app.handler(event, Context())
    return answer, sorted(name for name in sys.modules.keys() - before if name.startswith("tidegate"))

with mock_aws():
    names = dict.fromkeys((field.name for field in dataclasses.fields(Settings)), "")
    clients = bootstrap.clients(Settings(**{**names, "region": "eu-west-2", "endpoint_url": None}))
    settings = create(clients)
    texts = {name: value for name, value in dataclasses.asdict(settings).items() if isinstance(value, str)}
    os.environ.update({f"TIDEGATE_{name.upper()}": value for name, value in texts.items()})
    os.environ["TIDEGATE_DEFAULT_EXPORT"] = json.dumps({"source": {"table": "", "index": INDEX}})
    clients.dynamodb.put_item(TableName=settings.study_table, Item={"studyId": {"S": "a"}})
    record = {"id": {"S": "1"}, "studyId": {"S": "a"}, "uploadedOn": {"N": "1773100800000"}}
    clients.dynamodb.put_item(TableName=settings.record_table, Item=record)
    worker, intake = started("worker"), started("intake")
    request = {"exportType": "DAILY", "endDateTime": "2026-03-10T12:00:00Z"}
    sent = {"messageId": "m", "attributes": {"SentTimestamp": "1773144000000"}, "body": json.dumps(request)}
    accepted = called(intake, {"Records": [sent]})
    work = clients.sqs.receive_message(QueueUrl=settings.work_queue_url)["Messages"][0]
    sent = {"messageId": "m", "receiptHandle": work["ReceiptHandle"], "body": work["Body"]}
    worked = called(worker, {"Records": [sent]})
    (operation,) = clients.dynamodb.scan(TableName=settings.operation_table)["Items"]
    ticked = called(started("tick"), {})
print(json.dumps([operation["state"]["S"], accepted, worked, ticked[1]]))
'''


def test_the_first_message_of_each_function_imports_nothing_of_ours() -> None:
    run = subprocess.run(  # noqa: S603
        [sys.executable, "-c", PROGRAM, str(FUNCTIONS)],
        env={
            **os.environ,
            "PYTHONPATH": str(TESTS),
            "AWS_REGION": "eu-west-2",
            "AWS_ACCESS_KEY_ID": "a",
            "AWS_SECRET_ACCESS_KEY": "b",
            "POWERTOOLS_SERVICE_NAME": "tidegate",
            "POWERTOOLS_METRICS_NAMESPACE": "Tidegate",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    state, accepted, worked, ticked = json.loads(run.stdout.splitlines()[-1])
    assert state == "SUCCEEDED"
    assert accepted == worked == [{"batchItemFailures": []}, []]
    assert ticked == []
