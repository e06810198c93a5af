"""Types what a newcomer mistypes, and much that no browser bears, into the installed kernel.

Prints one line for each check, as kernel_checks.py does. Arguments: the kernel's name, and names of
checks if not all are wanted.
"""

import re

from kernel_client import Session, contains, equal, report, sys

WANTED = sys.argv[2:]
PLAIN = re.compile(r"\x1b\[[0-9;]*m")

# what is typed, and the sentence that answers
SENTENCES = {
    "ModelConfg.tiny()": "There is no class ModelConfg here; did you mean ModelConfig?",
    "ModelConfig.tiny().hiddenSizee()": "ModelConfig has no method hiddenSizee(); did you mean hiddenSize()?",
    "ModelConfig.tiny().with(s -> s.hidenSize = 5)": "Edit has no field hidenSize; did you mean hiddenSize?",
    "Scale.SMALL": "Scale has no field SMALL; it has DEMO, FULL, TINY",
    'for (var w : List.of("a")) {\n  w.lenght();\n}': "String has no method lenght(); did you mean length()?",
    'int n = "a".length;': "String has no field length; did you mean length()?",
    'Sytem.out.println("x");': "There is no class or variable Sytem here; did you mean System?",
    "nowhere + 1": "There is no variable nowhere here; run the cell that declares it, or mend the name",
    'ModelConfig.tiny().withVocabSize("a")': "incompatible types: String cannot be converted to int",
    "int a = 1\nint b = 2": "';' expected",
    'System.out.println("x"': "The code ends too early: a closing bracket, quote or semicolon is missing",
    "System.exit(0)": "System.exit(0) would end the kernel and lose every variable; leave it out, or shut"
    " the kernel down from Jupyter's Kernel menu",
    "class Ender { static void end() { long a = 5L; System.exit((int) a); } }\nEnder.end()": "System.exit(5) would",
    "IntConsumer end = System::exit;\nend.accept(3)": "System.exit(3) would end the kernel",
    "%load nothere.jsh": "There is no script or notebook nothere.jsh in ",
    "%load": "%load needs one file, a notebook or a script such as more.jshell, not []",
    "%jars nothere/*.jar": 'No file matches "nothere/*.jar": there is no folder ',
    "%classpath": "%jars and %classpath need paths",
    "%mavne a:b:c": "There is no magic %mavne; did you mean %maven?",
    "%time": "%time needs a statement behind it; %%time times a whole cell",
    'Scale.TINY.pretrain("warmup_steps=10")': 'has the unknown key "warmup_steps"; did you mean "schedule.warmup_steps"?',
    'Scale.TINY.pretrain("micro_batchsize=2")': 'has the unknown key "micro_batchsize"; did you mean "micro_batch_size"?',
    'Scale.TINY.pretrain("learning_rate=-1")': "learning_rate -1.0 is outside (0, 1)",
    'Scale.TINY.pretrain("sequence_length=4096")': "sequence_length 4096 is more than max_position_embeddings 2048",
    'PretrainRecipe.load("recipes/tini/pretrain.yaml")': "does not exist; look into recipes/ for those there are",
    'Corpus.of("state-of-the-onion").under("datasets")': 'did you mean "state-of-the-union"?',
    'Tokenizer.load("datasets/tokeniser")': "does not exist; give a tokenizer.json or the folder that holds one",
    'LanguageModel.open("runs/nothing")': "does not exist; check the path, or fetch the model first",
}

# what a method throws at which cell: the user's own lines, and nobody else's
THROWN = {
    "Stream.of(1, 0).map(i -> 10 / i).toList()": "java.lang.ArithmeticException: / by zero",
    "Optional.empty().get()": "java.util.NoSuchElementException: No value present",
    'Files.readString(Path.of("nothere.txt"))': "java.nio.file.NoSuchFileException: nothere.txt",
    "String nothing = null;\nnothing.length()": 'Cannot invoke "String.length()" because "nothing" is null',
    'class Bad { public String toString() { throw new Error("bad"); } }\nnew Bad()': "java.lang.Error: bad",
}


def sentence(session, code, wanted):
    outputs = session.run(code)
    equal(outputs.reply["status"], "error")
    text = PLAIN.sub("", outputs.traceback)
    contains(text, wanted)
    frames = [line for line in text.split("\n") if line.startswith("    at ")]
    return [frame for frame in frames if not frame.startswith("    at cell ")], frames


def no_stack_frames(session, code, wanted):
    foreign, frames = sentence(session, code, wanted)
    equal(frames, [])


def only_own_frames(session, code, wanted):
    foreign, frames = sentence(session, code, wanted)
    equal((foreign, len(frames)), ([], 1))


def a_library_that_fails_says_where(session):
    foreign, frames = sentence(session, 'com.google.gson.JsonParser.parseString("{")', "JsonSyntaxException")
    assert foreign and foreign[0].startswith("    at com.google.gson."), frames
    assert len([f for f in foreign if "Caused by" not in f]) <= 2, frames  # one for each cause


