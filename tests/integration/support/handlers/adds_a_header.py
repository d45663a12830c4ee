from volley_handler import run

run(lambda message, out: out.send("out", message.body, headers={**message.headers, "seen-by": "tag"}))
