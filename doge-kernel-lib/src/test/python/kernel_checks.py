"""Drives the installed kernel through real jupyter_client and nbclient.

Prints one line for each check: "ok NAME" or "not ok NAME: REASON". JupyterTest runs this and turns
every line into a test. Arguments: the kernel's name, and names of checks if not all are wanted.
"""

import os
import queue
import sys
import tempfile
import threading
import time

import nbformat
from jupyter_client.manager import start_new_kernel
from kernel_client import KERNEL, Session, contains, equal, interrupted, processor_seconds, report
from nbclient import NotebookClient

WANTED = sys.argv[2:]
HERE = os.path.dirname(os.path.abspath(__file__))
CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


@check
def result_is_shown(session):
    equal(session.run("1 + 1").result["text/plain"], "2")


@check
def start_to_first_result_takes_little_work(session):
    # processor time, since the wall clock of a busy machine says nothing; 3 s were measured
    assert session.start_cpu < 8, f"{session.start_cpu:.1f} s of processor time"


@check
def declarations_and_void_show_nothing(session):
    equal(session.run("var x = List.of(1, 2, 3);\nSystem.out.flush();").messages, [])
    equal(session.run("x").result["text/plain"], "[1, 2, 3]")


@check
def null_is_shown(session):
    equal(session.run('System.getProperty("no such")').result["text/plain"], "null")


@check
def new_language_features(session):
    code = '''
sealed interface Shape permits Circle {}
record Circle(double radius) implements Shape {}
String text = """
    a "b"
    """;
text.strip() + new Circle(2)'''
    equal(session.run(code).result["text/plain"], 'a "b"Circle[radius=2.0]')


@check
def leading_dot_chains(session):
    equal(session.run("Stream.of(3, 1, 2)\n    .sorted()\n    .toList()").result["text/plain"], "[1, 2, 3]")


@check
def unnamed_results_do_not_stay_on_the_heap(session):
    session.run("new byte[200 << 20].length; new byte[100 << 20]")
    used = 'System.gc(); (Runtime.getRuntime().totalMemory() - Runtime.getRuntime().freeMemory()) >> 20'
    megabytes = int(session.run(used).result["text/plain"])
    assert megabytes < 100, f"{megabytes} MiB in use"


@check
def rendered_values(session):
    contains(session.run("new Circle(1)").result["text/html"], "<table>", "radius", "1.0")
    contains(session.run('Map.of("k", 7)').result["text/html"], "k", "7")
    table = session.run('Table.create("t", DoubleColumn.create("loss", 1.5, 2.5))').result
    contains(table["text/html"], "loss", "2.5", "2 rows")
    image = session.run("new java.awt.image.BufferedImage(3, 2, 1)").result
    contains(image["image/png"], "iVBOR")
    chart = session.run('QuickChart.getChart("c", "x", "y", "s", new double[]{1, 2}, new double[]{1, 2})')
    contains(chart.result["image/png"], "iVBOR")


@check
def display_updates_in_place(session):
    outputs = session.run('var handle = show("first"); handle.update("second");')
    first = outputs.of("display_data")[0]
    second = outputs.of("update_display_data")[0]
    equal(first["data"]["text/plain"], "first")
    equal(second["data"]["text/plain"], "second")
    equal(first["transient"]["display_id"], second["transient"]["display_id"])


@check
def ijava_display_functions(session):
    outputs = session.run('String id = display("<b>1</b>", "text/html"); updateDisplay(id, "<b>2</b>", "text/html");')
    equal(outputs.of("display_data")[0]["data"]["text/html"], "<b>1</b>")
    equal(outputs.of("update_display_data")[0]["data"]["text/html"], "<b>2</b>")
    equal(session.run('render("*md*", "text/markdown")').result["text/markdown"], "*md*")
    equal(session.run('(int) eval("1 + 2") + 3').result["text/plain"], "6")


@check
def streams_are_not_buffered(session):
    code = 'System.out.print("a"); Thread.sleep(600); System.out.print("b"); System.err.print("é…");'
    arrivals = []
    start = time.time()
    session.client.execute_interactive(
        code,
        timeout=30,
        output_hook=lambda m: arrivals.append((m["content"].get("text"), time.time() - start))
        if m["msg_type"] == "stream"
        else None,
    )
    times = dict(arrivals)
    assert times["b"] - times["a"] > 0.4, arrivals
    assert "é…" in times, arrivals


