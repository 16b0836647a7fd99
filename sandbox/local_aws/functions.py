"""Lambda and CloudFormation: OnFailure destinations in S3, and archives that must be there."""

import json
import uuid
from datetime import datetime, timezone

from ministack.services import lambda_svc, s3
from ministack.services.cloudformation import provisioners


def install():
    lambda_svc._route_async_failure = _also_to_s3(lambda_svc._route_async_failure)
    handlers = provisioners._RESOURCE_HANDLERS["AWS::Lambda::Function"]
    handlers["create"] = _with_code(handlers["create"])


def _also_to_s3(route):
    """<https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html>"""

    def routed(target, name, event, result):
        if not target.startswith("arn:aws:s3:::"):
            return route(target, name, event, result)
        now = datetime.now(timezone.utc)
        record = {
            "version": "1.0",
            "timestamp": now.isoformat(),
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
            raise ValueError(f"Error occurred while GetObject. S3 Error Code: NoSuchKey ({code['S3Key']})")
        return created

    return checked
