"""The parts of the CloudWatch Logs API that ministack lacks, and the rules that it does not enforce."""

import fnmatch
import json
import re
import time

from ministack.core import iam_actions
from ministack.core.responses import (
    AccountRegionScopedDict,
    error_response_json,
    get_account_id,
    get_region,
    json_response,
)
from ministack.services import cloudwatch_logs as logs
from ministack.services import lambda_svc
from ministack.services.cloudformation import provisioners

from . import trail

FILTERS_PER_GROUP = 2
SUBSCRIPTION_POLICY = "SUBSCRIPTION_FILTER_POLICY"

_policies = AccountRegionScopedDict()  # (name, type) -> policy


def install():
    logs._LOG_GROUP_CLASSES = (*logs._LOG_GROUP_CLASSES, "ESSENTIALS")
    logs._put_subscription_filter = _standard_class_only(_checked(logs._put_subscription_filter))
    logs._describe_subscription_filters = _standard_class_only(logs._describe_subscription_filters)
    logs._delete_subscription_filter = _standard_class_only(logs._delete_subscription_filter)
    logs.reset = _also_policies(logs.reset)
    _add_operations()
    _authorize_on_groups()
    _publish_groups_of_stacks()


def _error(code, message):
    return error_response_json(code, message, 400)


# ---- subscription filters ----------------------------------------------------------------------------------------


def _checked(put):
    def put_subscription_filter(data):
        group = logs._log_groups.get(data.get("logGroupName"))
        if group is not None:
            if len({*group["subscriptionFilters"], data.get("filterName")}) > FILTERS_PER_GROUP:
                return _error("LimitExceededException", "Resource limit exceeded.")
            refused = _refused(data.get("destinationArn", ""), data["logGroupName"])
            if refused:
                return refused
        answer = put(data)
        if group is not None and answer[0] < 400:
            filter = group["subscriptionFilters"][data["filterName"]]
            filter.update({name: data[name] for name in ("emitSystemFields", "fieldSelectionCriteria", "applyOnTransformedLogs") if name in data})
        return answer

    return put_subscription_filter


def _refused(destination, group="*"):
    """What AWS answers when it may not invoke a function with events of a group; `*` stands for any."""
    if ":function:" not in destination:
        return None
    func, _, _ = lambda_svc._get_func_record_for_ref(destination)
    for statement in (func or {}).get("policy", {}).get("Statement", []):
        if admits(statement, "logs.", f"arn:aws:logs:{get_region()}:{get_account_id()}:log-group:{group}:*"):
            return None
    return _error(
        "InvalidParameterException",
        "Could not execute the lambda function. Make sure you have given CloudWatch Logs permission to execute your function.",
    )


def admits(statement, service, source):
    """Whether a statement of a function's policy lets a service invoke it for `source`, an ARN."""
    principal = statement.get("Principal")
    name = principal.get("Service", "") if isinstance(principal, dict) else principal
    if statement.get("Effect") != "Allow" or not (name == "*" or str(name).startswith(service)):
        return False
    for operator, keys in (statement.get("Condition") or {}).items():
        for key, wanted in keys.items():
            actual = {"aws:sourcearn": source, "aws:sourceaccount": get_account_id()}.get(key.lower())
            patterns = wanted if isinstance(wanted, list) else [wanted]
            if actual and not any(fnmatch.fnmatchcase(actual, pattern) for pattern in patterns):
                return False
    return True


def _standard_class_only(operation):
    """Other classes answer a ValidationException even to a read (turbot/steampipe-plugin-aws#2758)."""

    def checked(data):
        group = logs._log_groups.get(data.get("logGroupName"))
        if group and (group.get("logGroupClass") or "STANDARD") != "STANDARD":
            return _error("ValidationException", "This operation is only supported on the Standard log class.")
        return operation(data)

    return checked


# ---- account policies --------------------------------------------------------------------------------------------


def account_subscriptions(group):
    """Name, pattern and destination of the account policies that select `group`."""
    for policy in list(_policies.values()):
        if _selects(policy["selectionCriteria"], group):
            document = json.loads(policy["policyDocument"])
            yield policy["policyName"], document.get("FilterPattern"), document.get("DestinationArn", "")


def _selects(criteria, group):
    names = re.match(r"\s*LogGroupName\s+NOT IN\s*(\[.*\])\s*$", criteria or "")
    return not names or group not in json.loads(names[1])


