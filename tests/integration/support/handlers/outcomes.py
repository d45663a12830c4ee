from volley_handler import Drop, Fail, Retry, run


def handle(message, out):
    do = message.body["do"]
    if do == "drop":
        raise Drop("not wanted")
    if do == "fail":
        out.send("out", "never sent, for the handler fails")
        raise Fail("it is bad: ü 🌍")
    if do == "retry" and message.attempt == 1:
        raise Retry("not yet", after=0.001)
    if do == "long ago" and message.attempt == 1:
        raise Retry("its time has passed", after=-1)
    if do == "never":
        raise Retry("no time at all", after=float("nan"))
    if do == "throw":
        raise KeyError("something is missing")
    if do == "wrong":
        out.send("out", {"not": object()})
    if do == "half":
        out.send("out", {"half a pair": "\ud83c"})
    if do in ("send", "retry", "long ago"):
        out.send("out", {"attempt": message.attempt})


run(handle)
