"""Team money. Logs as AWS Lambda Powertools does."""

import json
import time

from shared import call


def log(level, message, context, **keys):
    line = {
        "level": level,
        "location": "handler:24",
        "message": message,
        "timestamp": time.strftime("%Y-%m-%d %H:%M:%S,000+0000", time.gmtime()),
        "service": "payments",
        "cold_start": False,
        "function_name": "payments",
        "function_request_id": context.aws_request_id,
        **keys,
    }
    print(json.dumps(line), flush=True)


def handler(event, context):
    if event.get("path") == "/health":
        log("DEBUG", "healthy", context)
        return {"accepted": True}
    request = event["requestId"]
    log("INFO", "charging card", context, request_id=request, amount=event["amount"])
    verdict = call("fraud", {"requestId": request, "card": event["card"], "amount": event["amount"]})
    accepted = verdict.get("score", 1.0) < 0.9
    log("INFO" if accepted else "WARNING", "charged" if accepted else "refused", context, request_id=request)
    return {"accepted": accepted}
