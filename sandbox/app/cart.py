"""Team shop. Logs JSON behind a level."""

import json

from shared import call


def handler(event, context):
    request = event["requestId"]
    print("INFO", json.dumps({"requestId": request, "msg": "adding up", "items": len(event["items"])}), flush=True)
    total = sum(call("pricing", {"requestId": request, "sku": sku})["price"] for sku in event["items"])
    print("INFO", json.dumps({"requestId": request, "msg": "added up", "total": total}), flush=True)
    return {"total": total}
