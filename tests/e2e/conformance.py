"""Checks requests against AWS's own service models, as botocore has them: one JSON object a line on stdin, what is wrong on stdout.

A request has `service`, `method`, `path`, `target`, `type`, `body`, and `headers`, the names of its headers.
"""

import json
import re
import sys
import urllib.parse

import botocore.session
import botocore.validate

SESSION = botocore.session.get_session()
# The name of a service in a signature, where the models call it otherwise.
MODELS = {"es": "opensearch", "monitoring": "cloudwatch"}


def main():
    seen = set()
    for line in sys.stdin:
        request = json.loads(line)
        service = request["service"]
        model = SESSION.get_service_model(MODELS.get(service, service))
        name, problems = check(model, request)
        seen.add(f"{service} {name}")
        for problem in problems:
            print(f"{service} {name}: {problem}")
    print("checked", ", ".join(sorted(seen)), file=sys.stderr)


def check(model, request):
    protocol = model.metadata["protocol"]
    if request["target"]:
        return check_json(model, request)
    if protocol == "query":
        return check_query(model, request)
    return check_rest(model, request)


def check_json(model, request):
    prefix, _, name = request["target"].rpartition(".")
    problems = []
    if not model.metadata["targetPrefix"].endswith(prefix):  # Some SDKs leave out the package of the service.
        problems.append(f"the target begins with {prefix}")
    version = model.metadata["jsonVersion"]
    if request["type"] != f"application/x-amz-json-{version}":
        problems.append(f"the content is {request['type']}, and the service speaks version {version}")
    shape = model.operation_model(name).input_shape
    given = json.loads(request["body"] or "{}")
    report = botocore.validate.ParamValidator().validate(given, shape)
    if report.has_errors():
        problems.append(report.generate_report())
    return name, problems + list(unknown(shape, given, ""))


def unknown(shape, value, path):
    """Members that the model does not know, and values that it does not allow."""
    if shape.type_name == "structure" and isinstance(value, dict):
        for key, member in value.items():
            if key in shape.members:
                yield from unknown(shape.members[key], member, f"{path}.{key}")
            else:
                yield f"{path}.{key} is no member of {shape.name}"
    elif shape.type_name == "list" and isinstance(value, list):
        for member in value:
            yield from unknown(shape.member, member, f"{path}[]")
    elif isinstance(value, str):
        if getattr(shape, "enum", None) and value not in shape.enum:
            yield f"{path} is {value}, none of {shape.enum}"
        pattern = shape.metadata.get("pattern")
        try:
            fits = not pattern or re.search(pattern, value)
        except re.error:  # Some patterns are not of this language.
            fits = True
        if not fits:
            yield f"{path} is {value!r}, which does not match {pattern}"


def check_query(model, request):
    text = request["body"] or urllib.parse.urlsplit(request["path"]).query
    given = dict(urllib.parse.parse_qsl(text, keep_blank_values=True))
    name = given.pop("Action")
    problems = []
    if given.pop("Version") != model.api_version:
        problems.append("the version is another")
    shape = model.operation_model(name).input_shape
    members = shape.members if shape else {}
    for key, value in given.items():
        first, *rest = key.split(".")
        if first not in members:
            problems.append(f"{key} is no member")
        elif not rest:
            problems += unknown(members[first], value, f".{first}")
    for key in shape.required_members if shape else []:
        if not any(given_key.split(".")[0] == key for given_key in given):
            problems.append(f"{key} is missing")
    return name, problems


def check_rest(model, request):
    """The operation by its method and path, and the parameters of the query that it knows."""
    url = urllib.parse.urlsplit(request["path"])
    best = None
    for name in model.operation_names:
        operation = model.operation_model(name)
        http = operation.http
        path, _, fixed = http["requestUri"].partition("?")
        pattern = re.sub(r"\\\{[^}]*\\\+\\\}", ".+", re.escape(path))
        pattern = re.sub(r"\\\{[^}]*\\\}", "[^/]+", pattern)
        fixed = dict(urllib.parse.parse_qsl(fixed, keep_blank_values=True))
        given = dict(urllib.parse.parse_qsl(url.query, keep_blank_values=True))
        fits = re.fullmatch(pattern + "/?", url.path) and all(given.get(key) == value for key, value in fixed.items())
        members = operation.input_shape.members if operation.input_shape else {}
        headers = {
            members[member].serialization["name"].lower()
            for member in (operation.input_shape.required_members if operation.input_shape else [])
            if members[member].serialization.get("location") == "header"
        }
        if http["method"] == request["method"] and fits and headers <= set(request["headers"]):
            known = {
                member.serialization.get("name")
                for member in members.values()
                if member.serialization.get("location") == "querystring"
            }
            strangers = sorted(set(given) - set(fixed) - known - {"x-id"})
            rank = (len(strangers), -len(fixed), len(path) * -1)
            best = min(best, (rank, name, strangers)) if best else (rank, name, strangers)
    if best is None:
        return f"{request['method']} {url.path}", ["there is no such operation"]
    return best[1], [f"{stranger} is no parameter" for stranger in best[2]]


main()
