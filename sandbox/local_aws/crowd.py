"""Many log groups at once, with a past: what takes hours to come about is there in seconds.

    POST /_sandbox/groups
    {"name": "/app/%05d", "count": 9500, "from": 0, "class": "STANDARD", "tags": {}, "retention": 30, "kms": ARN, "age": 8640000,
     "filters": [{"filterName": ..., "destinationArn": ...}], "put": 86400, "events": 20, "hours": 4}

`age` and `put` are seconds ago; without `put` the event history has nothing of the filters. `events` came in, each hour, in
the `hours` before now, and each filter has forwarded them all.
"""

import time

from ministack.services import cloudwatch_logs as logs

from . import metrics, trail

HOUR = 3600
BYTES = 200  # Of an event.


def make(given):
    now, made = time.time(), given.get("age", 0)
    for number in range(given.get("from", 0), given.get("from", 0) + given["count"]):
        name = given["name"] % number if "%" in given["name"] else given["name"]
        logs._create_log_group({"logGroupName": name, "logGroupClass": given.get("class"), "tags": given.get("tags", {})})
        record = logs._log_groups[name]
        record["creationTime"] = int((now - made) * 1000)
        record["retentionInDays"] = given.get("retention")
        if "kms" in given:
            record["kmsKeyId"] = given["kms"]
        for filter in given.get("filters", []):
            put = {"logGroupName": name, "filterPattern": "", "distribution": "ByLogStream", **filter}
            put_at = now - given.get("put", made)
            record["subscriptionFilters"][filter["filterName"]] = {**put, "creationTime": int(put_at * 1000)}
            if "put" in given:
                trail.remember("PutSubscriptionFilter", put, at=put_at)
        _events(name, given, now)
    return {"groups": len(logs._log_groups)}


def _events(name, given, now):
    for hour in range(given.get("hours", 4) if given.get("events") else 0):
        at = (now // HOUR - hour) * HOUR
        count = given["events"]
        metrics.add("IncomingLogEvents", {"LogGroupName": name}, count, at)
        metrics.add("IncomingBytes", {"LogGroupName": name}, count * BYTES, at)
        for filter in given.get("filters", []):
            metrics.of_filter("ForwardedLogEvents", name, filter["filterName"], filter["destinationArn"], count, at)
