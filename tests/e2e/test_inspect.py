#!/usr/bin/env python3
"""osso inspect: files that hold what was said, to the byte; the same values whatever way they came; and what is refused."""
import array
import math
import re
import signal
import struct
import subprocess
import time
import zipfile

from harness import *

TEXT = "Once upon a time there was a cat, and the cat had a hat. The hat was red and the cat was proud of it."
SIZES = {"F32": 4, "I32": 4, "F16": 2, "BF16": 2}


def unpack(dtype, data):
    if dtype in ("F32", "I32"):
        values = array.array("f" if dtype == "F32" else "i")
        values.frombytes(data)
        return values
    if dtype == "F16":
        return array.array("f", struct.unpack(f"<{len(data) // 2}e", data))
    return array.array("f", struct.unpack(f"<{len(data) // 2}f", b"".join(b"\0\0" + data[i:i + 2] for i in range(0, len(data), 2))))


def safetensors(path):
    """({name: (shape, dtype, values)}, metadata); every byte belongs to a tensor."""
    data = pathlib.Path(path).read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    header, at, tensors = json.loads(data[8:8 + size]), 0, {}
    metadata = header.pop("__metadata__")
    for name, t in header.items():
        begin, end = t["data_offsets"]
        assert begin == at and end - begin == math.prod(t["shape"]) * SIZES[t["dtype"]], (name, t, at)
        tensors[name] = t["shape"], t["dtype"], unpack(t["dtype"], data[8 + size + begin:8 + size + end])
        at = end
    assert len(data) == 8 + size + at and (8 + size) % 8 == 0
    return tensors, metadata


def npz(path):
    tensors = {}
    with zipfile.ZipFile(path) as z:
        assert z.testzip() is None
        metadata = json.loads(z.read("metadata.json"))
        for name in z.namelist():
            if not name.endswith(".npy"):
                continue
            data = z.read(name)
            assert data[:8] == b"\x93NUMPY\x01\x00"
            size = 10 + data[8] + 256 * data[9]
            header = eval(data[10:size].decode())  # a literal, as the format says
            dtype = {"<f4": "F32", "<i4": "I32", "<f2": "F16"}[header["descr"]]
            assert size % 64 == 0 and header["fortran_order"] is False
            tensors[name[:-4]] = list(header["shape"]), dtype, unpack(dtype, data[size:])
    return tensors, metadata


def capture(name, *args, read=safetensors, **more):
    path = TEMP / name
    result = osso("inspect", "capture", "-m", bundled(), "-o", path, *args, **more)
    assert result.code == 0, result
    said = re.search(r"(at most )?(\d+) bytes", result.complaint)
    assert said, result
    if not said[1]:
        assert path.stat().st_size == int(said[2]), (path.stat().st_size, result)
    else:
        assert path.stat().st_size <= int(said[2]), (path.stat().st_size, result)
    return read(path)


def rows(tensor):
    """Values of each row; of attention's tensors rows are the second axis."""
    shape, _, values = tensor
    width = math.prod(shape[1:])
    return [values[i * width:(i + 1) * width] for i in range(shape[0])]


def dims():
    return json.loads(osso("info", bundled(), "--json").text)["architecture"]


HOOKS = ["hook_embed", "blocks.*.hook_resid_post", "blocks.1.attn.*", "blocks.2.mlp.*", "blocks.2.mlp.experts.*.hook_out", "ln_final.*",
         "unembed.hook_out", "model.layers.3.self_attn.q_proj"]


def test_hooks_are_listed():
    listed = json.loads(osso("inspect", "hooks", "-m", bundled(), "--json").text)
    names = [hook["name"] for hook in listed]
    assert len(set(names)) == len(names) and "blocks.0.hook_resid_pre" in names and "lm_head" in names
    a = dims()
    every = json.loads(osso("inspect", "hooks", "-m", bundled(), "--json", "*").text)
    assert len([h for h in every if h["name"].endswith("hook_resid_post")]) == a["layers"]
    z = next(h for h in listed if h["name"] == "blocks.0.attn.hook_z")
    assert z["shape"] == ["pos", a["heads"], a["head_dim"]] and z["replaceable"] and z["bytes_per_token"] == 4 * a["heads"] * a["head_dim"]
    assert not next(h for h in listed if h["name"] == "blocks.0.attn.hook_result")["replaceable"]
    few = osso("inspect", "hooks", "-m", bundled(), "blocks.1-2.attn.hook_z", "--heads", "1").text.splitlines()
    assert [line.split()[0] for line in few] == ["blocks.1.attn.hook_z", "blocks.2.attn.hook_z"] and "(pos, 1," in few[0]


