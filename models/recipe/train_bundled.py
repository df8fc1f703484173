"""Trains the bundled model: python3 models/recipe/train_bundled.py --dir DIR --steps N

transformers' GptOssForCausalLM in bf16 over f32 masters (Muon on attention, AdamW on the rest). The learning
rate warms up, stays, and falls linearly to zero over the last --decay steps; from --quant-at on the
experts the model computes with are the MXFP4 round trip of the masters, and the gradient passes
straight through, so that the exported 4-bit model is the one that was trained.
State (masters, optimizer, data position, step) is written every few minutes, atomically; starting
again in the same DIR goes on from there with the same batches. The end is given in steps, or as a
time of day (--until 14:38, with --decay-minutes and --quant-minutes before it) when the machine is
shared and its speed unknown. Export: models/recipe/export_bundled.py.
"""
import argparse
import json
import os
import signal
import time

import torch
import torch.nn.functional as F
from transformers import AttentionInterface, GptOssConfig, GptOssForCausalLM

import mxfp4
from bundled_data import Stream, masks

SHAPE = dict(hidden_size=192, intermediate_size=192, num_hidden_layers=6, num_attention_heads=4, num_key_value_heads=2,
             head_dim=64, num_local_experts=8, num_experts_per_tok=2)
ROPE = {"rope_type": "default", "rope_theta": 150000.0}


def blocked_attention(module, query, key, value, attention_mask, scaling, sliding_window=None, s_aux=None, block=128, **_):
    """The eager attention with sinks, a block of queries at a time: keys that causality or the
    window (128, a multiple of the block) hide are never touched, about half of the work."""
    groups = query.shape[1] // key.shape[1]
    key, value = key.repeat_interleave(groups, 1), value.repeat_interleave(groups, 1)
    sink = s_aux.reshape(1, -1, 1, 1).expand(query.shape[0], -1, block, 1)
    out = []
    for hi in range(block, query.shape[2] + 1, block):
        lo = max(0, hi - 2 * block) if sliding_window else 0
        w = query[:, :, hi - block:hi] @ key[:, :, lo:hi].transpose(2, 3) * scaling + attention_mask[:, :, hi - block:hi, lo:hi]
        p = torch.cat([w, sink], -1).float().softmax(-1)[..., :-1].to(value.dtype)
        out.append(p @ value[:, :, lo:hi])
    return torch.cat(out, 2).transpose(1, 2).contiguous(), None


AttentionInterface.register("blocked", blocked_attention)


def make_config(vocab):
    c = GptOssConfig(vocab_size=vocab, sliding_window=128, max_position_embeddings=2048, tie_word_embeddings=True, initializer_range=0.04,
                     rope_parameters=dict(ROPE), attn_implementation="blocked", use_cache=False, **SHAPE)
    c._experts_implementation = "grouped_mm"
    return c


def is_expert(name):
    return name.endswith(("experts.gate_up_proj", "experts.down_proj"))


