"""CloudTrail: an account with a trail, whose write events of CloudWatch Logs reach EventBridge, and the event history.

EventBridge refuses events of `aws.*` sources from outside, as AWS does, so this runs inside the process. The history needs
no trail, and tells of a call SANDBOX_HISTORY_LAG seconds after it was made; on AWS that takes up to 15 minutes.
"""

import bisect
import contextvars
import json
import os
import threading
import time
import uuid

from ministack.core.responses import AccountRegionScopedDict, get_account_id, get_region
from ministack.services import cloudtrail, eventbridge
from ministack.services import cloudwatch_logs as logs

# On AWS it takes seconds.
DELAY = float(os.environ.get("SANDBOX_TRAIL_DELAY", "0.2"))
LAG = float(os.environ.get("SANDBOX_HISTORY_LAG", "0"))
PAGE = 50

_lookup = cloudtrail._lookup_events

WRITES = {
    "CreateLogGroup",
    "DeleteLogGroup",
    "PutSubscriptionFilter",
    "DeleteSubscriptionFilter",
    "PutAccountPolicy",
    "DeleteAccountPolicy",
}


_history = AccountRegionScopedDict()  # Name of a call -> its events, by time.


def publish(event_name, parameters, error=None):
    """Keeps the event of one call, and sends it to EventBridge, as long as a trail records it."""
    detail = remember(event_name, parameters, error)
    if not records_writes():
        return
    entry = {"Source": "aws.logs", "DetailType": "AWS API Call via CloudTrail", "Detail": json.dumps(detail)}
    scope = contextvars.copy_context()  # Account and Region of the caller.
    send = threading.Timer(DELAY, scope.run, (eventbridge._put_events, {"Entries": [entry]}, True))
    send.daemon = True
    send.start()


def remember(event_name, parameters, error=None, at=None):
    """Keeps the event of a call that was made at `at`, by default now."""
    at = int(at or time.time())
    detail = {
        "eventVersion": "1.11",
        "userIdentity": {"type": "IAMUser", "accountId": get_account_id()},
        "eventTime": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at)),
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
    events = _history.get(event_name)
    if events is None:
        events = _history[event_name] = []
    bisect.insort(events, (at, json.dumps(detail)), key=lambda event: event[0])
    return detail


def lookup_events(given):
    """The newest first. Of several attributes AWS takes none, and of the past no more than 90 days."""
    attributes = given.get("LookupAttributes") or []
    if len(attributes) > 1:
        return cloudtrail._err("InvalidLookupAttributesException", "You can only use one lookup attribute.")
    if not attributes or attributes[0]["AttributeKey"] != "EventName" or attributes[0]["AttributeValue"] not in WRITES:
        return _lookup(given)
    first = max(given.get("StartTime") or 0, time.time() - 90 * 86400)
    last = min(given.get("EndTime") or time.time(), time.time() - LAG)
    events = _history.get(attributes[0]["AttributeValue"]) or []
    low = bisect.bisect_left(events, first, key=lambda event: event[0])
    high = bisect.bisect_right(events, last, key=lambda event: event[0])
    # What comes later must not move the pages of who has begun.
    high = int(given["NextToken"]) if given.get("NextToken") else high
    page = events[max(low, high - PAGE) : high]
    answer = {"Events": [_shown(at, event) for at, event in reversed(page)]}
    if high - PAGE > low:
        answer["NextToken"] = str(high - PAGE)
    return cloudtrail._ok(answer)


def _shown(at, event):
    detail = json.loads(event)
    return {
        "EventId": detail["eventID"],
        "EventName": detail["eventName"],
        "EventSource": detail["eventSource"],
        "EventTime": at,
        "ReadOnly": "false",
        "Resources": [],
        "CloudTrailEvent": event,
    }


def records_writes():
    return any(trail.get("IsLogging") for trail in cloudtrail._trails.values())


def install():
    _hold_a_trail()
    cloudtrail._DISPATCH["LookupEvents"] = lookup_events
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
        _history.clear()
        create()

    cloudtrail.reset = reset
    create()
