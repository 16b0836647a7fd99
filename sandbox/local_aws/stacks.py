"""CloudFormation: calls with a token are made once, dead stacks stay until they are deleted, and a role has its name alone.

<https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateStack.html>
"""

import contextvars
import copy
import json
import os
import pathlib

from ministack.core.responses import get_account_id, get_region
from ministack.services import iam
from ministack.services.cloudformation import _stacks, changesets, drift, handlers, helpers, provisioners

TOKENS = {
    "CreateChangeSet": "ClientToken",
    "CreateStack": "ClientRequestToken",
    "DeleteStack": "ClientRequestToken",
    "ExecuteChangeSet": "ClientRequestToken",
    "UpdateStack": "ClientRequestToken",
}

REFUSED = pathlib.Path(os.environ["HOME"]) / "refused"

_drifted = contextvars.ContextVar("drifted", default=None)

_answers = {}  # Account, Region, operation and token -> what was asked, and what was answered.


def install():
    _revert_drift()
    for operation, name in TOKENS.items():
        handlers._ACTION_HANDLERS[operation] = _once(operation, name, _unless_dead(operation))
    provisioners._cw_metric_alarm_record = _also_of_queries(provisioners._cw_metric_alarm_record)
    roles = provisioners._RESOURCE_HANDLERS["AWS::IAM::Role"]
    roles["create"] = _with_its_name_alone(roles["create"])
    for kind in provisioners._RESOURCE_HANDLERS.values():
        if "create" in kind:
            kind["create"] = _unless_refused(kind["create"])


def _once(operation, name, handle):
    def handled(params):
        token = helpers._p(params, name)
        if not token:
            return handle(params)
        key = get_account_id(), get_region(), operation, token
        asked = json.dumps(params, sort_keys=True, default=str)
        before, answer = _answers.get(key, (asked, None))
        if before != asked:
            return helpers._error("TokenAlreadyExistsException", "A client request token already exists.")
        if answer is None:
            answer = handle(params)
            if answer[0] < 400:
                _answers[key] = asked, answer
        return answer

    return handled


def _unless_dead(operation):
    handle = handlers._ACTION_HANDLERS[operation]
    if not operation.startswith("Create"):
        return handle

    def handled(params):
        name = helpers._p(params, "StackName")
        status = (_stacks.get(name) or {}).get("StackStatus", "")
        if status in ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED"):
            if operation == "CreateStack":
                return helpers._error("AlreadyExistsException", f"Stack [{name}] already exists")
            return helpers._error("ValidationError", f"Stack:{name} is in {status} state and can not be updated.")
        return handle(params)

    return handled


def _revert_drift():
    """A change set in the mode REVERT_DRIFT changes back what was changed by hand, and makes what is gone once more.

    <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/drift-aware-change-sets.html>
    """
    create, execute = handlers._ACTION_HANDLERS["CreateChangeSet"], handlers._ACTION_HANDLERS["ExecuteChangeSet"]
    diff = changesets._diff_resources

    def diffed(old, new, resources, *rest):
        if _drifted.get() is None:
            return diff(old, new, resources, *rest)
        old = copy.deepcopy(old)
        for name, actual in _drifted.get().items():
            if actual is None:
                old["Resources"].pop(name, None)
            elif name in old["Resources"]:
                old["Resources"][name].setdefault("Properties", {}).update(actual)
        return diff(old, new, resources, *rest)

    def created(params):
        stack = _stacks.get(helpers._p(params, "StackName"))
        if helpers._p(params, "DeploymentMode") != "REVERT_DRIFT" or not stack:
            return create(params)
        token = _drifted.set(_drift_of(stack))
        try:
            answer = create(params)
            _, change_set = changesets._find_change_set(helpers._p(params, "ChangeSetName"), stack["StackName"])
            if change_set:
                change_set["_reverts"] = _drifted.get()
            return answer
        finally:
            _drifted.reset(token)

    def executed(params):
        _, change_set = changesets._find_change_set(helpers._p(params, "ChangeSetName"), helpers._p(params, "StackName"))
        stack = _stacks.get((change_set or {}).get("StackName"))
        for name, actual in ((change_set or {}).get("_reverts") or {}).items():
            if actual is None:
                del stack["_resources"][name]
            else:
                stack["_resources"][name]["Properties"] = {**stack["_resources"][name]["Properties"], **actual}
        return execute(params)

    changesets._diff_resources = diffed
    handlers._ACTION_HANDLERS.update(CreateChangeSet=created, ExecuteChangeSet=executed)


def _drift_of(stack):
    """What was changed by hand: resource -> its properties as they are, or nothing where it is gone."""
    found = {}
    for name, record in stack.get("_resources", {}).items():
        if drift.supports_drift(record.get("ResourceType", "")):
            drifted = drift.detect_resource_drift(stack, name, record, "")
            if drifted["StackResourceDriftStatus"] == "DELETED":
                found[name] = None
            elif drifted["StackResourceDriftStatus"] == "MODIFIED":
                found[name] = json.loads(drifted["ActualProperties"])
    return found


def _also_of_queries(record):
    """An alarm over a query of Metrics Insights is kept under the query; nothing here would ever set it off."""

    def recorded(name, properties):
        queries = properties.get("Metrics")
        if not queries:
            return record(name, properties)
        plain = {key: value for key, value in properties.items() if key != "Metrics"}
        return record(name, {**plain, "Namespace": "Metrics Insights", "MetricName": queries[0]["Expression"]})

    return recorded


def _unless_refused(create):
    """Refuses what the file `refused` in the sandbox's home names: resource -> what its service says."""

    def created(logical_id, *arguments):
        if REFUSED.exists():
            reason = json.loads(REFUSED.read_text()).get(logical_id)
            if reason:
                raise ValueError(reason)
        return create(logical_id, *arguments)

    return created


def _with_its_name_alone(create):
    """Roles belong to the account, not to a Region."""

    def created(logical_id, properties, stack):
        name = properties.get("RoleName")
        if name and name in iam._roles:
            raise ValueError(f"{name} already exists in stack of another Region, or was made by hand")
        return create(logical_id, properties, stack)

    return created
