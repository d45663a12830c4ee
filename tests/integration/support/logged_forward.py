"""A child-process handler that takes some milliseconds a message (first argument) and appends to a file (second argument) when each
began and ended, so that a test can see two of one key at once."""

import json
import sys
import time

pause, path = float(sys.argv[1]) / 1000, sys.argv[2]
with open(path, "a") as log:
    for line in sys.stdin:
        message = json.loads(line)
        began = time.monotonic()
        time.sleep(pause)
        print(json.dumps({"key": message.get("key"), "began": began, "ended": time.monotonic()}), file=log, flush=True)
        print(json.dumps({"id": message["id"], "outputs": [{"text": message["text"]}]}), flush=True)
