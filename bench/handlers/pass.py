from volley_handler import run


def handle(message, out):
    out.send("out", message.body)


run(handle)
