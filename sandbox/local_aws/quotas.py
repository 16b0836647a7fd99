"""Quotas, each operation its own in an account and Region, and how often each was called.

    GET    /_sandbox/calls     operation -> {"calls": ..., "throttled": ...}, since the last DELETE
    DELETE /_sandbox/calls

With SANDBOX_QUOTAS=1 what comes faster is refused as AWS refuses it, after as many calls at once as SANDBOX_BURST says. AWS
publishes the rates, <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html>, and not the bursts.
"""

import collections
import json
import os
import time

from ministack import app
from ministack.core.responses import get_account_id, get_region
from ministack.core.router import detect_service

ENFORCED = os.environ.get("SANDBOX_QUOTAS") == "1"
BURST = float(os.environ.get("SANDBOX_BURST", "5"))

# Calls a second.
QUOTAS = {
    "DescribeLogGroups": 10,
    "ListLogGroups": 10,
    "DescribeSubscriptionFilters": 5,
    "PutSubscriptionFilter": 5,
    "DeleteSubscriptionFilter": 5,
    "ListTagsForResource": 5,
    "FilterLogEvents": 10,
    "LookupEvents": 2,
    "ListMetrics": 25,
    "GetMetricData": 50,
}

_buckets = {}  # Account, Region and operation -> calls left, and when that was so.
_calls = collections.Counter()
_throttled = collections.Counter()


def install():
    dispatch = app._dispatch_service_request

    async def counted(method, path, headers, body, query_params, request_id):
        params = app._routing_params(method, path, headers, body, query_params)
        service = detect_service(method, path, headers, params)
        operation = app._ct_event_name(service, method, path, headers, params)
        _calls[operation] += 1
        if ENFORCED and operation in QUOTAS and not _takes(operation):
            _throttled[operation] += 1
            answer = json.dumps({"__type": "ThrottlingException", "message": "Rate exceeded"}).encode()
            return 400, {"Content-Type": "application/x-amz-json-1.1", "x-amzn-requestid": request_id}, answer
        return await dispatch(method, path, headers, body, query_params, request_id)

    app._dispatch_service_request = counted


def _takes(operation):
    key, now = (get_account_id(), get_region(), operation), time.monotonic()
    rate = QUOTAS[operation]
    most = max(rate, BURST)
    left, then = _buckets.get(key, (most, now))
    left = min(most, left + (now - then) * rate)
    _buckets[key] = (left - 1 if left >= 1 else left), now
    return left >= 1


def calls(method):
    """What the test asks, and forgets."""
    if method == "DELETE":
        _calls.clear()
        _throttled.clear()
    return {name: {"calls": number, "throttled": _throttled[name]} for name, number in sorted(_calls.items())}
