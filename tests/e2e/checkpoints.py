"""A small checkpoint of random weights in both forms, taken apart so that a test can spoil one thing of it and put it
together again."""
import json
import shutil
import struct

from harness import TEMP, osso, tiny

IDS = [7, 30, 99, 64, 5, 250, 31, 8, 120, 77, 9, 201, 15, 16, 3, 88, 40, 62, 111, 19, 2, 54]  # longer than the window
SHARDS = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")
INDEX = "model.safetensors.index.json"
_base = {}


# ---- safetensors: {name: (dtype, shape, bytes)} ----------------------------------------------------------------


def read_safetensors(data):
    n = struct.unpack_from("<Q", data)[0]
    header = json.loads(data[8:8 + n])
    header.pop("__metadata__", None)
    return {name: (t["dtype"], t["shape"], data[8 + n + t["data_offsets"][0]:8 + n + t["data_offsets"][1]]) for name, t in header.items()}


def safetensors(tensors):
    header, blob = {}, b""
    for name, (dtype, shape, data) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(blob), len(blob) + len(data)]}
        blob += data
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + blob


def bf16(*values):
    return b"".join(struct.pack("<f", v)[2:] for v in values)


def ones(*shape, dtype="BF16", value=1.0):
    n = 1
    for d in shape:
        n *= d
    return (dtype, list(shape), bf16(value) * n if dtype == "BF16" else struct.pack("<f", value) * n if dtype == "F32" else b"\1" * n)


# ---- GGUF: {key: (type, packed value)}, {name: [dims fastest first, type, bytes]} ------------------------------

WIDTH = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
U32, I32, F32, STRING, ARRAY = 4, 5, 6, 8, 9


def text(s):
    s = s.encode() if isinstance(s, str) else s
    return struct.pack("<Q", len(s)) + s


def u32(value):
    return (U32, struct.pack("<I", value))


def string(s):
    return (STRING, text(s))


def strings(items):
    return (ARRAY, struct.pack("<IQ", STRING, len(items)) + b"".join(map(text, items)))


def numbers(items):
    return (ARRAY, struct.pack(f"<IQ{len(items)}i", I32, len(items), *items))


def read_gguf(data):
    number = lambda form, at: struct.unpack_from("<" + form, data, at)[0]
    at, keys, tensors = 24, {}, {}

    def word(at):
        n = number("Q", at)
        return data[at + 8:at + 8 + n].decode(), at + 8 + n

    def end(kind, at):
        if kind == STRING:
            return at + 8 + number("Q", at)
        if kind != ARRAY:
            return at + WIDTH[kind]
        inner, n, at = number("I", at), number("Q", at + 4), at + 12
        for _ in range(n):
            at = end(inner, at)
        return at

    for _ in range(number("Q", 16)):
        name, at = word(at)
        kind = number("I", at)
        stop = end(kind, at + 4)
        keys[name], at = (kind, data[at + 4:stop]), stop
    infos = []
    for _ in range(number("Q", 8)):
        name, at = word(at)
        rank = number("I", at)
        dims = list(struct.unpack_from(f"<{rank}Q", data, at + 4))
        kind, off = struct.unpack_from("<IQ", data, at + 4 + 8 * rank)
        infos.append((name, dims, kind, off))
        at += 16 + 8 * rank
    begin, offs = (at + 31) // 32 * 32, [i[3] for i in infos] + [len(data)]
    for i, (name, dims, kind, off) in enumerate(infos):
        size = {0: (1, 4), 1: (1, 2), 8: (32, 34), 30: (1, 2), 39: (32, 17)}[kind]
        n = size[1]
        for d in dims:
            n *= d
        tensors[name] = [dims, kind, data[begin + off:begin + off + n // size[0]]]
    return keys, tensors


def gguf(keys, tensors):
    out = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(keys))
    for name, (kind, value) in keys.items():
        out += text(name) + struct.pack("<I", kind) + value
    blob = b""
    for name, (dims, kind, data) in tensors.items():
        out += text(name) + struct.pack(f"<I{len(dims)}QIQ", len(dims), *dims, kind, len(blob))
        blob += data + b"\0" * (-len(data) % 32)
    return out + b"\0" * (-len(out) % 32) + blob


# ---- the checkpoint that is spoilt -----------------------------------------------------------------------------


def base(form):
    """(path, logits) of the whole one."""
    if form not in _base:
        tokens, _ = tiny()
        vocab = json.loads(open(f"{tokens}/config.json").read())["vocab_size"]
        shapes = TEMP / "checkpoints.json"
        shapes.write_text(json.dumps(dict(
            model_type="gpt_oss", num_hidden_layers=2, hidden_size=64, intermediate_size=64, vocab_size=vocab, sliding_window=8,
            num_attention_heads=4, num_key_value_heads=2, head_dim=32, num_local_experts=4, num_experts_per_tok=2,
            rope_theta=150000.0, max_position_embeddings=8192,
            rope_scaling=dict(rope_type="yarn", factor=32.0, beta_fast=32.0, beta_slow=1.0, truncate=False,
                              original_max_position_embeddings=4096))))
        out = TEMP / f"whole-{form}{'.gguf' if form == 'gguf' else ''}"
        made = osso("synth", out, "--format", form, "--preset", shapes, "--tokenizer", tokens, "--seed", "5")
        assert made.code == 0, made
        result, row = logits(out)
        assert result.code == 0 and not result.complaint, result
        _base[form] = (out, row)
    return _base[form]


def logits(path, *more):
    """(what osso says, the bytes of its logits); exact, so that equal models give equal bytes."""
    out = TEMP / "row.npy"
    out.unlink(missing_ok=True)
    result = osso("logits", "-m", path, "--ids", ",".join(map(str, IDS)), "-o", out, "--exact", *more)
    return result, out.read_bytes() if out.exists() else None


class Folder:
    """A copy of the whole Hugging Face folder: change .config, .tensors, .files, then put()."""

    def __init__(self):
        whole = base("hf")[0]
        self.config = json.loads((whole / "config.json").read_text())
        self.tensors = read_safetensors((whole / "model.safetensors").read_bytes())
        self.files = {p.name: p.read_bytes() for p in whole.iterdir() if p.name not in ("config.json", "model.safetensors")}

    def shards(self, index=True):
        """Two of them instead of one file; returns the map."""
        names = list(self.tensors)
        where = {name: SHARDS[i >= len(names) // 2] for i, name in enumerate(names)}
        for shard in SHARDS:
            self.files[shard] = safetensors({n: t for n, t in self.tensors.items() if where[n] == shard})
        self.tensors = None
        self.index(where)
        return where

    def index(self, where):
        self.files[INDEX] = json.dumps({"metadata": {}, "weight_map": where}).encode()

    def put(self, name):
        path = TEMP / "spoilt" / name
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir(parents=True)
        if self.config is not None:
            self.files["config.json"] = json.dumps(self.config).encode()
        if self.tensors is not None:
            self.files["model.safetensors"] = safetensors(self.tensors)
        for file, data in self.files.items():
            if data is not None:
                (path / file).parent.mkdir(parents=True, exist_ok=True)
                (path / file).write_bytes(data)
        return path


class File:
    """The same as one GGUF file: change .keys and .tensors, or .data when it is put together."""

    def __init__(self):
        self.keys, self.tensors = read_gguf(base("gguf")[0].read_bytes())
        self.change = lambda data: data

    def put(self, name):
        path = TEMP / "spoilt" / f"{name}.gguf"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(self.change(gguf(self.keys, self.tensors)))
        return path
