"""Log events and their delivery.

Every event gets one id of 56 digits when it arrives, the same in each delivery and in FilterLogEvents. Deliveries are
asynchronous invocations, with the retries, dead letters and metrics that go with them.
"""

import base64
import contextvars
import fnmatch
import gzip
import itertools
import json
import os
import re
import threading
import time
from datetime import datetime, timezone

from ministack.core.responses import error_response_json, get_account_id, get_region, json_response, new_uuid
from ministack.services import cloudwatch_logs as logs
from ministack.services import eventbridge, lambda_svc

from . import functions, logs_api, metrics, trail

# One process runs for each event under way.
CONCURRENCY = int(os.environ.get("SANDBOX_ASYNC_CONCURRENCY", "8"))

_counter = itertools.count()
_slots = threading.BoundedSemaphore(CONCURRENCY)
_asynchronous = contextvars.ContextVar("asynchronous", default=False)


def install():
    logs._put_log_events = put_log_events
    logs._fanout_to_subscription_filters = lambda group, stream, events: None  # `store` delivers.
    logs._compile_filter_pattern = lambda pattern: lambda message: matches(pattern, message)
    logs._filter_log_events = _paged(logs._filter_log_events)
    lambda_svc._emit_lambda_logs = emit_lambda_logs
    lambda_svc._execute_function = _limited(lambda_svc._execute_function)
    eventbridge._dispatch_to_lambda = dispatch_to_lambda


# ---- events ------------------------------------------------------------------------------------------------------


def new_event_id(timestamp):
    return f"{timestamp:020d}{next(_counter):036d}"


def store(group, stream, events):
    """Keeps events of an existing stream and delivers them."""
    now = int(time.time() * 1000)
    stored = [
        {
            "timestamp": event.get("timestamp", now),
            "message": event.get("message", ""),
            "ingestionTime": now,
            "eventId": new_event_id(event.get("timestamp", now)),
        }
        for event in events
    ]
    logs._append_log_events(logs._log_groups[group]["streams"][stream], stored)
    metrics.incoming(group, stored)
    deliver(group, stream, stored)
    logs._fanout_to_live_tail_sessions(group, stream, stored)


def put_log_events(data):
    group, stream = data.get("logGroupName"), data.get("logStreamName")
    if group not in logs._log_groups:
        return error_response_json("ResourceNotFoundException", "The specified log group does not exist.", 400)
    if stream not in logs._log_groups[group]["streams"]:
        return error_response_json("ResourceNotFoundException", "The specified log stream does not exist.", 400)
    store(group, stream, data.get("logEvents", []))
    return json_response({"nextSequenceToken": "1"})


def emit_lambda_logs(func, request_id, log_text, error, duration_ms, *, log_source=None):
    """What Lambda does with a function's output. The first line of a function makes its group, and a trail sees that."""
    config = func.get("config") or func
    name = config.get("FunctionName", "unknown")
    group = (config.get("LoggingConfig") or {}).get("LogGroup") or f"/aws/lambda/{name}"
    if group not in logs._log_groups:
        logs._create_log_group({"logGroupName": group})
        trail.publish("CreateLogGroup", {"logGroupName": group})
    stream = f"{datetime.now(timezone.utc):%Y/%m/%d}/[{config.get('Version', '$LATEST')}]{new_uuid().replace('-', '')}"
    logs._create_log_stream({"logGroupName": group, "logStreamName": stream})
    memory = config.get("MemorySize", 128)
    end = int(time.time() * 1000)
    lines = [
        (end - duration_ms, f"START RequestId: {request_id} Version: {config.get('Version', '$LATEST')}"),
        # A line of a handler that stands for several, as the runtimes of AWS write it.
        *((at or end, line.replace("\u2028", "\n")) for at, line in functions.stamped(log_text) if line.strip()),
        (end, f"END RequestId: {request_id}"),
        (
            end,
            f"REPORT RequestId: {request_id}\tDuration: {duration_ms:.2f} ms\tBilled Duration: {duration_ms} ms\t"
            f"Memory Size: {memory} MB\tMax Memory Used: {min(memory, 64)} MB\t",
        ),
    ]
    store(group, stream, [{"timestamp": at, "message": line} for at, line in lines])


def _paged(filter_log_events):
    def everything(data):
        """All events, though one call gives 10,000 at most: an error answer, or the events by their ids."""
        found = {}
        while True:
            response = filter_log_events({**data, "limit": 10_000})
            if response[0] >= 400:
                return response, None
            events = json.loads(response[2])["events"]
            known = len(found)
            found.update((event["eventId"], event) for event in events)
            if len(events) < 10_000 or len(found) == known:
                return None, list(found.values())
            data = {**data, "startTime": events[-1]["timestamp"]}

    def paged(data):
        limit, start = min(data.get("limit", 10_000), 10_000), logs._decode_token(data.get("nextToken"))
        error, events = everything(data)
        if error:
            return error
        page = {"events": events[start : start + limit], "searchedLogStreams": []}
        if start + limit < len(events):
            page["nextToken"] = logs._encode_token(start + limit)
        return json_response(page)

    return paged