def test_the_same_in_any_way():
    ids = osso("tokenize", "-m", bundled(), "-p", TEXT).text.split()
    want, metadata = capture("a.safetensors", "-p", TEXT, *HOOKS)
    assert json.loads(metadata["ids"]) == [int(i) for i in ids] and json.loads(metadata["lengths"]) == [len(ids)]
    assert "".join(json.loads(metadata["tokens"])) == TEXT and metadata["precision"] == "fast"
    first = (TEMP / "a.safetensors").read_bytes()
    for threads in ("1", "5"):
        capture("b.safetensors", "-p", TEXT, "-t", threads, *HOOKS)
        assert (TEMP / "b.safetensors").read_bytes() == first, threads
    assert capture("a.npz", "--ids", ",".join(ids), *HOOKS, read=npz)[0] == want
    exact, metadata = capture("e.safetensors", "-p", TEXT, "--exact", *HOOKS)
    assert metadata["precision"] == "exact" and exact.keys() == want.keys()
    assert exact["blocks.3.hook_resid_post"] != want["blocks.3.hook_resid_post"]


def test_parts_are_parts_of_the_whole():
    n = len(osso("tokenize", "-m", bundled(), "-p", TEXT).text.split())
    hooks = ["blocks.*.hook_resid_post", "blocks.1.attn.hook_z", "blocks.1.attn.hook_pattern", "unembed.hook_out", "blocks.2.mlp.experts.hook_act"]
    whole, _ = capture("whole.safetensors", "-p", TEXT, *hooks)
    few, metadata = capture("few.safetensors", "-p", TEXT, "--positions", "2-4,-1", "--layers", "1-2", "--heads", "0,3", *hooks)
    at = [2, 3, 4, n - 1]
    assert json.loads(metadata["positions"]) == at
    assert sorted(few) == sorted(name for name in whole if name[:8] in ("blocks.1", "blocks.2", "unembed."))
    for name in ("blocks.1.hook_resid_post", "unembed.hook_out", "blocks.2.mlp.experts.hook_act"):
        assert rows(few[name]) == [rows(whole[name])[p] for p in at], name
    heads, d = whole["blocks.1.attn.hook_z"][0][1:]
    for row, p in zip(rows(few["blocks.1.attn.hook_z"]), at):
        all_heads = rows(whole["blocks.1.attn.hook_z"])[p]
        assert row == all_heads[:d] + all_heads[3 * d:4 * d]
    shape, _, pattern = few["blocks.1.attn.hook_pattern"]
    assert shape == [2, 4, n]
    for i, head in enumerate((0, 3)):
        for r, p in enumerate(at):
            assert pattern[(i * 4 + r) * n:(i * 4 + r + 1) * n] == whole["blocks.1.attn.hook_pattern"][2][(head * n + p) * n:(head * n + p + 1) * n]


def test_types_and_the_largest_values():
    hooks = ["blocks.2.hook_resid_post", "blocks.2.mlp.hook_expert_indices", "unembed.hook_out"]
    whole, _ = capture("f32.safetensors", "-p", TEXT, *hooks)
    for dtype, most in (("f16", 2 ** -10), ("bf16", 2 ** -7)):
        short, _ = capture("short.safetensors", "-p", TEXT, "--dtype", dtype, *hooks)
        assert short[hooks[1]] == whole[hooks[1]] and short[hooks[0]][1] == dtype.upper()
        assert all(abs(a - b) <= most * abs(b) + 1e-6 for a, b in zip(short[hooks[0]][2], whole[hooks[0]][2]))
    top, _ = capture("top.safetensors", "-p", TEXT, "--top", "7", *hooks)
    places = rows(top["unembed.hook_out.indices"])
    for row, value, place in zip(rows(whole["unembed.hook_out"]), rows(top["unembed.hook_out"]), places):
        assert list(place) == sorted(range(len(row)), key=lambda i: (-row[i], i))[:7]
        assert list(value) == [row[i] for i in place]


