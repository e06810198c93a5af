"""A kernel under real jupyter_client, and what the checks of kernels share."""

import os
import sys
import threading
import time

from jupyter_client.manager import start_new_kernel

KERNEL = sys.argv[1]


class Session:
    """One kernel, its client, and the outputs of the cells that ran."""

    def __init__(self, **options):
        self.started = time.time()
        self.manager, self.client = start_new_kernel(kernel_name=KERNEL, startup_timeout=60, **options)

    def run(self, code, stdin=None, timeout=60, **options):
        outputs = []
        reply = self.client.execute_interactive(
            code,
            timeout=timeout,
            allow_stdin=stdin is not None,
            output_hook=lambda message: outputs.append(message),
            stdin_hook=(lambda _: self.client.input(stdin)) if stdin is not None else None,
            **options,
        )
        return Outputs(reply["content"], outputs)


class Outputs:
    def __init__(self, reply, messages):
        self.reply = reply
        self.messages = [m for m in messages if m["msg_type"] not in ("status", "execute_input")]

    def of(self, kind):
        return [m["content"] for m in self.messages if m["msg_type"] == kind]

    @property
    def text(self):
        return "".join(c["text"] for c in self.of("stream") if c["name"] == "stdout")

    @property
    def errors(self):
        return "".join(c["text"] for c in self.of("stream") if c["name"] == "stderr")

    @property
    def result(self):
        results = self.of("execute_result")
        if not results:  # say what the cell said instead
            errors = ["\n".join(e["traceback"]) for e in self.of("error")]
            raise AssertionError(f"the cell gave no result: {self.reply} {errors}")
        return results[0]["data"]

    @property
    def traceback(self):
        return "\n".join(self.of("error")[0]["traceback"])


def processor_seconds(pid):
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def equal(actual, expected):
    assert actual == expected, f"{actual!r} is not {expected!r}"


def contains(text, *parts):
    for part in parts:
        assert part in text, f"{part!r} is not in {text!r}"


def prints_running(message):
    return message["msg_type"] == "stream" and "running" in message["content"]["text"]


def interrupted(session, code, when=prints_running, then=lambda message: None):
    """Runs code, and interrupts it 0.3 s after the first message that is as when says; then sees all."""
    waiting = []
    sent = []
    messages = []

    def interrupt():
        sent.append(time.time())
        session.manager.interrupt_kernel()

    def hook(message):
        messages.append(message)
        if not waiting and when(message):
            waiting.append(threading.Timer(0.3, interrupt))
            waiting[0].start()
        then(message)

    reply = session.client.execute_interactive(code, timeout=300, output_hook=hook)
    return Outputs(reply["content"], messages), time.time() - sent[0]


def report(name, function, *arguments):
    """Prints "ok NAME" or "not ok NAME: REASON", which a test reads."""
    start = time.time()
    try:
        function(*arguments)
        print(f"ok {name} ({time.time() - start:.2f} s)", flush=True)
    except BaseException as problem:  # every failure becomes a line, also a time-out
        reason = f"{type(problem).__name__}: {problem}".replace("\n", " | ")
        print(f"not ok {name}: {reason[:3000]}", flush=True)
