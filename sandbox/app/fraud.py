"""Team risk. Logs text, and tracebacks."""

import time
import traceback

from shared import one_event


def log(level, text, context):
    now = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())
    print(one_event(f"[{level}]\t{now}\t{context.aws_request_id}\t{text}"), flush=True)


def handler(event, context):
    request = event["requestId"]
    log("INFO", f"scoring card for requestId={request}", context)
    try:
        score = int(event["card"][-4:]) % 100 / 100
    except ValueError:
        log("ERROR", f"cannot score requestId={request}\n{traceback.format_exc()}", context)
        return {"score": 1.0}
    log("INFO", f"scored {score} for requestId: {request}", context)
    return {"score": score}
