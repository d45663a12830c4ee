"""Works on a message until the file "open" is beside it; says in "working" that it has begun."""
import time
from pathlib import Path

from volley_handler import run

here = Path(__file__).parent


def handle(message, out):
    (here / "working").touch()
    while not (here / "open").exists():
        time.sleep(0.005)
    out.send("out", message.body)


run(handle)