@check
def background_threads_print(session):
    outputs = session.run('var t = new Thread(() -> System.out.println("from behind")); t.start(); t.join();')
    contains(outputs.text, "from behind")


@check
def standard_input(session):
    outputs = session.run("new Scanner(System.in).nextLine()", stdin="typed line")
    equal(outputs.result["text/plain"], "typed line")


@check
def exceptions_name_cell_and_line(session):
    session.run("int divide(int n) {\n  return 10 / n;\n}")
    outputs = session.run("int zero = 0;\n\ndivide(zero)")
    number = outputs.reply["execution_count"]
    contains(
        outputs.traceback,
        "java.lang.ArithmeticException: / by zero",
        f"cell {number - 1}, line 2 in divide:  return 10 / n;",
        f"cell {number}, line 3:  divide(zero)",
    )
    assert "jdk.jshell" not in outputs.traceback and "reflect" not in outputs.traceback
    equal(outputs.reply["ename"], "java.lang.ArithmeticException")


@check
def causes_are_shown(session):
    outputs = session.run(
        'try { List.of().get(0); } catch (Exception e) { throw new IllegalStateException("outer", e); }'
    )
    contains(outputs.traceback, "outer", "Caused by: java.lang.", "cell ")


@check
def doge_exceptions_show_their_sentence_alone(session):
    outputs = session.run("ModelConfig.tiny().with(e -> e.hiddenSize = 130)")
    equal(outputs.reply["evalue"], "hiddenSize 130 is not a multiple of numAttentionHeads 4; try hiddenSize 132")
    assert "at " not in outputs.traceback.replace("that", ""), outputs.traceback


@check
def compile_errors_mark_the_span(session):
    outputs = session.run('int y = 1;\nint z = "text".lenth();')
    contains(outputs.traceback, "String has no method lenth(); did you mean length()?", "line 2", 'int z = "text".lenth();', "^^^^^")
    equal(outputs.reply["ename"], "CompilationError")


@check
def incomplete_code_is_told(session):
    equal(session.run("for (int i = 0; i < 3; i++) {").reply["ename"], "Incomplete")


@check
def errors_end_no_kernel(session):
    contains(session.run('throw new Error("boom");').traceback, "boom")
    contains(session.run("int f(int n) { return f(n) + 1; }\nf(0)").traceback, "StackOverflowError")
    outputs = session.run("long[][] all = new long[1 << 20][]; for (int i = 0;; i++) all[i] = new long[1 << 27];")
    contains(outputs.traceback, "Ran out of Java memory", "--heap")
    equal(session.run("all = null; 5").result["text/plain"], "5")


@check
def a_failed_cell_aborts_those_that_wait(session):
    client = session.client
    first = client.execute('Thread.sleep(500); throw new RuntimeException("stop");')
    second = client.execute('System.out.println("must not run");')
    replies = {}
    while len(replies) < 2:
        message = client.get_shell_msg(timeout=20)
        replies[message["parent_header"]["msg_id"]] = message["content"]["status"]
    equal((replies[first], replies[second]), ("error", "aborted"))
    time.sleep(0.2)
    while True:
        try:
            message = client.get_iopub_msg(timeout=0.2)
        except queue.Empty:
            break
        assert "must not run" not in str(message["content"].get("text")), message
    equal(session.run("1").result["text/plain"], "1")


@check
def interrupt_ends_a_sleep_at_once(session):
    outputs, seconds = interrupted(session, "int n = 0;\nSystem.out.println(\"running\"); Thread.sleep(20_000);")
    assert seconds < 2, f"{seconds:.2f} s"  # 0.03 s on an idle machine
    equal(outputs.reply["ename"], "Interrupted")
    contains(outputs.traceback, "line 2")


@check
def interrupt_ends_a_cooperative_loop_and_keeps_its_result(session):
    code = 'int steps = 0;\nwhile (!Thread.interrupted()) { if (steps++ == 0) System.out.println("running"); }\nsteps > 0'
    outputs, seconds = interrupted(session, code)
    assert seconds < 2, f"{seconds:.2f} s"  # the force comes after two seconds
    equal(session.run("steps > 0").result["text/plain"], "true")