class Trainer:
    def __init__(self, a):
        self.a = a
        torch.manual_seed(a.seed)
        torch.set_num_threads(a.threads)
        self.stream = Stream(a.tok, a.data, a.length)
        self.model = GptOssForCausalLM(make_config(self.stream.tok.get_vocab_size()))
        self.master = {n: p.detach().clone().float() for n, p in self.model.named_parameters()}
        self.model = self.model.to(torch.bfloat16)
        self.params = dict(self.model.named_parameters())
        for p in self.master.values():
            p.requires_grad_(True)
        groups = self.groups()
        self.opts = [torch.optim.AdamW([{"params": groups["decay"], "weight_decay": 0.1}, {"params": groups["rest"], "weight_decay": 0.0}],
                                       lr=a.lr, betas=(0.9, 0.95), eps=1e-8, fused=True),
                     torch.optim.Muon(groups["attention"], lr=a.lr, weight_decay=0.1, momentum=0.95, adjust_lr_fn="match_rms_adamw")]
        self.step, self.tokens, self.seconds, self.warm_from = 0, 0, 0.0, 0
        if os.path.exists(self.path("state.pt")):
            self.load()
        torch._inductor.config.cpp.dynamic_threads = True
        self.forward = torch.compile(self.losses) if a.compile else self.losses
        self.took = {}                                  # threads -> seconds of a step, a running mean
        self.publish()

    def path(self, name):
        return os.path.join(self.a.dir, name)

    def groups(self):
        """Attention matrices (Muon), other matrices (AdamW with decay), the rest (AdamW)."""
        out = {"attention": [], "decay": [], "rest": []}
        for n, p in self.master.items():
            if n.endswith("_proj.weight"):
                out["attention"].append(p)
            else:
                out["decay" if is_expert(n) else "rest"].append(p)
        return out

    def publish(self):
        """Masters -> the weights the model computes with."""
        quant = self.left()[1]
        with torch.no_grad():
            for n, p in self.params.items():
                m = self.master[n]
                if quant and is_expert(n):
                    m = mxfp4.round_trip(m.transpose(1, 2)).transpose(1, 2)
                p.copy_(m)

    def losses(self, ids, targets, weights, full, sliding):
        """Mean loss over weighted tokens, and the load balancing and z losses of the routers."""
        out = self.model.model(input_ids=ids, attention_mask={"full_attention": full, "sliding_attention": sliding}, output_router_logits=True)
        w = weights.flatten()
        at = w.topk(w.numel() * 3 // 4, sorted=False).indices       # about a third of the tokens is not learned
        logits = self.model.lm_head(out.last_hidden_state.flatten(0, 1)[at]).float()
        main = (F.cross_entropy(logits, targets.flatten()[at], reduction="none") * w[at]).sum() / w[at].sum().clamp(min=1)
        balance = z = 0
        for g in out.router_logits:
            g = g.float().flatten(0, -2)
            p = g.softmax(-1)
            top = g.topk(SHAPE["num_experts_per_tok"]).indices
            f = F.one_hot(top, SHAPE["num_local_experts"]).float().sum(1).mean(0) / SHAPE["num_experts_per_tok"]
            balance = balance + SHAPE["num_local_experts"] * (f * p.mean(0)).sum()
            z = z + g.logsumexp(-1).square().mean()
        n = len(out.router_logits)
        return main, balance / n, z / n

    def left(self):
        """(share of the rate that is left, true in the quantized phase, true at the end)."""
        a = self.a
        if a.until:
            minutes = (a.until - time.time()) / 60
            return minutes / a.decay_minutes, minutes < a.quant_minutes, minutes <= 0
        return (a.steps - self.step) / max(1, a.decay), self.step >= a.quant_at, self.step >= a.steps

    def rate(self):
        warm = (self.step - self.warm_from + 1) / self.a.warmup
        return self.a.lr * max(0.0, min(warm, self.left()[0], 1.0))

    def pick_threads(self):
        """Two threads on a quiet machine, one beside other work: whichever was faster lately."""
        if self.a.threads < 2:
            return 1
        if self.step % 10 < 2 or len(self.took) < 2:
            return 1 + self.step % 2
        return min(self.took, key=self.took.get)

    def timed_step(self):
        n, start = self.pick_threads(), time.time()
        torch.set_num_threads(n)
        result = self.one_step()
        seconds = time.time() - start
        self.took[n] = min(0.5 * self.took.get(n, seconds) + 0.5 * seconds, 3 * seconds)   # forget compiling soon
        return result

    def one_step(self):
        for opt in self.opts:
            for g in opt.param_groups:
                g["lr"] = self.rate()
        ids, targets, weights, doc = self.stream.batch(self.a.rows)
        m = masks(doc, 128, torch.bfloat16)
        main, balance, z = self.forward(ids, targets, weights, m["full_attention"], m["sliding_attention"])
        (main + 0.01 * balance + 0.001 * z).backward()
        for n, p in self.params.items():
            self.master[n].grad = p.grad.float()
            p.grad = None
        norm = torch.nn.utils.clip_grad_norm_(self.master.values(), 1.0)
        for opt in self.opts:
            opt.step()
        self.step += 1
        self.tokens += ids.numel()
        self.publish()
        return main.item(), balance.item(), norm.item()

    def save(self):
        tmp = self.path("state.tmp")
        torch.save({"master": {n: p.detach() for n, p in self.master.items()}, "opts": [o.state_dict() for o in self.opts], "step": self.step,
                    "tokens": self.tokens, "seconds": self.seconds, "stream": self.stream.state()}, tmp)
        os.replace(tmp, self.path("state.pt"))

    def load(self):
        s = torch.load(self.path("state.pt"), weights_only=False)
        with torch.no_grad():
            for n, p in self.master.items():
                p.copy_(s["master"][n])
        if "opts" in s:
            for opt, saved in zip(self.opts, s["opts"]):
                opt.load_state_dict(saved)
        else:
            self.warm_from = s["step"]                  # another optimizer than before: warm up again
        self.step, self.tokens, self.seconds = s["step"], s["tokens"], s["seconds"]
        self.stream.restore(s["stream"])
        print(f"going on from step {self.step}", flush=True)

    def run(self):
        log = open(self.path("log.jsonl"), "a")
        start = last = saved = time.time()
        before, tokens0 = self.seconds, self.tokens
        sums, every = [0.0, 0.0, 0.0], 20
        stop = []
        signal.signal(signal.SIGTERM, lambda *_: stop.append(True))
        while not self.left()[2] and not stop:
            for i, v in enumerate(self.timed_step()):
                sums[i] += v / every
            if self.step % every == 0:
                now = time.time()
                row = dict(step=self.step, loss=round(sums[0], 4), balance=round(sums[1], 4), norm=round(sums[2], 3), lr=self.rate(),
                           tokens=self.tokens, tok_s=round((self.tokens - tokens0) / (now - last)), quant=self.left()[1], took={k: round(v, 2) for k, v in self.took.items()})
                print(row, flush=True)
                log.write(json.dumps(row) + "\n")
                log.flush()
                sums, last, tokens0 = [0.0, 0.0, 0.0], now, self.tokens
            self.seconds = before + time.time() - start
            if time.time() - saved > self.a.save_seconds:
                self.save()
                saved = time.time()
        self.save()


def clock(text):
    """HH:MM of today as seconds of the epoch."""
    h, m = map(int, text.split(":"))
    now = time.localtime()
    return time.mktime((now.tm_year, now.tm_mon, now.tm_mday, h, m, 0, 0, 0, -1))


def main():
    ap = argparse.ArgumentParser(description=__doc__)
    ap.add_argument("--dir", required=True, help="state and log")
    ap.add_argument("--tok", required=True, help="folder with tokenizer.json (models/recipe/train_bpe.py)")
    ap.add_argument("--data", default="../shared/data/train")
    ap.add_argument("--steps", type=int, default=3000)
    ap.add_argument("--decay", type=int, default=900)
    ap.add_argument("--quant-at", type=int, default=2400)
    ap.add_argument("--until", type=clock, help="HH:MM today: end then, instead of after --steps")
    ap.add_argument("--decay-minutes", type=float, default=20)
    ap.add_argument("--quant-minutes", type=float, default=14)
    ap.add_argument("--warmup", type=int, default=100)
    ap.add_argument("--lr", type=float, default=2e-3)
    ap.add_argument("--rows", type=int, default=16)
    ap.add_argument("--length", type=int, default=512)
    ap.add_argument("--threads", type=int, default=2)
    ap.add_argument("--seed", type=int, default=1)
    ap.add_argument("--compile", type=int, default=1)
    ap.add_argument("--save-seconds", type=int, default=180)
    a = ap.parse_args()
    os.makedirs(a.dir, exist_ok=True)
    Trainer(a).run()


if __name__ == "__main__":
    main()
