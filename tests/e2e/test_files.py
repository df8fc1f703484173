#!/usr/bin/env python3
"""Checkpoints with one thing wrong in them, as the field has seen them: each row is a way to spoil a whole one and what
must come of it. SAME: it runs, with the logits of the whole one and these words in a warning (none: nothing is said).
REFUSED: exit 1, nothing written, one sentence with these words. What changes the numbers is refused, what does not is a
warning."""
from checkpoints import *
from harness import *
import math
import re

SAME, REFUSED = "same", "refused"
# name: (a function that spoils a Folder, or one whose name begins with gguf a File; SAME or REFUSED; words; more flags)
ROWS = {}


def row(verdict, *words, flags=()):
    def keep(spoil):
        assert spoil.__name__ not in ROWS, spoil.__name__
        ROWS[spoil.__name__] = (spoil, verdict, words, flags)
        return spoil
    return keep


def rows(verdict, *words, **cases):
    """Many of one kind: name=function."""
    for name, spoil in cases.items():
        assert name not in ROWS, name
        ROWS[name] = (spoil, verdict, words, ())


def also(name, *tensor, file="model.safetensors"):
    return lambda m: m.tensors.__setitem__(name, tensor if len(tensor) == 3 else tensor[0])


def config(**changes):
    def spoil(m):
        for key, value in changes.items():
            m.config.pop(key, None) if value is DROP else m.config.__setitem__(key, value)
    return spoil


def file(name, data):
    return lambda m: m.files.__setitem__(name, data)


def becomes(name, data):
    """A file of the checkpoint that holds something else."""
    def spoil(m):
        if name in (SHARDS[1], INDEX):
            m.shards()
        m.files[name] = data
        m.config = None if name == "config.json" else m.config
        m.tensors = None if name == "model.safetensors" else m.tensors
    return spoil


def change(to):
    """What becomes of the bytes of a GGUF file."""
    return lambda m: setattr(m, "change", to)


def key(name, value):
    return lambda m: m.keys.__setitem__(name, value)


def bare(spoil):
    """The same without a config.json."""
    return lambda m: (spoil(m), setattr(m, "config", None))


DROP = object()
L0 = "model.layers.0."
HALF = ["sliding_attention"]

# ---- tensors that nobody reads ---------------------------------------------------------------------------------

rows(REFUSED, "unused tensors", "layers that the configuration does not count", "--ignore-unused",
     fewer_layers=config(num_hidden_layers=1, layer_types=HALF),
     one_tensor_of_another_layer=also("model.layers.2.self_attn.q_proj.bias", *ones(64)),
     a_far_layer=also("model.layers.61.mlp.router.weight", *ones(4, 64)))
rows(REFUSED, "unused tensors", "LoRA weights",
     lora=also(L0 + "self_attn.q_proj.lora_A.weight", *ones(4, 64)),
     lora_named=also(L0 + "self_attn.v_proj.lora_B.default.weight", *ones(64, 4)),
     lora_embedding=also("model.embed_tokens.lora_embedding_A", *ones(4, 64)),
     dora=also(L0 + "self_attn.k_proj.lora_magnitude_vector", *ones(64)))
rows(REFUSED, "unused tensors", "norms that gpt-oss does not have",
     q_norm=also(L0 + "self_attn.q_norm.weight", *ones(32)),
     k_norm_of_one=also(L0 + "self_attn.k_norm.weight", *ones(1)),
     sandwich=also("model.layers.1.post_feedforward_layernorm.weight", *ones(64)))
rows(REFUSED, "unused tensors", "scales of quantized weights",
     weight_scale=also(L0 + "self_attn.q_proj.weight_scale", *ones(64, 1)),
     scalar_scale=also(L0 + "self_attn.q_proj.input_scale", "F32", [], struct.pack("<f", 0.5)),
     scale_inv=also(L0 + "self_attn.o_proj.weight_scale_inv", *ones(1, 1, dtype="F32")),
     zeros=also(L0 + "self_attn.o_proj.qzeros", *ones(8, dtype="U8")))