# ---- delivery ----------------------------------------------------------------------------------------------------


def deliver(group, stream, events):
    """Delivers to the group's filters and to the account policy that selects it."""
    record = logs._log_groups.get(group)
    if not record or not events or (record.get("logGroupClass") or "STANDARD") != "STANDARD":
        return
    system = {"@aws.account": get_account_id(), "@aws.region": get_region()}
    subscriptions = [
        (
            each["filterName"],
            each.get("filterPattern"),
            each.get("destinationArn", ""),
            {name: system[name] for name in each.get("emitSystemFields", []) if name in system},
        )
        for each in list(record["subscriptionFilters"].values())
    ]
    subscriptions += [(*policy, {}) for policy in logs_api.account_subscriptions(group)]
    for name, pattern, destination, extracted in subscriptions:
        more = {"extractedFields": extracted} if extracted else {}
        selected = [
            {"id": event["eventId"], "timestamp": event["timestamp"], "message": event["message"], **more}
            for event in events
            if matches(pattern, event["message"])
        ]
        if selected and ":function:" in destination:
            payload = {
                "messageType": "DATA_MESSAGE",
                "owner": get_account_id(),
                "logGroup": group,
                "logStream": stream,
                "subscriptionFilters": [name],
                "logEvents": selected,
            }
            data = base64.b64encode(gzip.compress(json.dumps(payload).encode())).decode()
            if invoke_asynchronously(destination, {"awslogs": {"data": data}}):
                metrics.of_filter("ForwardedLogEvents", group, name, destination, len(selected))
            else:
                metrics.of_filter("DeliveryErrors", group, name, destination, len(selected))


def invoke_asynchronously(arn, event):
    """Whether there is such a function; what becomes of its invocation is seen later, if at all."""
    func, config, _ = lambda_svc._get_func_record_for_ref(arn)
    if not func:
        return False

    def run():
        _asynchronous.set(True)
        lambda_svc.invoke_async_with_retry(lambda_svc._execution_record_for_config(func, config), event)

    contextvars.copy_context().run(run)
    return True


def dispatch_to_lambda(arn, payload):
    """EventBridge drops what a function's policy does not admit of any rule that names it as its target."""
    func, _, _ = lambda_svc._get_func_record_for_ref(arn)
    statements = ((func or {}).get("policy") or {}).get("Statement", [])
    rules = [
        eventbridge._rules[key]["Arn"]
        for key, targets in list(eventbridge._targets.items())
        if key in eventbridge._rules and any(target["Arn"] == arn for target in targets)
    ]
    if any(logs_api.admits(statement, "events.", rule) for statement in statements for rule in rules):
        invoke_asynchronously(arn, json.loads(payload))


def _limited(execute):
    def limited(func, event, *args, **kwargs):
        if not _asynchronous.get():
            return execute(func, event, *args, **kwargs)
        with _slots:
            return execute(func, event, *args, **kwargs)

    return limited


# ---- filter patterns ---------------------------------------------------------------------------------------------


def matches(pattern, message):
    """Terms, "phrases", -excluded, ?optional, and { $.a.b = "x" && $.n > 10 }."""
    pattern = (pattern or "").strip()
    if not pattern:
        return True
    if pattern.startswith("{"):
        try:
            document = json.loads(message)
        except ValueError:
            return False
        return isinstance(document, dict) and _condition(pattern.strip("{} "), document)
    terms = [(sign, term.strip('"')) for sign, term in re.findall(r'([-?]?)("[^"]*"|\S+)', pattern)]
    optional = [term for sign, term in terms if sign == "?"]
    return (
        all(term in message for sign, term in terms if sign == "")
        and not any(term in message for sign, term in terms if sign == "-")
        and (not optional or any(term in message for term in optional))
    )


def _condition(expression, document):
    if "||" in expression:
        return any(_condition(part, document) for part in expression.split("||"))
    if "&&" in expression:
        return all(_condition(part, document) for part in expression.split("&&"))
    test = re.match(r'\s*\(?\s*\$\.([\w.\-]+)\s*(=|!=|>=|<=|>|<)\s*"?([^")]*?)"?\s*\)?\s*$', expression)
    if not test:
        return False
    path, operator, wanted = test.groups()
    value = document
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    if value is None:
        return False
    if operator in ("=", "!="):
        return fnmatch.fnmatchcase(str(value), wanted) == (operator == "=")
    try:
        number, bound = float(value), float(wanted)
    except (TypeError, ValueError):
        return False
    return {">": number > bound, "<": number < bound, ">=": number >= bound, "<=": number <= bound}[operator]
