#!/usr/bin/env python3
"""Bad input: one clear line that names the file or flag, exit 1 or 2; no signal, no hang, no half-written file."""
import os
import signal
import time

from harness import *

RUNS = (["generate", "-p", "Hello", "-n", "1"], ["chat", "-p", "Hello", "-n", "1"], ["info"], ["bench", "-p", "1", "-n", "0"],
        ["logits", "--ids", "1", "-o", str(TEMP / "never.npy")])


def test_models_that_are_none():
    fifo = TEMP / "fifo"
    os.mkfifo(fifo)
    empty = TEMP / "empty"
    empty.mkdir()
    (TEMP / "garbage.gguf").write_bytes(b"GGUF" + bytes(range(256)))
    (TEMP / "nothing").write_bytes(b"")
    for args in RUNS:
        for path in ("/no/such/model", "/dev/zero", "/dev/null", fifo, empty, TEMP / "garbage.gguf", TEMP / "nothing", "/etc"):
            refuses(osso(*args, "-m", path), 1, str(path))
    assert not list(TEMP.glob("never*"))


def test_tokenizers_that_are_none():
    for verb in ("tokenize", "detokenize", "parse"):
        for path in ("/no/such/model", "/dev/zero", TEMP / "fifo", "/etc"):
            refuses(osso(verb, "-m", path, stdin="1"), 1, str(path))


