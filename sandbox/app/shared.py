"""What every function of the sample application does: call the next one, and print lines as Lambda would."""

import json
import os

import botocore.session


def call(function, event):
    """Invokes another function and waits for its answer."""
    session = botocore.session.get_session()
    client = session.create_client("lambda", endpoint_url=os.environ.get("AWS_ENDPOINT_URL"))
    answer = client.invoke(FunctionName=function, Payload=json.dumps(event).encode())
    return json.loads(answer["Payload"].read())


def one_event(text):
    """Keeps several lines together: the sandbox makes one event of them, as Lambda's own runtime does."""
    return text.replace("\n", "\u2028")
