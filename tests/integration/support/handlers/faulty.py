"""A handler without a package that keeps the protocol, except for the one fault that its argument names."""

import json
import signal
import sys
import time

FAULT = sys.argv[1] if len(sys.argv) > 1 else ""
VERSION = 1 if FAULT == "version 1" else 2


unwritten = []


def write(line, end="\n"):
    unwritten.append(line + end)
    if FAULT != "no flush":
        flush()


def flush():
    sys.stdout.write("".join(unwritten))
    sys.stdout.flush()
    unwritten.clear()


def forwarded(request, line):
    output = {"queue": "out"}
    for name in ("body", "text", "base64", "tombstone", "key", "key_base64", "headers"):
        if request.get(name) is not None or (name == "body" and "body" in request and "tombstone" not in request):
            output[name] = request[name]
    if FAULT == "loses a header" and isinstance(output.get("headers"), dict):
        output["headers"] = dict(list(output["headers"].items())[:1])
    if FAULT == "joins repeated headers" and isinstance(output.get("headers"), dict):
        output["headers"] = {name: value[0] if isinstance(value, list) else value for name, value in output["headers"].items()}
    written = json.dumps(output)
    if FAULT != "writes numbers anew" and "body" in output:
        begin = line.index('"body":') + len('"body":')
        _, end = json.JSONDecoder().raw_decode(line, begin)
        written = json.dumps({**output, "body": 0}).replace('"body": 0', f'"body": {line[begin:end]}')
    return f'"outputs":[{written}]'


def outcome(request, line):
    body = request.get("body")
    do = body.get("do") if isinstance(body, dict) else None
    if do in ("fail", "retry", "drop"):
        return f'"{do}":{json.dumps(body["why"])}'
    if do == "throw":
        return '"retry":"thrown"'
    if do == "none":
        return '"outputs":[]'
    return forwarded(request, line)


failed = set()


def answer(line):
    request = json.loads(line)
    number = request["id"]
    chain = request.get("call"), request.get("chain")
    said = '"skipped":true' if chain in failed and FAULT != "does not skip" else outcome(request, line)
    if FAULT == "skips all":
        said = '"skipped":true'
    if chain[1] is not None and said.startswith(('"retry"', '"fail"')):
        failed.add(chain)
    if FAULT == "wrong id":
        number = str(int(number) + 1000)
    if FAULT == "body outside of outputs":
        said = '"body":{}'
    text = f'{{"id":"{number}",{said}}}'
    if FAULT == "prints without a newline":
        write("handled: ", end="")
    if FAULT == "prints lines":
        write("handled it")
    if FAULT == "half a line":
        return write(text[:-1], end="")
    if FAULT != "never answers":
        write(text)
    if FAULT == "answers twice":
        write(text)


def lines():
    while line := sys.stdin.readline():
        if line.strip():
            yield line


if FAULT == "dies":
    sys.exit("ValueError: it cannot work")
if FAULT == "never reads":
    time.sleep(3600)
if FAULT != "takes SIGTERM" and VERSION > 1:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
write(json.dumps({"volley": VERSION, "chains": True}))
kept = []
for one in lines():
    if FAULT == "reverses a chain" and '"chain"' in one:
        kept.append(one)
        if len(kept) == 60:
            for late in reversed(kept):
                answer(late)
        continue
    if FAULT == "forgets the last":
        kept.append(one)
        if len(kept) % 8 == 0:
            for late in kept[-8:]:
                answer(late)
        continue
    answer(one)
    if FAULT == "ends after one":
        break
flush()
if FAULT == "ignores the end":
    time.sleep(3600)
if FAULT == "ends with 1":
    sys.exit(1)