@check
def interrupt_ends_a_tight_loop_within_three_seconds(session):
    outputs, seconds = interrupted(session, 'long spins = 0;\nwhile (true) { if (spins++ == 0) System.out.println("running"); }')
    assert seconds < 4, f"{seconds:.2f} s"  # 2.1 s on an idle machine
    equal(outputs.reply["ename"], "Interrupted")
    equal(session.run("spins > 0").result["text/plain"], "true")


@check
def interrupt_ends_a_wait_for_input_and_input_still_works(session):
    timer = threading.Timer(0.7, session.manager.interrupt_kernel)
    timer.start()
    outputs = []
    reply = session.client.execute_interactive(
        "new Scanner(System.in).nextLine()",
        timeout=20,
        allow_stdin=True,
        stdin_hook=lambda _: None,
        output_hook=outputs.append,
    )
    equal(reply["content"]["ename"], "Interrupted")
    equal(session.run("new Scanner(System.in).nextLine()", stdin="again").result["text/plain"], "again")


@check
def a_cell_that_runs_again_gives_back_what_it_held(session):
    # the heap is 1 GiB: four of these are too many
    for _ in range(4):
        session.run("var held = new byte[300 << 20];")
    equal(session.run("held.length >> 20").result["text/plain"], "300")
    session.run("held = null;")
    # a value of this library's packages that tells whether it was closed; not in the kernel's own path
    session.run("%classpath " + os.path.join(HERE, "..", "..", "..", "target", "test-classes"))
    make = "new dev.smalldoge.notebook.kernel.Probe()"
    session.run(f"var model = {make};\nvar models = List.of(model);\nvar also = {make};\nvar alias = also;")
    equal(session.run("var model = model.nosuch();").reply["ename"], "CompilationError")
    equal(session.run("models.get(0).closed").result["text/plain"], "false")
    session.run(f"var model = {make};\nvar alias = {make};")
    equal(session.run("models.get(0).closed").result["text/plain"], "true")
    equal(session.run("also.closed").result["text/plain"], "false")  # another variable still holds it


@check
def two_cells_at_once_run_one_after_the_other(session):
    client = session.client
    first = client.execute('System.out.print("one "); Thread.sleep(300); int order = 1; System.out.print("one");')
    second = client.execute('System.out.print("two " + order);')
    texts = {first: "", second: ""}
    idle = set()
    while idle != {first, second}:
        message = client.get_iopub_msg(timeout=20)
        parent = message["parent_header"].get("msg_id")
        if message["msg_type"] == "stream" and parent in texts:
            texts[parent] += message["content"]["text"]
        if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
            idle.add(parent) if parent in texts else None
    client.get_shell_msg(timeout=20), client.get_shell_msg(timeout=20)
    equal(texts, {first: "one one", second: "two 1"})


@check
def a_cell_outlives_a_closed_browser(session):
    session.client.execute('System.out.print("started"); Thread.sleep(800); int outlived = 6 * 7;')
    while session.client.get_iopub_msg(timeout=20)["content"].get("text") != "started":
        pass
    session.client.stop_channels()
    time.sleep(1)
    session.client = session.manager.client()
    session.client.start_channels()
    session.client.wait_for_ready(timeout=30)
    equal(session.run("outlived").result["text/plain"], "42")


@check
def completion(session):
    session.run("var words = List.of(1, 2);")
    reply = session.client.complete("words.siz", reply=True, timeout=20)["content"]
    assert "size()" in reply["matches"], reply
    equal((reply["cursor_start"], reply["cursor_end"]), (6, 9))
    code = "int before = 1;\nModelConfig.tiny().withVo"
    reply = session.client.complete(code, len(code), reply=True, timeout=20)["content"]
    contains(str(reply["matches"]), "withVocabSize(")
    contains(str(reply["metadata"]), "int vocabSize")
    code = 'var local = "text";\nlocal.toUpp'
    reply = session.client.complete(code, len(code), reply=True, timeout=20)["content"]
    contains(str(reply["matches"]), "toUpperCase(")
    reply = session.client.complete("%mav", 4, reply=True, timeout=20)["content"]
    contains(str(reply["matches"]), "%maven")


@check
def inspection_shows_our_javadoc(session):
    code = "ModelConfig.tiny().withVocabSize(100)"
    for at in (code.index("VocabSize(") + 3, code.index("(100") + 1):
        reply = session.client.inspect(code, at, reply=True, timeout=20)["content"]
        assert reply["found"], reply
        contains(reply["data"]["text/plain"], "int vocabSize", "This configuration for another vocabulary.")
    reply = session.client.inspect("ModelConfig", 5, reply=True, timeout=20)["content"]
    contains(reply["data"]["text/plain"], "The shape of a Doge model")
    reply = session.client.inspect("1 + 1", 1, reply=True, timeout=20)["content"]
    equal(reply["found"], False)


