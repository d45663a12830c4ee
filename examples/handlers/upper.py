"""A handler in Python, without any package: one JSON line in, one JSON line out."""
import json
import sys

for line in sys.stdin:
    message = json.loads(line)
    try:
        body = {k: v.upper() if isinstance(v, str) else v for k, v in message["body"].items()}
        answer = {"outputs": [{"body": body}]}
    except (KeyError, AttributeError) as error:
        answer = {"fail": f"no object: {error}"}
    print(json.dumps({"id": message["id"], **answer}), flush=True)