rows(REFUSED, "unused tensors", "no part of gpt-oss that osso knows",
     shared_expert=also(L0 + "mlp.shared_expert.up_proj.weight", *ones(64, 64)),
     bias_of_the_head=also("lm_head.bias", *ones(8)),
     gate=also("model.layers.1.self_attn.g_proj.weight", *ones(2, 64)))
rows(SAME, "unused tensors", "rotary tables",
     inv_freq=also(L0 + "self_attn.rotary_emb.inv_freq", *ones(16, dtype="F32")),
     inv_freq_of_the_model=also("model.rotary_emb.inv_freq", *ones(16)),
     original_inv_freq=also("model.rotary_emb.original_inv_freq", *ones(16, dtype="F32")))
rows(SAME, "unused tensors", "KV cache",
     cache_scale=also(L0 + "self_attn.k_scale", "F32", [], struct.pack("<f", 1)),
     cache_scale_below=also(L0 + "self_attn.attn.v_scale", *ones(1, dtype="F32")),
     cache_scales_of_heads=also("model.layers.1.self_attn.k_proj.k_scale", *ones(2)))
rows(SAME, "unused tensors", "empty or single values",
     empty=also("a.empty", "F32", [0], b""),
     empty_matrix=also(L0 + "self_attn.extra", "BF16", [0, 64], b""),
     scalar=also("steps", "F32", [], struct.pack("<f", 3)),
     one_value=also(L0 + "mlp.extra", *ones(1)),
     one_value_of_rank_3=also("model.extra", *ones(1, 1, 1, dtype="F32")))
rows(SAME, "unused tensors", "another task",
     score=also("score.weight", *ones(2, 64)),
     value_head=also("v_head.summary.weight", *ones(1, 64)),
     classifier=also("classifier.dense.weight", *ones(4, 64)),
     medusa=also("medusa_head.0.0.linear.weight", *ones(64, 64)))


@row(SAME, "unused tensors", "MTP")
def mtp_as_another_layer(m):
    m.tensors["model.layers.2.eh_proj.weight"] = ones(64, 128)
    for name, t in list(m.tensors.items()):
        if name.startswith("model.layers.1."):
            m.tensors[name.replace(".1.", ".2.")] = t


rows(SAME, "unused tensors", "MTP", mtp=also("mtp.layers.0.input_layernorm.weight", *ones(64)),
     mtp_below_the_model=also("model.mtp.fc.weight", *ones(64, 128)),
     nextn=also("model.layers.2.nextn.shared_head.norm.weight", *ones(64)))


@row(REFUSED, "unused tensors", "layers that the configuration does not count")
def another_layer_beside_mtp(m):
    m.tensors["model.layers.2.eh_proj.weight"] = ones(64, 128)
    m.tensors["model.layers.3.self_attn.sinks"] = ones(4)


rows(REFUSED, "unused tensors",
     gguf_fewer_layers=key("gpt-oss.block_count", u32(1)),
     gguf_norm=lambda m: m.tensors.__setitem__("blk.0.attn_q_norm.weight", [[32], 0, struct.pack("<f", 2) * 32]),
     gguf_scale=lambda m: m.tensors.__setitem__("blk.1.ffn_gate_exps.scale", [[4], 0, struct.pack("<f", 2) * 4]),
     gguf_rope_factors=lambda m: m.tensors.__setitem__("rope_freqs.weight", [[16], 0, struct.pack("<f", 2) * 16]))
rows(SAME, "unused tensors",
     gguf_rope_ones=lambda m: m.tensors.__setitem__("rope_freqs.weight", [[16], 0, struct.pack("<f", 1) * 16]),
     gguf_mtp=lambda m: m.tensors.__setitem__("blk.2.nextn.eh_proj.weight", [[128, 64], 0, bytes(4 * 128 * 64)]),
     gguf_value=lambda m: m.tensors.__setitem__("blk.0.extra", [[1], 0, bytes(4)]))