@check
def is_complete(session):
    def status(code):
        session.client.is_complete(code)
        return session.client.get_shell_msg(timeout=20)["content"]["status"]

    equal(status("int a = 1;"), "complete")
    equal(status("1 + 1"), "complete")
    equal(status("for (int i = 0; i < 3; i++) {"), "incomplete")
    equal(status("int int = ;"), "invalid")
    equal(status("%%loadFromPOM\n<dependency>"), "complete")


@check
def history(session):
    session.run('"remember me"')
    reply = session.client.history(hist_access_type="tail", n=1, reply=True, timeout=20)["content"]
    equal(reply["history"][0][2], '"remember me"')


@check
def user_expressions(session):
    reply = session.run("int u = 4;", user_expressions={"a": "u + 1", "b": "nonsense"}).reply
    equal(reply["user_expressions"]["a"]["data"]["text/plain"], "5")
    equal(reply["user_expressions"]["b"]["status"], "error")


@check
def silent_cells_do_not_count(session):
    before = session.run("1").reply["execution_count"]
    session.client.execute("2", silent=True, reply=True, timeout=20)
    equal(session.run("3").reply["execution_count"], before + 1)


@check
def magics(session):
    contains(session.run("%magics").text, "%maven", "%%time", "%load")
    contains(session.run("%%time\nThread.sleep(30);\n7").text, "s")
    equal(session.run("%%time\n7").result["text/plain"], "7")
    contains(session.run("%nosuch thing").traceback, "%nosuch", "%magics")
    equal(session.run("int a = 7;\nint m = 4;\na\n % m").result["text/plain"], "3")
    equal(session.run('String s = """\n%magics\n""";\ns.strip()').result["text/plain"], "%magics")


@check
def maven_and_load_magics(session):
    artifact = "com.google.googlejavaformat:google-java-format:1.28.0"  # the build has it at hand
    contains(session.run("%maven " + artifact).text, "Added", "jars")
    code = "com.google.googlejavaformat.java.JavaFormatterOptions.defaultOptions().indentationMultiplier()"
    equal(session.run(code).result["text/plain"], "1")
    contains(session.run("%maven nonsense").traceback, "GROUP:ARTIFACT:VERSION")
    group, name, version = artifact.split(":")
    pom = f"<dependency><groupId>{group}</groupId><artifactId>{name}</artifactId><version>{version}</version></dependency>"
    contains(session.run("%%loadFromPOM\n" + pom).text, "Added")
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "more.jshell")
        with open(path, "w") as script:
            script.write("int loaded = 5;")
        session.run(f"%load {path}")
        equal(session.run("loaded").result["text/plain"], "5")
        session.run(f"List<String> added = %classpath {folder}")
        contains(session.run("added").result["text/plain"], folder)
        contains(session.run(f"%jars {folder}/nothing.jar").traceback, "No file matches")


@check
def clean_shutdown(session):
    start = time.time()
    process = session.manager.provisioner.process
    session.client.shutdown()
    while process.poll() is None and time.time() - start < 10:
        time.sleep(0.02)
    taken = time.time() - start
    equal(process.poll(), 0)
    assert taken < 5, f"{taken:.2f} s"


def an_ijava_notebook_runs_unchanged():
    path = os.path.join(HERE, "..", "resources", "ijava.ipynb")
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=120, kernel_name=KERNEL).execute()
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    results = [
        next((o["data"]["text/plain"] for o in cell.outputs if o["output_type"] == "execute_result"), None)
        for cell in cells
    ]
    equal(results, [None, "6765", None, "15.0", None, "[a, b, c]", "Point[x=3, y=4]", None])
    displayed = [o["data"] for o in cells[4].outputs if o["output_type"] == "display_data"]
    equal(displayed[0]["text/markdown"], "**bold**")
    equal(displayed[1]["text/html"], "<i>second</i>")  # updated in place
    printed = "".join(o["text"] for o in cells[7].outputs if o["output_type"] == "stream")
    equal(printed, "3 of 4\n")  # unbuffered, so perhaps in pieces