def a_method_without_what_it_calls_is_told_at_once(session):
    outputs = session.run("int twice(int n) { return 2 * onse(n); }")
    contains(outputs.errors, "twice needs method onse(int), and no cell declares it; mend the name")
    no_stack_frames(session, "twice(1)", "twice needs method onse(int)")
    equal(session.run("int onse(int n) { return n; }\ntwice(1)").result["text/plain"], "2")


def a_thread_that_fails_is_told(session):
    code = 'var thread = new Thread(() -> { throw new IllegalStateException("behind"); }, "mine");\n'
    outputs = session.run(code + "thread.start(); thread.join();")
    contains(outputs.errors, 'Thread "mine" ended by java.lang.IllegalStateException: behind', "at cell ")
    assert "java.base" not in outputs.errors, outputs.errors


def a_million_lines_are_cut_and_told(session):
    outputs = session.run('for (int i = 0; i < 1_000_000; i++) System.out.println("line " + i);', timeout=120)
    equal(outputs.reply["status"], "ok")
    contains(outputs.text, "line 0\nline 1\n")
    assert len(outputs.text) < 5 << 20, len(outputs.text)
    contains(outputs.errors, "This cell printed four million characters", "Write so much to a file.")
    equal(session.run('System.out.print("next");').text, "next")


def large_values_are_cut(session):
    text = session.run('"x".repeat(50_000_000)').result["text/plain"]
    contains(text, "… the first 10,000 of 50,000,000 characters")
    assert len(text) < 11_000, len(text)
    table = session.run('Table.create("t", IntColumn.create("x", IntStream.range(0, 1_000_000).toArray()))').result
    contains(table["text/html"], "t: 1,000,000 rows × 1 column, the first 20")
    contains(table["text/plain"], "t: 1,000,000 rows × 1 column, the first 20")


def classes_of_a_cell_show_their_own_names(session):
    text = session.run("class Plain {}\nnew Plain()").result["text/plain"]
    assert text.startswith("Plain@"), text


def the_device_needs_no_import(session):
    equal(session.run("Device.CPU.isGpu()").result["text/plain"], "false")


def completion_knows_where_it_is(session):
    def matches(code):
        return session.client.complete(code, len(code), reply=True, timeout=20)["content"]["matches"]

    for silent in ('String s = "Sc', "// Sc", "/* Sc", '"""\nSc', "'S"):
        equal((silent, matches(silent)), (silent, []))
    for code, wanted in {
        'String s = "a\\"b"; Sc': "Scale",
        "int x = 1; // note\nSc": "Scale",
        "Stream.of(1)\n    .map(n -> n + 1)\n    .fil": "filter(",
        "import static java.lang.Math.ab": "abs",
        "ModelConfig.tiny().with(s -> s.hiddenS": "hiddenSize",
        "%%ti": "%%time",
        "%time Scale.TINY.pre": "pretrain(",
    }.items():
        assert wanted in matches(code), (code, matches(code))


def inspection_knows_where_it_is(session):
    for code, wanted in {
        "%ma|ven a:b:c": "%maven GROUP:ARTIFACT:VERSION",
        "int y = 1;\n%mem|ory": "%memory tells the Java memory in use",
        "%%ti|me\n5": "runs the cell and tells the seconds",
        "import static java.lang.Math.a|bs;": "int Math.abs(int a)",
        "import dev.smalldoge.config.Model|Config;": "The shape of a Doge model",
        "Scale.TINY.pre|train()": "with overrides as Recipe.load takes them",
        "new WarmupStableDecay(|": "double peak, int warmupSteps",
    }.items():
        reply = session.client.inspect(code.replace("|", ""), code.index("|"), reply=True, timeout=20)["content"]
        assert reply["found"], code
        contains(reply["data"]["text/plain"], wanted)


def code_that_ends_the_kernel_is_told_by_the_next(session):
    session.client.execute("Runtime.getRuntime().exit(3)")
    session.manager.provisioner.process.wait(30)
    session.manager.restart_kernel(now=True)
    session.client.wait_for_ready(timeout=60)
    contains(session.run("1").errors, "The kernel before this one ended because code in a cell ended it")


def main():
    session = Session()
    named = [(f"sentence_{i}", no_stack_frames, *pair) for i, pair in enumerate(SENTENCES.items())]
    named += [(f"thrown_{i}", only_own_frames, *pair) for i, pair in enumerate(THROWN.items())]
    named += [
        (check.__name__, check)
        for check in (
            a_library_that_fails_says_where,
            a_method_without_what_it_calls_is_told_at_once,
            a_thread_that_fails_is_told,
            a_million_lines_are_cut_and_told,
            large_values_are_cut,
            classes_of_a_cell_show_their_own_names,
            the_device_needs_no_import,
            completion_knows_where_it_is,
            inspection_knows_where_it_is,
            code_that_ends_the_kernel_is_told_by_the_next,
        )
    ]
    for name, check, *arguments in named:
        if not WANTED or name in WANTED:
            report(name, check, session, *arguments)
    session.manager.shutdown_kernel(now=True)


main()