def test_truncated_and_damaged_models():
    path, _ = tiny()
    whole = pathlib.Path(path, "model.safetensors").read_bytes()
    config = pathlib.Path(path, "config.json").read_bytes()
    bad = TEMP / "bad"
    bad.mkdir()
    (bad / "config.json").write_bytes(config)
    for name, data in {"half": whole[:len(whole) // 2], "header": whole[:20], "length": b"\xff" * 8 + whole[8:],
                       "offsets": whole.replace(b"[0, ", b"[9, ", 1), "dtype": whole.replace(b'"BF16"', b'"BF61"', 1),
                       "name": whole.replace(b"self_attn.sinks", b"self_attn.sinkz")}.items():
        (bad / "model.safetensors").write_bytes(data)
        for args in RUNS:
            result = osso(*args, "-m", bad)
            refuses(result, 1, str(bad))
    (bad / "model.safetensors").write_bytes(whole)
    for name, data in {"half": config[:100], "deep": b"[" * 100000, "type": config.replace(b'"vocab_size": ', b'"vocab_size": -'),
                       "huge": config.replace(b'"hidden_size": 64', b'"hidden_size": 9223372036854775807'),
                       "utf8": config.replace(b"silu", b"s\xffu")}.items():
        (bad / "config.json").write_bytes(data)
        refuses(osso("info", "-m", bad), 1, str(bad))


def test_prompt_longer_than_the_context():
    path, _ = tiny()
    for verb in ("generate", "chat"):
        result = osso(verb, "-m", path, "-c", "64", "-p", "word " * 200)
        refuses(result, 1, "64")


def test_ids_out_of_range():
    path, _ = tiny()
    refuses(osso("logits", "-m", path, "--ids", "1,2,99999", "-o", TEMP / "x.npy"), (1, 2), "99999")
    refuses(osso("logits", "-m", path, "--ids", "1,-2", "-o", TEMP / "x.npy"), 1)
    refuses(osso("logits", "-m", path, "--ids", "/no/such/list", "-o", TEMP / "x.npy"), 1, "/no/such/list")
    refuses(osso("logits", "-m", path, "--ids", "", "-o", TEMP / "x.npy"), 2, "--ids")
    refuses(osso("logits", "-m", path, "-o", TEMP / "x.npy"), 2, "--ids")
    refuses(osso("detokenize", stdin="1 2 300000"), 1, "300000")
    refuses(osso("detokenize", stdin="1 two"), 1, "'two'", "standard input")
    refuses(osso("detokenize", "-p", "99999999999"), 1, "99999999999")
    assert not list(TEMP.glob("x.npy*"))


def test_text_that_is_not_utf8():
    path, _ = tiny()
    for args in (["generate", "-m", path], ["chat", "-m", path], ["tokenize"]):
        refuses(osso(*args, stdin=b"good \xff bad"), 1, "standard input", "UTF-8", "byte 6")
        refuses(osso(*args, "-p", b"good \xc3(".decode("utf-8", "surrogateescape")), 1, "-p", "UTF-8")
    (TEMP / "latin1").write_bytes("für".encode("latin-1"))
    refuses(osso("tokenize", "-f", TEMP / "latin1"), 1, str(TEMP / "latin1"), "UTF-8")


def test_unreadable_files():
    for verb in ("tokenize", "generate", "chat", "detokenize", "parse"):
        refuses(osso(verb, "-m", tiny()[0], "-f", "/no/such/file"), 1, "/no/such/file")
        refuses(osso(verb, "-m", tiny()[0], "-f", "/etc"), 1, "/etc")
    refuses(osso("render", "/no/such/file"), 1, "/no/such/file")
    refuses(osso("tokenize", "-p", "a", "-f", "b"), 2, "-p", "-f")


def test_conversations_that_are_none():
    for text in ("", "{", "[]", '{"messages": 3}', '{"messages":[{"role":"king","content":"x"}]}', "[" * 100000,
                 '{"messages":[{"role":"user"}]}'):
        refuses(osso("render", "-", stdin=text), 1, "standard input")


def test_output_that_cannot_be_written():
    path, _ = tiny()
    refuses(osso("logits", "-m", path, "--ids", "1", "-o", "/no/such/folder/x.npy"), 1, "/no/such/folder/x.npy")
    refuses(osso("logits", "-m", path, "--ids", "1", "-o", TEMP), 1, str(TEMP))
    refuses(osso("synth", "/no/such/folder/out.gguf", "--preset", pathlib.Path(path, "config.json")), 1, "/no/such/folder")


def test_closed_standard_output_is_quiet():
    path, _ = tiny()
    for args in (["tokenize", "-p", "hello"], ["--help"], ["info", path], ["generate", "-m", path, "-p", "Hello", "--temp", "0"],
                 ["chat", "-m", path, "-p", "Hello", "-n", "3"], ["--version"]):
        reader, writer = os.pipe()
        os.close(reader)
        result = subprocess.run([OSSO, *args], stdout=writer, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, timeout=30 * SLOW,
                                env=environment())
        os.close(writer)
        assert result.returncode == 1 and b"write" not in result.stderr, (args, result)
    result = subprocess.run(["sh", "-c", f"'{OSSO}' tokenize -p hello >&-"], stderr=subprocess.PIPE, env=environment())
    assert result.returncode == 1 and result.stderr == b"", result


def test_full_disk_is_an_error():
    if not pathlib.Path("/dev/full").exists():
        raise Skip("there is no /dev/full here")
    with open("/dev/full", "wb") as full:
        result = subprocess.run([OSSO, "tokenize", "-p", "hello"], stdout=full, stderr=subprocess.PIPE, env=environment())
    assert result.returncode == 1 and b"osso: cannot write standard output" in result.stderr, result


def test_model_cut_short_while_in_use():
    path, ids = tiny()
    copy = TEMP / "cut"
    subprocess.run(["cp", "-r", path, str(copy)], check=True)
    process = subprocess.Popen([OSSO, "generate", "-m", str(copy), "-p", "Loop", "-c", "0", "--temp", "0"], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, env=environment())
    process.stdout.read(40)
    os.truncate(copy / "model.safetensors", 100)
    try:
        out, err = process.communicate(timeout=60 * SLOW)
    finally:
        process.kill()
    assert process.returncode == 1 and b"osso: " in err and b"cut" in err and err.count(b"\n") == 1, (process.returncode, err)


def test_interrupted_writing_leaves_nothing():
    path, _ = tiny()
    out = TEMP / "long.npy"
    ids = TEMP / "ids"
    ids.write_text(",".join(["1"] * 100000))
    process = subprocess.Popen([OSSO, "logits", "-m", path, "--exact", "--isa", "scalar", "--ids", str(ids), "-o", str(out)],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, env=environment())
    for _ in range(200 * SLOW):
        if list(TEMP.glob("long.npy.tmp*")):
            break
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60 * SLOW)
    assert process.returncode == 130 and not list(TEMP.glob("long.npy*")), (process.returncode, list(TEMP.glob("long*")))


def test_memory_that_is_not_there():
    path, _ = tiny()
    result = osso("generate", "-m", path, "-p", "Hello", "-n", "1", "-c", "131073")
    assert result.code in (1, 2) and result.complaint.count("\n") == 1, result


def test_control_characters_stay_out_of_messages():
    result = osso("info", "no\033[31m\nsuch")
    assert result.code == 1 and b"\033" not in result.err and result.err.count(b"\n") == 1, result


if __name__ == "__main__":
    main(sys.modules[__name__])