def test_many_texts_and_generated_tokens():
    texts = [TEXT, "A dog.", "The end of the story is here"]
    data = TEMP / "texts.jsonl"
    data.write_text("".join(json.dumps(t if i else {"text": t}) + "\n" for i, t in enumerate(texts)) + " \n  ")
    hooks = ["blocks.*.hook_resid_post", "blocks.2.mlp.experts.1.hook_out", "blocks.1.attn.hook_sink"]
    many, metadata = capture("many.safetensors", "--data", data, *hooks)
    lengths, base = json.loads(metadata["lengths"]), 0
    assert sum(lengths) == many["blocks.0.hook_resid_post"][0][0]
    routed, places = [], []
    for text, n in zip(texts, lengths):
        alone, _ = capture("alone.safetensors", "-p", text, *hooks)
        for name in (name for name in alone if "resid_post" in name):
            assert rows(many[name])[base:base + n] == rows(alone[name]), (name, text)
        routed += rows(alone["blocks.2.mlp.experts.1.hook_out"])
        places += [base + row for row in alone["blocks.2.mlp.experts.1.hook_out.rows"][2]]
        base += n
    assert rows(many["blocks.2.mlp.experts.1.hook_out"]) == routed and list(many["blocks.2.mlp.experts.1.hook_out.rows"][2]) == places
    names = ["blocks.1.attn.hook_pattern", "blocks.1.attn.hook_attn_scores"]
    two, _ = capture("two.safetensors", "--data", data, "--heads", "0,1", *names)
    one, _ = capture("one.safetensors", "--data", data, "--heads", "1", *names)
    for name in names:
        assert one[name][2] == two[name][2][len(one[name][2]):], f"{name}: one head alone, in texts of several lengths"
    more, metadata = capture("more.safetensors", "-p", "Once upon a", "-n", "6", *hooks, "unembed.hook_out")
    ids = json.loads(metadata["ids"])
    again, _ = capture("again.safetensors", "--ids", ",".join(map(str, ids)), *hooks, "unembed.hook_out")
    assert len(ids) > 3 and all(more[name] == again[name] for name in more), "generated rows are those of the text as a whole"
    for row, next_id in list(zip(rows(more["unembed.hook_out"]), ids[1:]))[2:]:
        assert max(range(len(row)), key=row.__getitem__) == next_id
    chat = capture("chat.safetensors", "-p", "Hi", "--chat", "hook_embed")[1]
    assert "<|start|>" in json.loads(chat["tokens"])


def held(*args):
    """(the most of RssAnon while osso ran, in bytes; the memory that it said it would take)"""
    run = subprocess.Popen([OSSO, "inspect", "capture", "-m", bundled(), "-o", str(TEMP / "held.safetensors"), "--json", "-t", "2", *map(str, args)],
                           stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment())
    most = 0
    while run.poll() is None:
        try:
            found = re.search(r"RssAnon:\s+(\d+) kB", pathlib.Path(f"/proc/{run.pid}/status").read_text())
        except OSError:
            found = None
        most = max(most, int(found[1]) * 1024 if found else 0)
        time.sleep(0.002)
    assert run.returncode == 0
    return most, json.loads(run.stdout.read())["memory_bytes"]


def test_memory_is_what_was_said():
    ids = ",".join(str(i * 37 % 4000) for i in range(2000))
    if os.environ.get("OSSO_VARIANT", "release") != "release" or not re.search("RssAnon", pathlib.Path("/proc/self/status").read_text()):
        raise Skip("a sanitizer has its own memory, or this system does not say what a process holds")
    largest = 0
    for hooks in (["blocks.*.hook_resid_post"], ["blocks.*.attn.hook_pattern", "--dtype", "f16"], ["unembed.hook_out"]):
        most, said = held("--ids", ids, *hooks)
        for _ in range(2):  # a busy machine may let the end pass unseen; what is too much is seen at once
            most = max(most, held("--ids", ids, *hooks)[0]) if most < said * 0.95 - (8 << 20) else most
        assert abs(most - said) <= max(said * 0.05, 8 << 20), (hooks, most, said)
        largest = max(largest, most)
    assert largest > 24 << 20  # else no difference would be noticed


