"""A handler that notes which attempt each message is at, takes its time now and then, and forwards."""

import json
import random
import sys
import time

notes = open(sys.argv[1], "a", buffering=1)
for line in sys.stdin:
    message = json.loads(line)
    body = message.get("body", message.get("text"))
    notes.write(f"{message['attempt']}\n")
    if random.random() < 0.05:
        time.sleep(0.1)
    print(json.dumps({"id": message["id"], "outputs": [{"text": body} if isinstance(body, str) else {"body": body}]}), flush=True)
