"""Interrupts the installed kernel while it downloads, trains, saves and writes; turns the dial.

Prints one line for each check, as kernel_checks.py does. Arguments: the kernel's name, a copy of the
project, the address of a hub that holds back all but the first piece of org/set at the first
attempt, and names of checks if not all are wanted; the full dial, which needs its tokenizer, by name.
"""

import json
import os
import re
import threading
import time

import nbformat
from kernel_client import Session, contains, equal, interrupted, report, sys

PROJECT, HUB = sys.argv[2:4]
WANTED = sys.argv[4:]


class Restart(Exception):
    """The kernel said that only a restart ends the cell: no JDK from 20 on can stop a thread."""


def path(*parts):
    return os.path.join(PROJECT, *parts)


def steps_in(folder):
    with open(path(folder, "metrics.jsonl")) as lines:
        rows = [json.loads(line) for line in lines]
    return [row["step"] for row in rows if "loss" in row]


def checkpoints(folder):
    names = [name for name in os.listdir(path(folder)) if name.startswith("checkpoint-")]
    equal([name for name in names if name.endswith(".part")], [])
    return sorted(int(name.split("-")[1]) for name in names)


def in_background(function):
    threading.Thread(target=function, daemon=True).start()


def shows_the_chart(message):
    return message["msg_type"] == "display_data"


def an_interrupted_download_keeps_what_came(session):
    notes = path("datasets", "org", "set", "data", "train-00000-of-00001.jsonl.part.pieces")

    def interrupt_after_the_first_piece():
        while not (os.path.exists(notes) and open(notes).read().endswith("\n0\n")):
            time.sleep(0.01)
        session.manager.interrupt_kernel()

    in_background(interrupt_after_the_first_piece)
    outputs = session.run('Download.of("org/set").under("datasets")')
    contains(outputs.traceback, "org/set was interrupted; what came is kept, run it again to go on")
    outputs = session.run('Download.of("org/set").under("datasets").size().rows()')
    assert int(outputs.result["text/plain"]) > 0
    equal([name for name in os.listdir(os.path.dirname(notes)) if ".part" in name], [])


def training(folder, *settings):
    words = ", ".join(f'"{word}"' for word in (f"output_folder={folder}", "max_steps=10000", *settings))
    return f"var run = Pretraining.of(Scale.TINY.pretrain({words}), tokens).start();\nrun"


def tokens_are_there(session):
    session.run(
        'var tokens = Mixture.of(Scale.TINY.pretrain().data(), "datasets")'
        '.tokenize(Tokenizer.load("datasets/shipped/tokenizer"), Scale.TINY.tokenFile());'
    )
    equal(session.run("tokens.file().tokens() > 0").result["text/plain"], "true")


def an_interrupt_waits_for_the_end_of_a_long_step(session):
    # a step of sixty micro-batches takes longer than the two seconds after which force comes
    code = training("runs/long", "gradient_accumulation_steps=60")
    outputs, seconds = interrupted(session, code, shows_the_chart)
    contains(outputs.errors, "The run ends after the step that it is in", "Interrupt again")
    equal(outputs.reply["ename"], "Interrupted")
    contains(outputs.of("update_display_data")[-1]["data"]["text/plain"], "run the cell again to go on")
    equal(steps_in("runs/long"), [0])
    equal(checkpoints("runs/long"), [1])


def a_second_interrupt_forces_a_long_step(session):
    again = threading.Timer(4, session.manager.interrupt_kernel)

    def starts(message):
        if shows_the_chart(message):
            again.start()
        return shows_the_chart(message)

    code = training("runs/forced", "gradient_accumulation_steps=2000")  # a step of minutes
    if int(session.run("Runtime.version().feature()").result["text/plain"]) >= 20:
        told = []

        def restart_when_told(message):
            told.append(message["content"].get("text", ""))
            if "does not react" in told[-1]:
                raise Restart

        try:
            interrupted(session, code, starts, restart_when_told)
            raise AssertionError(f"the step ended: {told}")
        except Restart:
            contains("".join(told), "The cell does not react to the interrupt", "restart the kernel")
        session.manager.restart_kernel(now=True)
        session.client.wait_for_ready(timeout=60)
        tokens_are_there(session)
    else:
        outputs, seconds = interrupted(session, code, starts)
        assert seconds < 15, f"{seconds:.2f} s"
        equal(outputs.reply["ename"], "Interrupted")
    assert not os.path.exists(path("runs/forced", "checkpoint-1"))
    equal(session.run("6 * 7").result["text/plain"], "42")


def an_interrupt_while_saving_tears_no_checkpoint(session):
    folder = "runs/saving"
    sessions = 3
    for _ in range(sessions):

        def interrupt_a_save():
            while not any(re.match(r"checkpoint-\d+\.part", name) for name in os.listdir(path(folder))):
                time.sleep(0.001)
            session.manager.interrupt_kernel()

        os.makedirs(path(folder), exist_ok=True)
        in_background(interrupt_a_save)
        outputs = session.run(training(folder, "save_every_steps=1", "keep_last_checkpoints=0"), timeout=120)
        equal(outputs.reply["ename"], "Interrupted")
        equal(checkpoints(folder), [step + 1 for step in steps_in(folder)])
    steps = steps_in(folder)
    assert len(steps) >= sessions, steps
    equal(steps, list(range(len(steps))))  # each session went on where the one before had saved


