"""A sample application in the sandbox's account, and log groups of others.

    application deploy            make the functions; their log groups come with their first line
    application health FUNCTION   let a function write its first lines
    application order [--card N]  one order through all functions; prints its request id
    application groups NUMBER     make log groups that exist already, each with a few events

Run it with the sandbox's environment.
"""

import argparse
import io
import json
import os
import pathlib
import time
import uuid
import zipfile

import botocore.exceptions
import botocore.session

HERE = pathlib.Path(__file__).resolve().parent
FUNCTIONS = ["storefront", "cart", "pricing", "payments", "fraud"]
TEAMS = ["checkout", "search", "shipping", "identity", "billing"]


def main():
    parser = argparse.ArgumentParser(prog="application", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("deploy")
    commands.add_parser("health").add_argument("function", choices=FUNCTIONS)
    commands.add_parser("order").add_argument("--card", default="4111111111111111")
    commands.add_parser("groups").add_argument("number", type=int)
    arguments = parser.parse_args()
    if arguments.command == "deploy":
        deploy()
    elif arguments.command == "health":
        invoke(arguments.function, {"path": "/health"})
    elif arguments.command == "order":
        request = str(uuid.uuid4())
        invoke("storefront", {"requestId": request, "items": ["umbrella", "boots"], "card": arguments.card})
        print(request)
    else:
        make_groups(arguments.number)


def client(service):
    return botocore.session.get_session().create_client(service, endpoint_url=os.environ["AWS_ENDPOINT_URL"])


def deploy():
    trust = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
    }
    call = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": "*"}],
    }
    iam = client("iam")
    role = iam.create_role(RoleName="sample-application", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    iam.put_role_policy(RoleName="sample-application", PolicyName="call", PolicyDocument=json.dumps(call))
    functions = client("lambda")
    for name in FUNCTIONS:
        functions.create_function(
            FunctionName=name,
            Runtime="python3.12",
            Handler=f"{name}.handler",
            Role=role,
            Timeout=30,
            Code={"ZipFile": archive(name)},
        )
        functions.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1})


def archive(name):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as files:
        for file in (f"{name}.py", "shared.py"):
            files.write(HERE / "app" / file, file)
    return buffer.getvalue()


def invoke(function, event):
    answer = client("lambda").invoke(FunctionName=function, Payload=json.dumps(event).encode())
    if answer.get("FunctionError"):
        raise SystemExit(f"{function} failed: {answer['Payload'].read().decode()}")


def make_groups(number):
    logs = client("logs")
    now = int(time.time() * 1000)
    for n in range(number):
        group = f"/{TEAMS[n % len(TEAMS)]}/service-{n:02}"
        logs.create_log_group(logGroupName=group)
        logs.create_log_stream(logGroupName=group, logStreamName="main")
        events = [{"timestamp": now, "message": f"INFO {group} has started, build {n}"}]
        logs.put_log_events(logGroupName=group, logStreamName="main", logEvents=events)


if __name__ == "__main__":
    try:
        main()
    except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError, KeyError) as error:
        raise SystemExit(f"application: {error}; is the sandbox up, and its environment set?") from None
