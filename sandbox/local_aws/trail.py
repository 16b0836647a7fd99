"""CloudTrail: an account with a trail, whose write events of CloudWatch Logs reach EventBridge.

EventBridge refuses events of `aws.*` sources from outside, as AWS does, so this runs inside the process.
"""

import contextvars
import json
import os
import threading
import time
import uuid

from ministack.core.responses import get_account_id, get_region
from ministack.services import cloudtrail, eventbridge
from ministack.services import cloudwatch_logs as logs

# On AWS it takes seconds.
DELAY = float(os.environ.get("SANDBOX_TRAIL_DELAY", "0.2"))

WRITES = {
    "CreateLogGroup",
    "DeleteLogGroup",
    "PutSubscriptionFilter",
    "DeleteSubscriptionFilter",
    "PutAccountPolicy",
    "DeleteAccountPolicy",
}


def publish(event_name, parameters, error=None):
    """Sends the event of one call to EventBridge, as long as a trail records it."""
    if not records_writes():
        return
    detail = {
        "eventVersion": "1.11",
        "userIdentity": {"type": "IAMUser", "accountId": get_account_id()},
        "eventTime": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "eventSource": "logs.amazonaws.com",
        "eventName": event_name,
        "awsRegion": get_region(),
        "requestParameters": parameters,
        "responseElements": None,
        "eventID": str(uuid.uuid4()),
        "readOnly": False,
        "eventType": "AwsApiCall",
        "managementEvent": True,
        "recipientAccountId": get_account_id(),
        "eventCategory": "Management",
    }
    if error:
        detail["errorCode"], detail["errorMessage"] = error
    entry = {"Source": "aws.logs", "DetailType": "AWS API Call via CloudTrail", "Detail": json.dumps(detail)}
    scope = contextvars.copy_context()  # Account and Region of the caller.
    send = threading.Timer(DELAY, scope.run, (eventbridge._put_events, {"Entries": [entry]}, True))
    send.daemon = True
    send.start()


def records_writes():
    return any(trail.get("IsLogging") for trail in cloudtrail._trails.values())


def install():
    _hold_a_trail()
    answer = logs.handle_request

    async def handle_request(method, path, headers, body, query_params):
        response = await answer(method, path, headers, body, query_params)
        operation = headers.get("x-amz-target", "").split(".")[-1]
        if operation in WRITES:
            parameters = {key: value for key, value in json.loads(body or b"{}").items() if key != "tags"}
            publish(operation, parameters, _error(response))
        return response

    logs.handle_request = handle_request


def _error(response):
    if response[0] < 400:
        return None
    body = json.loads(response[2])
    return body.get("__type", "").split("#")[-1], body.get("message", "")


def _hold_a_trail():
    """Gives the sandbox's account a trail, now and after every reset."""

    def create():
        cloudtrail._create_trail({"Name": "management-events", "S3BucketName": "trail", "IsMultiRegionTrail": True})
        cloudtrail._start_logging({"Name": "management-events"})

    empty = cloudtrail.reset

    def reset():
        empty()
        create()

    cloudtrail.reset = reset
    create()
