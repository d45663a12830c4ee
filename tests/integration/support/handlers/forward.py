from volley_handler import run

run(lambda message, out: out.send("out", message.body, key=message.key, headers=message.headers))