# ---- which files are the model ---------------------------------------------------------------------------------


@row(SAME, "is read; the index beside it", "ignored")
def other_shards_beside(m):
    whole = dict(m.tensors)
    m.tensors["lm_head.weight"] = ones(*whole["lm_head.weight"][1])
    m.shards()
    m.tensors = whole


rows(SAME, "is read; the index beside it", "ignored",
     a_stale_index=lambda m: m.index({n: "model-00001-of-00030.safetensors" for n in m.tensors}),
     an_index_that_is_broken=file(INDEX, b'{"weight_map": {'),
     an_index_of_one_file_more=lambda m: m.index({n: "model.safetensors" for n in m.tensors} | {"x": SHARDS[0]}),
     an_index_that_is_empty=file(INDEX, b""))
rows(SAME, an_index_of_the_one_file=lambda m: m.index({n: "model.safetensors" for n in m.tensors}),
     an_index_of_part_of_it=lambda m: m.index({"lm_head.weight": "model.safetensors"}),
     an_index_and_nothing_else=lambda m: (m.index({n: "weights.safetensors" for n in m.tensors}),
                                          m.files.__setitem__("weights.safetensors", safetensors(m.tensors)),
                                          setattr(m, "tensors", None)),
     shards=lambda m: m.shards(),
     shards_and_strangers=lambda m: (m.shards(), m.files.__setitem__("notes.txt", b"x"), m.files.__setitem__("extra.safetensors", b"x")))


def overlay(where_first, *names):
    """The first shard holds other values of these, a file of its own the right ones."""
    def spoil(m):
        right = {n: m.tensors[n] for n in names}
        for n in names:
            m.tensors[n] = ones(*m.tensors[n][1])
        where = m.shards()
        m.files["model-overlay.safetensors"] = safetensors(right)
        m.index({**where, **{n: "model-overlay.safetensors" for n in names}} if where_first
                else {**{n: "model-overlay.safetensors" for n in names}, **{n: f for n, f in where.items() if n not in names}})
    return spoil


rows(SAME, "in two files", overlay_of_the_head=overlay(True, "lm_head.weight"),
     overlay_of_many=overlay(True, "lm_head.weight", L0 + "self_attn.q_proj.weight", "model.norm.weight"),
     overlay_named_first=overlay(False, "model.embed_tokens.weight"))


@row(SAME, "in two files")
def the_same_twice(m):
    norm = m.tensors["model.norm.weight"]
    m.shards()
    for shard in SHARDS:
        m.files[shard] = safetensors(read_safetensors(m.files[shard]) | {"model.norm.weight": norm})


@row(SAME, "no file holds", "inv_freq")
def an_entry_that_nobody_needs(m):
    m.index(m.shards() | {L0 + "self_attn.rotary_emb.inv_freq": SHARDS[0]})


@row(REFUSED, "is not in", "lm_head.weight")
def an_entry_of_the_wrong_file(m):
    where = m.shards()
    other = next(s for s in SHARDS if s != where["lm_head.weight"])
    m.index(where | {"lm_head.weight": other})


@row(REFUSED, "tensor lm_head.weight is missing")
def an_entry_that_is_needed(m):
    head = m.tensors.pop("lm_head.weight")
    m.index(m.shards() | {"lm_head.weight": SHARDS[1]})


# ---- the configuration -----------------------------------------------------------------------------------------


def rope(outside=None, **changes):
    def spoil(m):
        config(**(outside or {}))(m)
        for key, value in changes.items():
            m.config["rope_scaling"].pop(key, None) if value is DROP else m.config["rope_scaling"].__setitem__(key, value)
    return spoil


def parameters(m):
    m.config["rope_parameters"] = m.config.pop("rope_scaling") | {"rope_theta": m.config.pop("rope_theta")}


