"""A child process that answers in the protocol and, now and then, does what no child should. Usage: hostile.py chains|batches|plain RATE

Whatever it does, a message that it answers well is delivered once. It is written without a package, byte by byte."""

import os
import random
import re
import signal
import sys
import time

keeps_groups, takes_batches, rate = sys.argv[1] != "plain", sys.argv[1] == "batches", float(sys.argv[2])
chance = random.Random()


def write(data):
    while data:
        data = data[os.write(1, data):]


def field(line, name):
    found = re.search(rb'"%s":"?([^",}]*)' % name, line)
    return found and found.group(1)


class Child:
    def __init__(self):
        self.failed = set()

    def answer(self, line):
        number, call = field(line, b"id"), (field(line, b"call"), field(line, b"chain"))
        if call in self.failed and call[1]:
            return b'{"id":"%s","skipped":true}\n' % number
        end = chance.choices([b"", b'"retry":"later"', b'"retry":"soon","after_ms":5.0', b'"fail":"no"'], [96, 2, 1, 1])[0]
        if end:
            self.failed.add(call)
            return b'{"id":"%s",%s}\n' % (number, end)
        body = line[line.index(b'"body":') + 7:-1]
        return b'{"id":"%s","outputs":[{"queue":"out","body":%s}]}\n' % (number, body)


def requests(lines):
    for line in lines:
        if line.startswith(b'{"batch":['):
            yield from re.findall(rb'\{"id":.*?"body":\{[^{}]*\}\}', line)
        elif line.startswith(b'{"id"'):
            yield line


def garbage(size):
    return bytes(chance.randrange(256) for _ in range(size))


def misbehave(line, good):
    """Returns the answer that is still due, or nothing."""
    number = field(line, b"id")
    way = chance.choice(WAYS)
    if way == "random bytes":
        write(garbage(chance.randrange(300)) + b"\n")
    elif way == "a random line without an end":
        write(garbage(50).replace(b"\n", b""))
    elif way == "an answer with one byte changed":  # of those that a reader stumbles over; a number would be another message's
        at = chance.choice([at for at, byte in enumerate(good) if byte in b'{}[]:,"'])
        write(good[:at] + garbage(1) + good[at + 1:])
        return b""
    elif way == "half an answer, then the end":
        write(good[:len(good) // 2])
        os._exit(chance.choice([0, 1]))
    elif way == "an answer in pieces":
        for at in range(0, len(good), 9):
            write(good[at:at + 9])
        return b""
    elif way == "a huge line":
        write(b'{"id":"%s","outputs":[{"body":"' % number + b"x" * 2_000_000 + b'"}]}\n')
        return b""
    elif way == "a huge line of nobody":
        write(b"x" * 2_000_000 + b"\n")
    elif way == "twice":
        write(good + good)
        return b""
    elif way == "twice, otherwise":
        write(good + b'{"id":"%s","fail":"after all"}\n' % number)
        return b""
    elif way == "unknown ids":
        for unknown in (0, int(number) + 100_000, int(number) - 1_000_000, 2**64 - 1, 2**70):
            write(b'{"id":"%d"}\n' % unknown)
    elif way == "deep":
        write(b'{"id":"%s","outputs":[{"body":' % number + b"[" * 200_000 + b"]" * 200_000 + b"}]}\n")
        return b""
    elif way == "wrong kinds":
        write(chance.choice([b'{"id":["%s"]}\n', b'{"id":"%s","outputs":{}}\n', b'{"id":"%s","outputs":[1]}\n',
                             b'{"id":"%s","retry":5}\n', b'{"id":"%s","outputs":[{"base64":"#"}]}\n', b'["%s"]\n']) % number)
        return b""
    elif way == "another hello":
        write(b'{"volley":1,"chains":%s,"cancels":true}\n' % chance.choice([b"true", b"false"]))
    elif way == "skipped without a reason":
        write(b'{"id":"%s","skipped":true}\n' % number)
        return b""
    elif way == "blank lines":
        write(b"\xef\xbb\xbf\n \t\r\n\r\n")
    elif way == "it closes its output":
        os.close(1)
        time.sleep(chance.choice([0, 60]))
        os._exit(0)
    elif way == "it closes its input":
        os.close(0)
        write(good)
        time.sleep(chance.choice([0, 60]))
        os._exit(0)
    elif way == "a process that holds its pipes":
        if os.fork() == 0:
            if chance.random() < 0.5:
                os.setsid()
            time.sleep(1)
            os._exit(0)
    elif way == "noise on standard error":
        os.write(2, garbage(3000))
    elif way == "it hangs":
        time.sleep(60)
    elif way == "it stops":
        os.kill(os.getpid(), signal.SIGSTOP)
    elif way == "it dies":
        os.kill(os.getpid(), chance.choice([signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM]))
    elif way == "it ends":
        os._exit(chance.choice([0, 0, 1]))
    elif way == "it answers and ends":
        write(good)
        os._exit(chance.choice([0, 1]))
    return good


WAYS = ["random bytes", "a random line without an end", "an answer with one byte changed", "half an answer, then the end",
        "an answer in pieces", "a huge line", "a huge line of nobody", "twice", "twice, otherwise", "unknown ids", "deep", "wrong kinds",
        "another hello", "skipped without a reason", "blank lines", "it closes its output", "it closes its input",
        "a process that holds its pipes", "noise on standard error", "it hangs", "it stops", "it dies", "it ends", "it answers and ends"]

if chance.random() < rate:
    os._exit(1)  # before it has read anything
if keeps_groups:
    write(b'{"volley":%s,"chains":true%s}\n' % (b'2,"batches":true' if takes_batches else b"1", chance.choice([b"", b',"cancels":true'])))
child, begun = Child(), b""
while chunk := os.read(0, 1 << 16):
    *lines, begun = (begun + chunk).split(b"\n")
    answers = []
    for line in requests(lines):
        good = child.answer(line)
        answers.append(misbehave(line, good) if chance.random() < rate else good)
    if not keeps_groups:
        chance.shuffle(answers)
    write(b"".join(answers))
