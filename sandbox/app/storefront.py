"""Team web. Logs JSON."""

import json
import time

from shared import call


def log(level, message, **fields):
    print(json.dumps({"level": level, "time": time.time(), "message": message, **fields}), flush=True)


def handler(event, context):
    if event.get("path") == "/health":
        log("DEBUG", "healthy")
        return {"status": 200}
    request = event["requestId"]
    log("INFO", "order received", requestId=request, path="/orders", userAgent="curl/8.5")
    cart = call("cart", {"requestId": request, "items": event["items"]})
    payment = call("payments", {"requestId": request, "amount": cart["total"], "card": event["card"]})
    status = 201 if payment["accepted"] else 402
    log("INFO" if status == 201 else "ERROR", "order answered", requestId=request, status=status, total=cart["total"])
    return {"status": status}
