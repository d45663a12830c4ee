from volley_handler import Retry, run

runs = open("runs.txt", "a", buffering=1)


def handle(message, out):
    runs.write(f"{message.body} {message.attempt}\n")
    if int(message.body) % 10 == 7 and message.attempt == 1:
        raise Retry("the first time never works")
    out.send("out", message.body)


run(handle)
