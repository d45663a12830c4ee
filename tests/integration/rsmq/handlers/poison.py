from volley_handler import Fail, run


def handle(message, out):
    if message.body["seq"] % 10 == 0:
        raise Fail("it is poison")
    out.send("out", message.body)


run(handle)
