"""A child-process handler that takes a millisecond a message, so that a test can stop it in the middle."""

import json
import sys
import time

for line in sys.stdin:
    message = json.loads(line)
    time.sleep(0.001)
    body = {"text": message["text"]} if "text" in message else {"body": message["body"]}
    print(json.dumps({"id": message["id"], "outputs": [body]}), flush=True)
