import os
import subprocess
import sys

from volley_handler import run

where = f"in {os.environ['VOLLEY_COMPONENT']}"
print("while it loads", where, flush=True)


def handle(message, out):
    print("by print", where)
    sys.stdout.write(f"by the stream {where}\n")
    os.write(1, f"by the descriptor {where}\n".encode())
    subprocess.run(["sh", "-c", f"cat; echo by a child {where}"], check=True)
    out.send("out", message.body)


run(handle)
