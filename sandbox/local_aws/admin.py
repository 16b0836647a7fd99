"""What a test asks of the sandbox itself, under /_sandbox: calls that were made (quotas.py), many groups (crowd.py), and
rules of an organization (organization.py)."""

import json
import os
from urllib.parse import parse_qs

from ministack import app
from ministack.core.responses import set_request_account_id, set_request_region

from . import crowd, organization, quotas

PREFIX = "/_sandbox/"


def install():
    serve = app.app

    async def served(scope, receive, send):
        if scope["type"] != "http" or not scope["path"].startswith(PREFIX):
            await serve(scope, receive, send)
            return
        query = parse_qs(scope["query_string"].decode())
        set_request_account_id(query.get("account", ["000000000000"])[0])
        set_request_region(query.get("region", [os.environ["MINISTACK_REGION"]])[0])
        answer = answered(scope["method"], scope["path"].removeprefix(PREFIX), await _body(receive))
        body, status = json.dumps(answer).encode(), 404 if answer is None else 200
        await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", b"application/json")]})
        await send({"type": "http.response.body", "body": body})

    app.app = served


def answered(method, path, body):
    if path == "calls":
        return quotas.calls(method)
    if path == "groups" and method == "POST":
        return crowd.make(json.loads(body))
    if path == "centralization" and method == "POST":
        return organization.set_rules(json.loads(body))
    return None


async def _body(receive):
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    return body