def _put_account_policy(data):
    key = data.get("policyName"), data.get("policyType")
    if key[1] != SUBSCRIPTION_POLICY:
        return _error("InvalidParameterException", f"policyType {key[1]} is not emulated")
    if key not in _policies and len(_policies):
        return _error("LimitExceededException", "Resource limit exceeded.")
    try:
        document = json.loads(data.get("policyDocument") or "")
    except ValueError:
        return _error("InvalidParameterException", "Policy document is not valid JSON.")
    refused = _refused(document.get("DestinationArn", ""))
    if refused:
        return refused
    _policies[key] = {
        "policyName": key[0],
        "policyType": key[1],
        "policyDocument": data["policyDocument"],
        "scope": data.get("scope", "ALL"),
        "selectionCriteria": data.get("selectionCriteria") or "",
        "lastUpdatedTime": int(time.time() * 1000),
        "accountId": get_account_id(),
    }
    return json_response({"accountPolicy": _policies[key]})


def _describe_account_policies(data):
    wanted = data.get("policyName")
    found = [
        policy
        for policy in _policies.values()
        if policy["policyType"] == data.get("policyType") and wanted in (None, policy["policyName"])
    ]
    return json_response({"accountPolicies": found})


def _delete_account_policy(data):
    key = data.get("policyName"), data.get("policyType")
    if key not in _policies:
        return _error("ResourceNotFoundException", "The specified policy does not exist.")
    del _policies[key]
    return json_response({})


def _also_policies(reset):
    def both():
        _policies.clear()
        reset()

    return both


# ---- listing -----------------------------------------------------------------------------------------------------


def _list_log_groups(data):
    pattern, wanted = data.get("logGroupNamePattern"), data.get("logGroupClass")
    limit, start = min(data.get("limit", 50), 1000), logs._decode_token(data.get("nextToken"))
    names = [
        name
        for name in sorted(logs._log_groups)
        if (not pattern or re.search(pattern, name)) and (not wanted or _class(name) == wanted) and _has(name, data.get("logGroupTags"))
    ]
    page = {
        "logGroups": [
            {"logGroupName": name, "logGroupArn": logs._make_group_arn_no_star(name), "logGroupClass": _class(name)}
            for name in names[start : start + limit]
        ]
    }
    if start + limit < len(names):
        page["nextToken"] = logs._encode_token(start + limit)
    return json_response(page)


def _has(name, filters):
    """Whether a group has all of these tags, each with one of its values where some are given."""
    tags = logs._log_groups[name].get("tags") or {}
    return all(
        each["key"] in tags
        and (not each.get("values") or any(fnmatch.fnmatchcase(tags[each["key"]], value) for value in each["values"]))
        for each in filters or []
    )


def _class(name):
    return logs._log_groups[name].get("logGroupClass") or "STANDARD"


def _add_operations():
    operations = {
        "ListLogGroups": _list_log_groups,
        "PutAccountPolicy": _put_account_policy,
        "DescribeAccountPolicies": _describe_account_policies,
        "DeleteAccountPolicy": _delete_account_policy,
    }
    answer = logs.handle_request

    async def handle_request(method, path, headers, body, query_params):
        operation = operations.get(headers.get("x-amz-target", "").split(".")[-1])
        if operation:
            return operation(json.loads(body or b"{}"))
        return await answer(method, path, headers, body, query_params)

    logs.handle_request = handle_request


# ---- the rest of the account -------------------------------------------------------------------------------------


def _authorize_on_groups():
    """IAM authorizes all operations but the tagging ones on `log-group:NAME:*`."""
    tagging = {"TagResource", "UntagResource", "ListTagsForResource"}
    extract = iam_actions.extract_resource_arn

    def extract_resource_arn(service, method, path, headers, *rest):
        arn = extract(service, method, path, headers, *rest)
        operation = headers.get("x-amz-target", "").split(".")[-1]
        if service == "logs" and isinstance(arn, str) and ":log-group:" in arn and operation not in tagging:
            return arn if arn.endswith("*") else f"{arn}:*"
        return arn

    iam_actions.extract_resource_arn = extract_resource_arn


def _publish_groups_of_stacks():
    handlers = provisioners._RESOURCE_HANDLERS["AWS::Logs::LogGroup"]
    create = handlers["create"]

    def publishing(logical_id, properties, stack):
        name = properties.get("LogGroupName")
        if name and name in logs._log_groups:
            raise ValueError(f"{name} already exists")
        created = create(logical_id, properties, stack)
        trail.publish("CreateLogGroup", {"logGroupName": created[0]})
        return created

    handlers["create"] = publishing