def a_cell_run_again_goes_on_and_releases_the_old_run(session):
    code = training("runs/again")
    started = threading.Event()

    def queue_again_and_interrupt():
        started.wait()
        session.client.execute(code)  # the same cell, while the first run still goes
        time.sleep(0.5)
        session.manager.interrupt_kernel()

    in_background(queue_again_and_interrupt)
    first = session.client.execute(code)
    statuses = {}
    while len(statuses) < 2:
        while True:
            message = session.client.get_iopub_msg(timeout=120)
            if message["msg_type"] == "update_display_data":
                started.set()
            if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
                break
        reply = session.client.get_shell_msg(timeout=120)
        statuses[reply["parent_header"]["msg_id"]] = reply["content"]["status"]
    equal(statuses.pop(first), "error")
    equal(list(statuses.values()), ["aborted"])
    done = len(steps_in("runs/again"))
    equal(checkpoints("runs/again"), [done])
    session.run("var models = List.of(run.model());")
    outputs, seconds = interrupted(session, code, lambda m: m["msg_type"] == "update_display_data")
    equal(outputs.reply["ename"], "Interrupted")
    steps = steps_in("runs/again")
    equal(steps, list(range(len(steps))))
    assert len(steps) > done, steps
    contains(session.run('models.get(0).generate("The sea", 2)').traceback, "closed")
    contains(session.run('run.model().generate("The sea", 2)').result["text/plain"], "The sea")


def an_interrupted_text_keeps_what_was_written(session):
    # it says so itself: a statement before it runs while this one is still compiled
    generator = 'generator().maxNewTokens(1_900).onText(piece -> System.out.print("running"))'
    outputs, seconds = interrupted(session, f'var made = run.model().{generator}.run("The sea");')
    equal(outputs.reply["status"], "ok")
    assert seconds < 2, f"{seconds:.2f} s"
    equal(session.run("made.finishReason()").result["text/plain"], "CANCELLED")
    equal(session.run("made.text().length() > 0").result["text/plain"], "true")
    contains(session.run('run.model().generate("The sea", 2)').result["text/plain"], "The sea")


def cells(notebook, scale):
    """The sources of a notebook's cells, with its dial turned."""
    for cell in nbformat.read(path("notebooks", notebook), as_version=4).cells:
        if cell.cell_type == "code":
            yield re.sub(r"Scale\.TINY", f"Scale.{scale}", cell.source)


def the_demo_dial_trains(session):
    """The cells of notebooks 1 and 3 as a user would run them; the run is stopped in its first step."""
    for source in cells("01-data.ipynb", "DEMO"):
        outputs = session.run(source, timeout=120)
        equal((source, outputs.reply["status"]), (source, "ok"))
    for source in cells("03-pretrain.ipynb", "DEMO"):
        if ".start()" in source:
            break
        equal(session.run(source).reply["status"], "ok")
    outputs, seconds = interrupted(session, source, shows_the_chart)
    equal(outputs.reply["ename"], "Interrupted")
    equal(steps_in("runs/demo/pretrain"), [0])
    equal(checkpoints("runs/demo/pretrain"), [1])


def the_full_dial_trains(session):
    """The real recipe, tokenizer and data sets by name, from this hub; a narrower model, two steps."""
    for source in cells("01-data.ipynb", "FULL"):
        outputs = session.run(source, timeout=120)
        equal((source, outputs.reply["status"]), (source, "ok"))
        if "Mixture.of(recipe" in source:
            break
    smaller = ["model.num_hidden_layers=1", "max_steps=2", "schedule.warmup_steps=1", "schedule.decay_steps=1"]
    smaller += ["sequence_length=128", "gradient_accumulation_steps=1", "precision=fp32"]
    words = ", ".join(f'"{word}"' for word in smaller)
    outputs = session.run(f"Pretraining.of(scale.pretrain({words}), tokens).start()", timeout=120)
    contains(outputs.result["text/plain"], "complete after 2 steps", "runs/doge-20m/pretrain")


def main():
    session = Session(cwd=path("notebooks"), env={**os.environ, "HF_ENDPOINT": HUB})
    for check in (
        an_interrupted_download_keeps_what_came,
        tokens_are_there,
        an_interrupt_waits_for_the_end_of_a_long_step,
        a_second_interrupt_forces_a_long_step,
        an_interrupt_while_saving_tears_no_checkpoint,
        a_cell_run_again_goes_on_and_releases_the_old_run,
        an_interrupted_text_keeps_what_was_written,
        the_demo_dial_trains,
        the_full_dial_trains,
    ):
        if check.__name__ in WANTED or not WANTED and check is not the_full_dial_trains:
            report(check.__name__, check, session)
    session.manager.shutdown_kernel(now=True)


main()