ORIGINAL = "original_max_position_embeddings"
KINDS = ("full_attention", "sliding_attention")
rows(SAME, original_outside=rope({ORIGINAL: 4096}, **{ORIGINAL: DROP}),
     original_outside_wins=rope({ORIGINAL: 4096}, **{ORIGINAL: 1024}),
     original_twice=rope({ORIGINAL: 4096}),
     truncate_null=rope(truncate=None),
     type_by_its_old_name=rope(rope_type=DROP, type="yarn"),
     both_names_of_the_type=rope(type="yarn"),
     parameters=parameters)
rows(REFUSED, "is null", original_null=rope(**{ORIGINAL: None}), original_null_outside=rope({ORIGINAL: None}), type_null=rope(rope_type=None),
     theta_null=config(rope_theta=None), window_null=config(sliding_window=None), head_dim_null=config(head_dim=None),
     limit_null=config(swiglu_limit=None), experts_null=config(num_experts_per_tok=None), eps_null=config(rms_norm_eps=None))
rows(REFUSED, "rope", "no \"rope_type\"", no_type=rope(rope_type=DROP),
     rope_for_each_kind=lambda m: m.config.update(rope_scaling=None, rope_parameters={k: m.config["rope_scaling"] for k in KINDS}),
     a_word_that_is_no_type=rope(rope_type=DROP, kind="yarn"))
rows(REFUSED, "partial_rotary_factor", part_of_the_head=config(partial_rotary_factor=0.5), part_in_the_settings=rope(partial_rotary_factor=0.25),
     attention_factor=rope(attention_factor=1.0), mscale=rope(mscale=0.707))
rows(SAME, the_usual_attention_factor=rope(attention_factor=0.1 * math.log(32) + 1), whole_heads=rope(partial_rotary_factor=1.0))
rows(SAME, "outside the vocabulary", end_past_the_vocabulary=config(eos_token_id=200002), ends_past_it=config(eos_token_id=[200002, 3]),
     an_end_below_0=config(eos_token_id=-7),
     ends_in_the_other_file=file("generation_config.json", b'{"eos_token_id": [200002, 1]}'),
     gguf_end=key("tokenizer.ggml.eos_token_id", u32(200002)),
     gguf_end_of_turn=key("tokenizer.ggml.eot_token_id", u32(200007)),
     gguf_ends=key("tokenizer.ggml.eos_token_ids", numbers([3, 999999])))
rows(SAME, gguf_no_end=key("tokenizer.ggml.eos_token_id", (I32, struct.pack("<i", -1))),
     no_generation_config=file("generation_config.json", None))
hints = lambda **members: file("generation_config.json", json.dumps(members).encode())
rows(SAME, top_k_off=hints(top_k=-1), top_k_0=hints(top_k=0), top_p_0=hints(top_p=0.0), a_null=hints(temperature=None, top_p=None),
     hints_with_a_mark=file("generation_config.json", b'\xef\xbb\xbf{"temperature": 0.5}'),
     hints_nobody_knows=hints(num_beams=4, transformers_version="4.55.0", cache_implementation="static"))
