"""Lambda and CloudFormation: the times of a function's lines, OnFailure destinations in S3, and archives that must be there."""

import json
import queue
import time
import types
import uuid
from datetime import datetime, timezone

from ministack.core import iam_actions, lambda_runtime
from ministack.services import lambda_svc, s3
from ministack.services.cloudformation import provisioners


# Stands between the time of a line and its text, on the way from the process to its log.
MARK = "\u2029"


def install():
    lambda_runtime.queue = types.SimpleNamespace(Queue=_Stamping, Empty=queue.Empty, Full=queue.Full)
    lambda_svc._execute_function = _without_stamps(lambda_svc._execute_function)
    lambda_svc._route_async_failure = _also_to_s3(lambda_svc._route_async_failure)
    lambda_svc.handle_request = _named_in_a_header(lambda_svc.handle_request)
    iam_actions._lambda_action = _of_what_is_read(iam_actions._lambda_action)
    handlers = provisioners._RESOURCE_HANDLERS["AWS::Lambda::Function"]
    handlers["create"] = _with_code(handlers["create"])


def _of_what_is_read(action):
    """What a policy has to allow where something of a function is read, and not changed or listed."""
    reads = {"concurrency": "GetFunctionConcurrency", "event-source-mappings": "GetEventSourceMapping"}

    def named(method, path):
        parts = path.strip("/").split("/")
        for part, read in reads.items():
            if method == "GET" and part in parts and len(parts) > 2:
                return read
        return action(method, path)

    return named


def _named_in_a_header(handle):
    """REST services name an error in a header, and not in the body as those do that speak JSON."""

    async def handled(*request):
        answer = await handle(*request)
        if answer[0] < 400 or not isinstance(answer[2], bytes):
            return answer
        try:
            body = json.loads(answer[2])
            name = body.pop("__type")
        except (ValueError, KeyError, AttributeError):
            return answer
        return answer[0], {**answer[1], "x-amzn-errortype": name}, json.dumps(body).encode()

    return handled


def _also_to_s3(route):
    """<https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html>"""

    def routed(target, name, event, result):
        if not target.startswith("arn:aws:s3:::"):
            return route(target, name, event, result)
        now = datetime.now(timezone.utc)
        record = {
            "version": "1.0",
            "timestamp": f"{now:%Y-%m-%dT%H:%M:%S}.{now.microsecond // 1000:03}Z",
            "requestContext": {"functionArn": name, "condition": "RetriesExhausted", "approximateInvokeCount": 3},
            "requestPayload": event,
            "responseContext": {"statusCode": 200, "functionError": "Unhandled"},
            "responsePayload": result.get("body"),
        }
        key = f"aws/lambda/async/{name}/{now:%Y/%m/%d}/{now:%Y-%m-%dT%H.%M.%S}-{uuid.uuid4()}"
        s3._put_object(target.removeprefix("arn:aws:s3:::"), key, json.dumps(record).encode(), {})

    return routed


def _with_code(create):
    def checked(logical_id, properties, stack):
        created = create(logical_id, properties, stack)
        code = properties.get("Code") or {}
        if code.get("S3Key") and not lambda_svc._functions[created[0]].get("code_zip"):
            del lambda_svc._functions[created[0]]
            raise ValueError(f"Error occurred while GetObject. S3 Error Code: NoSuchKey ({code['S3Key']})")
        return created

    return checked


class _Stamping(queue.Queue):
    """The lines of a process, each with the time at which it was written."""

    def put(self, line, *args, **kwargs):
        super().put(f"{int(time.time() * 1000)}{MARK}{line}" if isinstance(line, str) else line, *args, **kwargs)


def stamped(log):
    """Time, where it is known, and text of each line."""
    for line in (log or "").split("\n"):
        at, mark, text = line.partition(MARK)
        yield (int(at), text) if mark and at.isdigit() else (None, line)


def _without_stamps(execute):
    """The tail of the log that an invocation may ask for has no times."""

    def executed(*args, **kwargs):
        result = execute(*args, **kwargs)
        if isinstance(result, dict) and result.get("log"):
            result["log"] = "\n".join(text for _, text in stamped(result["log"]))
        return result

    return executed