def notebook_runs_through_nbclient():
    notebook = nbformat.v4.new_notebook(metadata={"kernelspec": {"name": KERNEL, "display_name": "Java"}})
    notebook.cells = [
        nbformat.v4.new_code_cell("var config = ModelConfig.tiny();\nconfig.hiddenSize()"),
        nbformat.v4.new_code_cell("System.out.println(config.vocabSize());"),
    ]
    NotebookClient(notebook, timeout=60).execute()
    equal(notebook.cells[0].outputs[0]["data"]["text/plain"], "128")
    equal(notebook.cells[1].outputs[0]["text"], "4096\n")


def ijava_environment_variables():
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "start.jshell"), "w") as script:
            script.write("int fromFile = 40;\nint two() {\n    return 2;\n}")
        os.mkdir(os.path.join(folder, "classes"))
        with open(os.path.join(folder, "classes", "found.txt"), "w") as resource:
            resource.write("on the class path")
        variables = {
            "IJAVA_STARTUP_SCRIPTS_PATH": os.path.join(folder, "*.jshell"),
            "IJAVA_STARTUP_SCRIPT": "int fromText = fromFile + two();",
            "IJAVA_CLASSPATH": os.path.join(folder, "classes"),
            "IJAVA_COMPILER_OPTS": "-Xlint:all -parameters",
            "IJAVA_TIMEOUT": "1500 MILLISECONDS",
        }
        session = Session(env={**os.environ, **variables})
        try:
            equal(session.run("fromText").result["text/plain"], "42")
            code = (
                'record R(int kept) {}\n'
                'new String(Thread.currentThread().getContextClassLoader()'
                '.getResourceAsStream("found.txt").readAllBytes())'
            )
            equal(session.run(code).result["text/plain"], "on the class path")
            start = time.time()
            outputs = session.run("while (true) { }")
            equal(outputs.reply["ename"], "Timeout")
            assert time.time() - start < 5
            equal(session.run("fromFile").result["text/plain"], "40")
        finally:
            session.manager.shutdown_kernel(now=True)


def a_killed_kernel_is_told_by_the_next():
    manager, client = start_new_kernel(kernel_name=KERNEL, startup_timeout=60)
    try:
        manager.provisioner.process.kill()
        manager.restart_kernel(now=True)
        client.wait_for_ready(timeout=60)
        texts = []
        client.execute_interactive("1", timeout=30, output_hook=lambda m: texts.append(str(m["content"].get("text"))))
        contains("".join(texts), "The kernel before this one was ended from outside", "run the notebook from the top")
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def a_crash_in_native_code_is_told():
    manager, client = start_new_kernel(kernel_name=KERNEL, startup_timeout=60)
    try:
        client.execute(
            'var field = Class.forName("sun.misc.Unsafe").getDeclaredField("theUnsafe"); field.setAccessible(true);'
            ' var unsafe = (sun.misc.Unsafe) field.get(null); unsafe.putAddress(0, 1);'
        )
        start = time.time()
        while manager.is_alive() and time.time() - start < 60:
            time.sleep(0.1)
        manager.restart_kernel(now=True)
        client.wait_for_ready(timeout=60)
        texts = []
        client.execute_interactive("1", timeout=30, output_hook=lambda m: texts.append(str(m["content"].get("text"))))
        contains("".join(texts), "The kernel before this one crashed: SIGSEGV", "Unsafe", "run the notebook from the top")
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def run(name, function, *arguments):
    if not WANTED or name in WANTED:
        report(name, function, *arguments)


def main():
    session = Session()
    session.run("0")
    session.first_result = time.time()
    session.start_cpu = processor_seconds(session.manager.provisioner.process.pid)
    print(
        f"# first result {session.first_result - session.started:.2f} s after the start,"
        f" {session.start_cpu:.2f} s of processor time",
        flush=True,
    )
    for function in CHECKS:
        run(function.__name__, function, session)
    session.manager.shutdown_kernel(now=True)
    run("notebook_runs_through_nbclient", notebook_runs_through_nbclient)
    run("an_ijava_notebook_runs_unchanged", an_ijava_notebook_runs_unchanged)
    run("ijava_environment_variables", ijava_environment_variables)
    run("a_killed_kernel_is_told_by_the_next", a_killed_kernel_is_told_by_the_next)
    run("a_crash_in_native_code_is_told", a_crash_in_native_code_is_told)


main()
