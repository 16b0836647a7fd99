"""Rules of an organization that copy the logs of its accounts into one of them.

    POST /_sandbox/centralization [{"RuleName": ..., "CentralizationRule": {...}}]

Until a test has set some, nobody is told: as it is for every account but the organization's administrator.
<https://docs.aws.amazon.com/cloudwatch/latest/observabilityadmin/API_ListCentralizationRulesForOrganization.html>
"""

import json

from ministack import app

LIST, GET = "/ListCentralizationRulesForOrganization", "/GetCentralizationRuleForOrganization"

_rules = []


def install():
    serve = app.app

    async def served(scope, receive, send):
        if scope["type"] != "http" or scope["path"] not in (LIST, GET):
            await serve(scope, receive, send)
            return
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        status, answer = answered(scope["path"], json.loads(body or b"{}"))
        headers = [(b"content-type", b"application/json"), (b"x-amzn-requestid", b"organization")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": json.dumps(answer).encode()})

    app.app = served


def set_rules(rules):
    _rules[:] = rules
    return {"rules": len(_rules)}


def answered(path, given):
    if not _rules:
        return 403, {"__type": "AccessDeniedException", "message": "This account administers no organization"}
    if path == LIST:
        return 200, {"CentralizationRuleSummaries": [_summary(rule) for rule in _rules]}
    found = [rule for rule in _rules if rule["RuleName"] == given.get("RuleIdentifier")]
    return (200, found[0]) if found else (404, {"__type": "ResourceNotFoundException", "message": "no such rule"})


def _summary(rule):
    to = rule["CentralizationRule"]["Destination"]
    return {
        "RuleName": rule["RuleName"],
        "CreatedRegion": rule.get("CreatedRegion", to["Region"]),
        "DestinationAccountId": to["Account"],
        "DestinationRegion": to["Region"],
    }
