"""The metrics that CloudWatch Logs publishes of itself, in the namespace AWS/Logs.

<https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CloudWatch-Logs-Monitoring-CloudWatch-Metrics.html>
They come a while after what they count: SANDBOX_METRICS_LAG seconds. ministack looks through all metrics with every call, so
these, of which there may be many, have a place of their own.
"""

import os
import time

from ministack.core.responses import AccountRegionScopedDict
from ministack.services import cloudwatch

LAG = float(os.environ.get("SANDBOX_METRICS_LAG", "0"))
NAMESPACE = "AWS/Logs"
PAGE = 500
MINUTE = 60

_figures = AccountRegionScopedDict()  # Name of a metric -> its dimensions, as pairs -> minute -> figure.
_list, _data, _reset = cloudwatch._list_metrics, cloudwatch._get_metric_data, cloudwatch.reset


def install():
    cloudwatch._list_metrics = list_metrics
    cloudwatch._get_metric_data = get_metric_data
    cloudwatch.reset = reset


def reset():
    _figures.clear()
    _reset()


def incoming(group, events):
    size = sum(len(event["message"].encode()) + 26 for event in events)
    for dimensions in ({}, {"LogGroupName": group}):
        add("IncomingLogEvents", dimensions, len(events))
        add("IncomingBytes", dimensions, size)


def of_filter(metric, group, name, destination, count, at=None):
    kinds = {"kinesis": "Kinesis Data Stream", "firehose": "Kinesis Firehose"}
    kind = kinds.get(destination.split(":")[2], "Lambda")
    add(metric, {"LogGroupName": group, "DestinationType": kind, "FilterName": name}, count, at)


def add(metric, dimensions, value, at=None):
    """Adds to the minute of `at`, by default the one that is now."""
    if _figures.get(metric) is None:
        _figures[metric] = {}
    minute = int((at or time.time()) // MINUTE) * MINUTE
    figures = _figures[metric].setdefault(tuple(sorted(dimensions.items())), {})
    figures[minute] = figures.get(minute, 0) + value


def list_metrics(params, given, is_cbor, is_json=False):
    """In pages, and only what has come by now."""
    if not is_json or given.get("Namespace") != NAMESPACE:
        return _list(params, given, is_cbor, is_json)
    wanted = [(each["Name"], each.get("Value")) for each in given.get("Dimensions") or []]
    last = time.time() - LAG
    first = last - 3 * 3600 if given.get("RecentlyActive") else 0
    found = []
    for metric in [given["MetricName"]] if given.get("MetricName") else list(_figures):
        for pairs, figures in (_figures.get(metric) or {}).items():
            dimensions = dict(pairs)
            if all(name in dimensions and value in (None, dimensions[name]) for name, value in wanted) and any(
                first <= minute <= last for minute in figures
            ):
                found.append((metric, pairs))
    start = int(given.get("NextToken") or 0)
    answer = {"Metrics": [_shown(*each) for each in found[start : start + PAGE]]}
    if start + PAGE < len(found):
        answer["NextToken"] = str(start + PAGE)
    return cloudwatch._json_ok(answer)


def _shown(metric, pairs):
    dimensions = [{"Name": name, "Value": value} for name, value in pairs]
    return {"Namespace": NAMESPACE, "MetricName": metric, "Dimensions": dimensions}


def get_metric_data(params, given, is_cbor, is_json=False):
    queries = given.get("MetricDataQueries") or []
    if not is_json or any(query["MetricStat"]["Metric"]["Namespace"] != NAMESPACE for query in queries):
        return _data(params, given, is_cbor, is_json)
    if len(queries) > PAGE:
        return cloudwatch._error("ValidationError", "at most 500 metrics", 400, use_json=True)
    start, end = (cloudwatch._parse_ts(given[name]) for name in ("StartTime", "EndTime"))
    return cloudwatch._json_ok({"MetricDataResults": [_sums(query, start, min(end, time.time() - LAG)) for query in queries]})


def _sums(query, start, end):
    metric, period = query["MetricStat"]["Metric"], int(query["MetricStat"]["Period"])
    pairs = tuple(sorted((each["Name"], each["Value"]) for each in metric.get("Dimensions") or []))
    sums = {}
    for minute, value in ((_figures.get(metric["MetricName"]) or {}).get(pairs) or {}).items():
        if start <= minute < end:
            sums[minute // period * period] = sums.get(minute // period * period, 0) + value
    # The newest first, as AWS answers unless it is told otherwise.
    times = sorted(sums, reverse=True)
    values = [float(sums[at]) for at in times]
    return {"Id": query["Id"], "Label": query["Id"], "StatusCode": "Complete", "Timestamps": times, "Values": values}
