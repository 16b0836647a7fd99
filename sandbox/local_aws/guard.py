"""Keeps web pages out.

The local AWS runs code that it is given, and takes well-known keys. A page in a browser on this machine could use that,
so requests that a browser makes, and those for another host's name, are refused.
"""

import json
import os
from datetime import datetime, timezone

from ministack import app
from ministack.core import iam_actions, iam_evaluator
from ministack.services import iam

# Seconds until the permissions of a new role take effect.
LATE_IAM = float(os.environ.get("SANDBOX_LATE_IAM", "0"))

LOOPBACK = {"127.0.0.1", "localhost", ""}


def install():
    serve = app.app

    async def guarded(scope, receive, send):
        if scope["type"] in ("http", "websocket") and not _harmless(scope):
            await send({"type": "http.response.start", "status": 403, "headers": [(b"content-type", b"text/plain")]})
            await send({"type": "http.response.body", "body": b"requests of browsers and for other hosts are refused\n"})
            return
        await serve(scope, receive, send)

    app.app = guarded
    _resolve_as_aws_does()
    iam_actions.extract_resource_arn = _of_rules(iam_actions.extract_resource_arn)
    if LATE_IAM:
        _take_effect_late()


def _of_rules(extract):
    """What a policy names where a rule of the default bus is used: `rule/NAME`, without the bus."""

    def extracted(service, method, path, headers, body, *rest):
        arn = extract(service, method, path, headers, body, *rest)
        if service != "events":
            return arn
        given = json.loads(body or b"{}")
        region, account = rest[-2:]
        if "Rule" in given and arn == "*":
            return f"arn:aws:events:{region}:{account}:rule/{given['Rule']}"
        return arn.replace(":rule/default/", ":rule/") if isinstance(arn, str) else arn

    return extracted


def _take_effect_late():
    """A role that was made a moment ago may not do yet what its policies say."""
    evaluate = iam_evaluator.evaluate

    def late(context, policies, *limits):
        role = iam._roles.get(context.principal_arn.rsplit("/", 1)[-1])
        if role:
            made = datetime.fromisoformat(role["CreateDate"].replace("Z", "+00:00"))
            if (datetime.now(timezone.utc) - made).total_seconds() < LATE_IAM:
                policies = []
        return evaluate(context, policies, *limits)

    iam_evaluator.evaluate = late


def _resolve_as_aws_does():
    """Policies that demand TLS hold here as they do on AWS, where the functions use nothing else; and the principal of a
    session is its role."""
    resolve = iam_evaluator._resolve_condition_key

    def resolved(key, context):
        if key.lower() == "aws:securetransport":
            return "true"
        value = resolve(key, context)
        if key.lower() == "aws:principalarn" and isinstance(value, str) and ":assumed-role/" in value:
            account, role = value.split(":")[4], value.split("/")[1]
            return f"arn:aws:iam::{account}:role/{role}"
        return value

    iam_evaluator._resolve_condition_key = resolved


def _harmless(scope):
    headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
    host = headers.get(b"host", "").rsplit(":", 1)[0]
    # A page that loads an image from here sends no origin, but its browser tells where it stands.
    return b"origin" not in headers and b"sec-fetch-site" not in headers and (host in LOOPBACK or host.endswith(".localhost"))