def test_what_is_refused():
    out = TEMP / "never.safetensors"
    def refuse(code, word, *args, **more):
        refuses(osso("inspect", "capture", "-m", bundled(), "-o", out, *args, **more), code, word)
    refuse(2, "blocks.1.hook_resid_post", "-p", "x", "blocks.1.hook_resid_pots")
    refuse(2, "layers 0 to", "-p", "x", "blocks.99.hook_resid_post")
    refuse(2, "layers 0 to", "-p", "x", "--layers", "99", "blocks.1.hook_resid_post")
    refuse(2, "heads 0 to", "-p", "x", "--heads", "99", "blocks.1.attn.hook_z")
    refuse(2, "experts 0 to", "-p", "x", "blocks.1.mlp.experts.99.hook_out")
    refuse(2, "position 7", "-p", "Once upon", "--positions", "7", "hook_embed")
    refuse(2, "position -3", "-p", "Once upon", "--positions=-3", "hook_embed")
    refuse(2, "--positions", "-p", "x", "--positions", "a-b", "hook_embed")
    refuse(2, "empty", "-p", "", "hook_embed")
    refuse(2, "id 999999", "--ids", "1,999999", "hook_embed")
    refuse(2, "exclude", "-p", "x", "--ids", "1", "hook_embed")
    refuse(1, "--max-bytes", "-p", TEXT, "--max-bytes", "1000", "hook_embed")
    refuse(1, "context", "-p", TEXT, "-c", "8", "hook_embed")
    (TEMP / "bad.jsonl").write_text('{"text": "x"}\n{"txt": 1}\n')
    refuse(1, "line 2", "--data", TEMP / "bad.jsonl", "hook_embed")
    (TEMP / "none.jsonl").write_text("\n\n")
    refuse(2, "no text", "--data", TEMP / "none.jsonl", "hook_embed")
    assert not out.exists()
    refuses(osso("inspect", "capture", "-m", bundled(), "-p", "x", "hook_embed"), 2, "-o")
    refuses(osso("inspect", "capture", "-m", bundled(), "-o", TEMP / "x.npz", "--dtype", "bf16", "-p", "x", "hook_embed"), 1, "bf16")
    result = osso("inspect", "capture", "-m", bundled(), "-o", TEMP / "no/such/folder.npz", "-p", "x", "hook_embed")
    assert result.code == 1 and "folder.npz" in result.complaint, result


def test_interrupted():
    """Whatever moment Ctrl-C comes at: no file, or one of whole rows, which are the first of the undisturbed run's."""
    data = TEMP / "long.jsonl"
    data.write_text("".join(json.dumps(f"{i} " + TEXT * 3) + "\n" for i in range(30)))
    hooks = ["blocks.*.hook_resid_post", "blocks.0.mlp.experts.1.hook_out", "blocks.0.attn.hook_sink"]
    whole, _ = capture("long.safetensors", "--data", data, *hooks)
    for name, read in (("cut.safetensors", safetensors), ("cut.npz", npz)):
        path = TEMP / name
        run = subprocess.Popen([OSSO, "inspect", "capture", "-m", bundled(), "-o", str(path), "--data", str(data), *hooks],
                               stderr=subprocess.PIPE, env=environment())
        assert any(line.startswith(b"osso: ") for line in iter(run.stderr.readline, b""))  # the size was said: from here on it writes
        time.sleep(0.05)
        run.send_signal(signal.SIGINT)
        complaint = run.stderr.read()
        code = run.wait(60 * SLOW)
        assert code in (0, 130), (code, complaint)
        if code == 130 and path.exists():
            part, metadata = read(path)
            n = sum(json.loads(metadata["lengths"]))
            assert n <= whole["blocks.0.hook_resid_post"][0][0]
            assert rows(part["blocks.3.hook_resid_post"]) == rows(whole["blocks.3.hook_resid_post"])[:n]
            all_rows = whole["blocks.0.attn.hook_sink"][0][1]
            for h in range(part["blocks.0.attn.hook_sink"][0][0]):
                assert part["blocks.0.attn.hook_sink"][2][h * n:(h + 1) * n] == whole["blocks.0.attn.hook_sink"][2][h * all_rows:h * all_rows + n]
            routed = sum(row < n for row in whole["blocks.0.mlp.experts.1.hook_out.rows"][2])
            assert rows(part["blocks.0.mlp.experts.1.hook_out"]) == rows(whole["blocks.0.mlp.experts.1.hook_out"])[:routed]
        assert not [p for p in TEMP.iterdir() if p.name.startswith(name + ".")], "a temporary file was left"


if __name__ == "__main__":
    main(sys.modules[__name__])