rows(SAME, "generation_config.json", empty_hints=file("generation_config.json", b""), broken_hints=file("generation_config.json", b"{"),
     hints_of_git=file("generation_config.json", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 120\n"),
     hints_that_are_a_list=file("generation_config.json", b"[]"), a_page_of_hints=file("generation_config.json", b"<html></html>"),
     many_ends=hints(eos_token_id=list(range(17))), top_k_of_a_word=hints(top_k="all"), top_p_2=hints(top_p=2), penalty_0=hints(repetition_penalty=0),
     temperature_below_0=hints(temperature=-1), ends_of_words=hints(eos_token_id="</s>"))
BOM = b"\xef\xbb\xbf"


@row(SAME)
def a_mark_before_everything(m):
    m.shards()
    m.files = {n: BOM + d if n.endswith(".json") else d for n, d in m.files.items()} | {"config.json": BOM + json.dumps(m.config).encode()}
    m.config = None


rows(SAME, a_mark_before_config=lambda m: (m.files.__setitem__("config.json", BOM + json.dumps(m.config).encode()), setattr(m, "config", None)),
     a_mark_before_the_index=lambda m: (m.shards(), m.files.__setitem__(INDEX, BOM + m.files[INDEX])))
WORDS = json.dumps({"model_type": "gpt_oss"})
rows(REFUSED, "config.json", "UTF-16", utf16=becomes("config.json", WORDS.encode("utf-16")),
     utf16_be=becomes("config.json", b"\xfe\xff" + WORDS.encode("utf-16-be")), utf16_unmarked=becomes("config.json", WORDS.encode("utf-16-le")))
rows(REFUSED, "quantized by", **{f"quantized_{i}": config(quantization_config={"quant_method": q})
                                 for i, q in enumerate(("gptq", "awq", "bitsandbytes", "fp8", "quark", "compressed-tensors"))})

# ---- what a file is instead ------------------------------------------------------------------------------------

LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"1" * 64 + b"\nsize 13761264768\n"
INSTEAD = {"pointer": (LFS, "Git LFS pointer"), "page": (b"<!DOCTYPE html><html>", "web page"), "page_below": (b"\n\n <html>", "web page"),
           "image": (b"\x89PNG\r\n\x1a\n" + bytes(40), "image"), "photo": (b"\xff\xd8\xff\xe0\0\x10JFIF" + bytes(40), "image"),
           "zip": (b"PK\3\4" + bytes(60), "zip archive"), "gzip": (b"\x1f\x8b\x08\0" + bytes(40), "archive"), "nothing": (b"", "is empty")}
for kind, (data, words) in INSTEAD.items():
    for name in ("model.safetensors", SHARDS[1], "config.json", INDEX):
        rows(REFUSED, name, words, **{f"{kind}_as_{name}": becomes(name, data)})
    rows(REFUSED, ".gguf", words if data else "no GGUF", **{f"gguf_{kind}": change(lambda _, data=data: data)})


@row(SAME)
def a_header_that_begins_like_a_page(m):
    """Its length is 60 modulo 256, which is '<'."""
    names = len(safetensors(m.tensors)) - sum(len(t[2]) for t in m.tensors.values()) - 8
    data = safetensors(m.tensors)
    head = data[8:8 + names] + b" " * ((60 - names) % 256)
    m.files["model.safetensors"] = struct.pack("<Q", len(head)) + head + data[8 + names:]
    assert m.files["model.safetensors"][:1] == b"<"
    m.tensors = None


def cut(m, part, name="model.safetensors"):
    whole = m.files.get(name) or safetensors(m.tensors)
    m.files[name] = whole[:int(len(whole) * part)]
    m.whole = len(whole)
    if name == "model.safetensors":
        m.tensors = None


rows(REFUSED, "is cut short", "bytes are there",
     cut_in_half=lambda m: cut(m, 0.5), cut_at_the_end=lambda m: cut(m, 0.9999), cut_at_the_first=lambda m: cut(m, 0.3),
     a_shard_cut=lambda m: (m.shards(), cut(m, 0.7, SHARDS[1])),
     gguf_cut_in_half=change(lambda d: d[:len(d) // 2]), gguf_cut_at_the_end=change(lambda d: d[:-40]),
     gguf_cut_before_the_tensors=lambda m: change(lambda d: d[:len(d) - sum((len(t[2]) + 31) // 32 * 32 for t in m.tensors.values())])(m))
rows(REFUSED, "cut short", cut_in_the_header=lambda m: cut(m, 0.002), cut_behind_the_length=lambda m: cut(m, 0.0001),
     a_shard_cut_at_once=lambda m: (m.shards(), cut(m, 0.0001, SHARDS[0])))
rows(REFUSED, "download complete?",
     gguf_cut_in_the_header=change(lambda d: d[:400]), gguf_cut_in_the_words=change(lambda d: d[:2500]),
     gguf_cut_at_once=change(lambda d: d[:20]))

def zeroed(part, of=None):
    """A file whose program made room for all of it and filled the beginning."""
    def spoil(m):
        if of:
            whole = safetensors(m.tensors)
            m.files["model.safetensors"], m.tensors = whole[:int(len(whole) * part)] + bytes(len(whole) - int(len(whole) * part)), None
        else:
            m.change = lambda d: d[:int(len(d) * part)] + bytes(len(d) - int(len(d) * part))
    return spoil


# ---- folders that are no whole model ---------------------------------------------------------------------------


def without(m, *files, **more):
    m.tensors = None
    m.files.update({f: b"x" for f in files})
    m.files.update(more)


rows(REFUSED, "has not ended", "run the download again", incomplete=lambda m: without(m, "model.safetensors.incomplete"),
     incomplete_in_the_cache=lambda m: without(m, ".cache/huggingface/download/q1w2e3.4f.incomplete"),
     part=lambda m: without(m, "model.safetensors.part"),
     crdownload=bare(lambda m: without(m, "model.safetensors.crdownload")),
     no_config_yet=bare(lambda m: without(m, "model.gguf.part")))
rows(REFUSED, SHARDS[1], "is not there", "lies there",
     a_shard_that_comes=lambda m: (m.shards(), m.files.pop(SHARDS[1]), m.files.__setitem__(SHARDS[1] + ".part", b"")),
     a_shard_in_the_cache=lambda m: (m.shards(), m.files.pop(SHARDS[1]), m.files.__setitem__(".cache/huggingface/download/x.incomplete", b"")))
rows(REFUSED, "is not there", "is the download complete?", a_shard_missing=lambda m: (m.shards(), m.files.pop(SHARDS[0])))
rows(REFUSED, "safetensors files", "model-00001-of-00002.safetensors", "the index",
     shards_without_an_index=lambda m: (m.shards(), m.files.pop(INDEX)),
     one_shard_without_the_other=lambda m: (m.shards(), m.files.pop(INDEX), m.files.__setitem__("model-00003-of-00004.safetensors", b"")))
rows(REFUSED, "1 safetensors file ", "consolidated.safetensors", another_name=lambda m: without(m, "consolidated.safetensors"))
rows(REFUSED, "PyTorch", pytorch=lambda m: without(m, "pytorch_model.bin"), pytorch_shards=lambda m: without(m, "pytorch_model-00001-of-00002.bin"),
     pth=lambda m: without(m, "consolidated.00.pth"))
rows(REFUSED, "GGUF files", "gpt-oss-20b-F16.gguf", a_folder_of_gguf=lambda m: without(m, "gpt-oss-20b-F16.gguf"),
     a_folder_of_gguf_alone=bare(lambda m: without(m, "gpt-oss-20b-F16.gguf")),
     files_of_gguf_and_others=lambda m: without(m, "a.txt", "gpt-oss-20b-F16.gguf", "README.md"))
rows(REFUSED, "original/config.json", original_alone=bare(lambda m: without(m, "original/config.json")))
rows(REFUSED, "form of gpt-oss alone", original_without_config=bare(lambda m: without(m, "original/model.safetensors")),
     metal_alone=bare(lambda m: without(m, "metal/model.bin")))
ADAPTER = json.dumps({"peft_type": "LORA", "base_model_name_or_path": "openai/gpt-oss-20b"}).encode()
rows(REFUSED, "LoRA adapter", "merge it into its base model openai/gpt-oss-20b",
     an_adapter=bare(lambda m: without(m, "adapter_model.safetensors", **{"adapter_config.json": ADAPTER})),
     an_adapter_with_config=lambda m: without(m, "adapter_model.safetensors", **{"adapter_config.json": ADAPTER}),
     an_adapter_of_pytorch=bare(lambda m: without(m, "adapter_model.bin", **{"adapter_config.json": ADAPTER})))
rows(REFUSED, "LoRA adapter", an_adapter_of_nobody=bare(lambda m: without(m, "adapter_model.safetensors")),
     an_adapter_with_broken_words=lambda m: without(m, "adapter_model.safetensors", "adapter_config.json"),
     gguf_adapter=key("general.type", string("adapter")),
     gguf_adapter_alone=lambda m: (m.keys.update({"general.type": string("adapter"), "adapter.type": string("lora")}), m.tensors.clear()))
rows(REFUSED, "general.type", gguf_projector=key("general.type", string("mmproj")), gguf_matrix=key("general.type", string("imatrix")))
rows(SAME, "LoRA adapter", "not applied", an_adapter_beside=lambda m: m.files.__setitem__("adapter_config.json", ADAPTER),
     an_adapter_of_nobody_beside=lambda m: m.files.__setitem__("adapter_model.safetensors", b"x"))
rows(SAME, "has not ended", aria=lambda m: m.files.__setitem__("model.safetensors.aria2", b"x"))
rows(SAME, gguf_no_type=lambda m: m.keys.pop("general.type"), incomplete_beside=lambda m: m.files.__setitem__("onnx.incomplete", b"x"))

# ---- names -----------------------------------------------------------------------------------------------------

for i, prefix in enumerate(("base_model.model.", "module.", "_orig_mod.", "language_model.")):
    rows(REFUSED, "is missing", "with a prefix", prefix + "model.embed_tokens.weight",
         **{f"prefix_{i}": (lambda prefix: lambda m: setattr(m, "tensors", {prefix + k: v for k, v in m.tensors.items()}))(prefix)})
def other_name(part, to, *also):
    """Every tensor with this in its name is called otherwise."""
    def spoil(m):
        m.tensors = {k.replace(part, to): v for k, v in m.tensors.items()} | {k: ones(1) for k in also}
    return spoil


rows(REFUSED, "mlp.router.weight is missing", "there is " + L0 + "mlp.router.linear.weight",
     router_linear=other_name("mlp.router.weight", "mlp.router.linear.weight"))
rows(REFUSED, "q_proj.weight is missing", "there is " + L0 + "self_attn.q_proj.base_layer.weight",
     base_layer=other_name("q_proj.weight", "q_proj.base_layer.weight"))
rows(REFUSED, "gate_up_proj is missing", "there is " + L0 + "mlp.experts.gate_up_projs.0.weight",
     projs=other_name("gate_up_proj_blocks", "gate_up_projs.0.weight"))
rows(REFUSED, "gate_up_proj is missing", "there is " + L0 + "mlp.experts.0.gate_proj.weight",
     experts_apart=other_name("experts.gate_up_proj_blocks", "experts.0.gate_proj.weight"))
rows(REFUSED, "input_layernorm.weight is missing", "there is model.language_model.layers.0.input_layernorm.weight",
     layers_further_down=other_name("model.layers", "model.language_model.layers"))
rows(REFUSED, "input_layernorm.weight is missing", "there is transformer.layers.0.input_layernorm.weight",
     layers_elsewhere=other_name("model.layers", "transformer.layers"))
rows(REFUSED, "embed_tokens.weight is missing", "there is transformer.embed_tokens.weight", all_elsewhere=other_name("model.", "transformer."))
rows(REFUSED, "attn_q.weight is missing", "there is blk.0.attn_q.base.weight", gguf_base_layer=other_name("attn_q.weight", "attn_q.base.weight"))


@row(REFUSED, "self_attn.sinks is missing")
def nothing_like_it(m):
    m.tensors = {k: v for k, v in m.tensors.items() if "sinks" not in k}


rows(REFUSED, "no tensors at all", gguf_words_alone=lambda m: m.tensors.clear(), no_tensors=lambda m: setattr(m, "tensors", {}))


def typed(name, dtype, value_bytes):
    def spoil(m):
        _, shape, _ = m.tensors[name]
        m.tensors[name] = (dtype, shape, bytes(value_bytes * math.prod(shape)))
    return spoil


rows(REFUSED, "supported are F32, F16, BF16", float8=typed(L0 + "self_attn.q_proj.weight", "F8_E4M3", 1),
     int8=typed(L0 + "self_attn.k_proj.weight", "I8", 1), double=typed("model.norm.weight", "F64", 8))


def test_rows():
    failed = []
    for name, (spoil, verdict, words, flags) in ROWS.items():
        m = File() if name.startswith("gguf") else Folder()
        spoil(m)
        path = m.put(name)
        result, row = logits(path, *flags)
        try:
            if verdict == REFUSED:
                refuses(result, 1, str(path), *words)
                assert row is None, "something was written"
                assert "Q8_0" not in result.complaint or name.startswith("gguf"), result
            else:
                lines = result.complaint.splitlines()
                assert result.code == 0, result
                assert row == base("gguf" if name.startswith("gguf") else "hf")[1], "other logits"
                assert len(lines) == bool(words) and all(line.startswith("osso: warning: ") for line in lines), lines
                assert all(word in lines[0] for word in words), (words, lines)
        except AssertionError as why:
            failed.append(f"{name}: {why}")
    assert not failed, f"{len(failed)} of {len(ROWS)}:\n" + "\n".join(failed)


def test_no_window_where_nobody_slides():
    kinds = {"layer_types": ["full_attention"] * 2}
    got = []
    for changes in ({"sliding_window": 8}, {"sliding_window": None}, {"sliding_window": DROP}):
        m = Folder()
        config(**kinds, **changes)(m)
        result, row = logits(m.put("no-window"))
        assert result.code == 0 and not result.complaint, result
        got.append(row)
    assert got[0] == got[1] == got[2] != base("hf")[1]


def test_a_name_with_nothing_behind_it():
    for ending in (".incomplete", ".part", ".aria2"):
        path = TEMP / f"half{ending[1:]}.gguf"
        pathlib.Path(f"{path}{ending}").write_bytes(b"GGUF")
        refuses(logits(path)[0], 1, str(path), "has not ended", ending)
    refuses(logits(TEMP / "nothing.gguf")[0], 1, "cannot open", "nothing.gguf")
    hub = TEMP / "hub"
    for name in ("models--b--c", "models--a--b"):
        (hub / name).mkdir(parents=True)
    refuses(logits(hub)[0], 1, "a cache of many models", str(hub / "models--a--b"))


def test_weights_that_were_never_written():
    for form, spoil in (("hf", zeroed(0.5, "hf")), ("hf", zeroed(0.2, "hf")), ("gguf", zeroed(0.6)), ("gguf", zeroed(0.3))):
        m = File() if form == "gguf" else Folder()
        spoil(m)
        result, row = logits(m.put("never-written"))
        assert result.code == 0 and row and re.search(r"warning: .* of 5 norms are all zeros", result.complaint), result


def test_whole_size_is_named():
    for name in ("cut_in_half", "cut_at_the_first", "gguf_cut_at_the_end"):
        m = File() if name.startswith("gguf") else Folder()
        whole = len(gguf(m.keys, m.tensors) if name.startswith("gguf") else safetensors(m.tensors))
        ROWS[name][0](m)
        path = m.put("size-" + name)
        file = path if path.is_file() else path / "model.safetensors"
        need = whole if path.is_dir() else whole - (-len(list(m.tensors.values())[-1][2]) % 32)
        refuses(logits(path)[0], 1, f"{file.stat().st_size} of {need} bytes")


def test_unused_tensors_are_ignored_when_asked():
    for name in ("lora", "q_norm", "shared_expert", "weight_scale", "gguf_norm", "gguf_scale"):
        m = File() if name.startswith("gguf") else Folder()
        ROWS[name][0](m)
        result, row = logits(m.put(name), "--ignore-unused")
        assert row == base("gguf" if name.startswith("gguf") else "hf")[1] and "unused tensors" in result.complaint, result


if __name__ == "__main__":
    main(sys.modules[__name__])
