"""What PyTorch makes of a tiny gpt-oss, Mixtral or Llama and some documents: losses, gradients, AdamW steps.

Shared by golden_train.py and golden_plain.py (committed golden numbers), oracle_train.py and oracle_plain.py (fresh random cases). The model is transformers',
in float32, eager. Each document runs by itself. The losses of the router are formulas of our own (the balance loss has
its minimum at 1, not at k as transformers' has), over the logits that transformers' router gives.
"""
import re

import numpy as np
import torch
import torch.nn.functional as F

PREFIX = {"q": "self_attn.q_proj", "k": "self_attn.k_proj", "v": "self_attn.v_proj", "o": "self_attn.o_proj"}


def documents(rng, vocab, pad, lengths, weights=True):
    """[(ids, weights)]: a weight for each id as a target; some are 0, some between. pad: an id to leave out, since
    transformers gives its row of the embedding no gradient."""
    out = []
    for n in lengths:
        ids = rng.integers(0, vocab - 1, n)
        ids[ids >= pad] += 1
        w = rng.choice([0.0, 1.0, 1.0, 0.25], n).astype(np.float32) if weights else np.ones(n, np.float32)
        w[-1] = 1
        out.append((ids, w))
    return out


def write_documents(path, docs):
    with open(path, "w") as f:
        for ids, weights in docs:
            f.write(",".join(f"{i}" if w == 1 else f"{i}*{w:g}" for i, w in zip(ids, weights)) + "\n")


def router_logits(model, ids):
    """(logits, one [n, experts] tensor for each layer; a layer without a router has one expert whose logit is 0)"""
    seen = []
    routers = [getattr(layer.mlp, "router", getattr(layer.mlp, "gate", None)) for layer in model.model.layers]
    routers = [router for router in routers if router is not None]
    hooks = [router.register_forward_hook(
        lambda module, args, out: seen.append(F.linear(args[0].reshape(-1, module.hidden_dim), module.weight, getattr(module, "bias", None))))
        for router in routers]
    logits = model(input_ids=torch.tensor(np.asarray(ids)[None]), use_cache=False).logits[0]
    for hook in hooks:
        hook.remove()
    return logits, seen or [torch.zeros(len(ids), 1) for _ in model.model.layers]


def router_losses(layers, top_k):
    """Means over the layers; each layer's logits are those of all rows of a batch."""
    balance = z = 0
    for logits in layers:
        n, experts = logits.shape
        chosen = logits.topk(top_k, dim=-1).indices
        share = torch.bincount(chosen.reshape(-1), minlength=experts).to(logits.dtype) / (n * top_k)
        balance = balance + experts * (share * logits.softmax(-1).mean(0)).sum()
        z = z + (logits.logsumexp(-1) ** 2).mean()
    return balance / len(layers), z / len(layers)


def losses(model, batches, top_k):
    """(loss, balance loss, z loss, smallest gap between the k-th and the next router logit) of a step."""
    total = sum(float(w[1:].astype(np.float64).sum()) for docs in batches for _, w in docs)
    loss = balance = z = 0
    gap = np.inf
    for docs in batches:
        layers = None
        for ids, weights in docs:
            logits, routers = router_logits(model, ids[:-1])
            nats = F.cross_entropy(logits, torch.tensor(ids[1:]), reduction="none")
            loss = loss + (nats * torch.tensor(weights[1:])).sum() / total
            layers = routers if layers is None else [torch.cat(pair) for pair in zip(layers, routers)]
        for logits in layers:
            if top_k < logits.shape[1]:
                best = logits.detach().sort(-1, descending=True).values
                gap = min(gap, float((best[:, top_k - 1] - best[:, top_k]).min()))
        b, zz = router_losses(layers, top_k)
        balance, z = balance + b / len(batches), z + zz / len(batches)
    return loss, balance, z, gap


# ---- dtype: bf16 ---------------------------------------------------------------------------------------------


def rounded(x, noise=0.0):
    """noise: as if the sums behind x had been taken in another order, which changes it by such a share."""
    return (x * (1 + noise * torch.randn_like(x).sign()) if noise else x).bfloat16().float()


class Product(torch.autograd.Function):
    """x W^T whose factors are rounded to bf16, backward too; sums stay float32."""

    @staticmethod
    def forward(ctx, x, w, noise):
        ctx.save_for_backward(x, w)
        ctx.noise = noise
        return rounded(x, noise) @ rounded(w).T

    @staticmethod
    def backward(ctx, g):
        x, w = ctx.saved_tensors
        x, dy = x.reshape(-1, x.shape[-1]), g.reshape(-1, g.shape[-1])
        return rounded(g, ctx.noise) @ rounded(w), rounded(dy, ctx.noise).T @ rounded(x, ctx.noise), None


class WeightedDown(torch.autograd.Function):
    """weight * (h W + bias) as an expert's output comes into the stream: W^T d is taken before the weight, so d is what is
    rounded there, and weight * d for the gradient of W."""

    @staticmethod
    def forward(ctx, h, w, bias, weight, noise):
        ctx.save_for_backward(h, w, bias, weight)
        ctx.noise = noise
        return (rounded(h, noise) @ rounded(w) + bias) * weight[:, None]

    @staticmethod
    def backward(ctx, d):
        h, w, bias, weight = ctx.saved_tensors
        by_h, weighted = rounded(d, ctx.noise) @ rounded(w).T, d * weight[:, None]
        return (by_h * weight[:, None], rounded(h, ctx.noise).T @ rounded(weighted, ctx.noise), weighted.sum(0),
                (h * by_h).sum(1) + d @ bias, None)


def round_products(model, noise=0.0):
    """Makes transformers' model compute as a trainer with dtype bf16: all products with matrices but the router's. noise: of
    what is rounded and is no weight."""
    def linear(module):
        module.forward = lambda x: Product.apply(x, module.weight, noise) + (0 if module.bias is None else module.bias)

    def experts(module):
        def forward(hidden, router_indices=None, routing_weights=None):
            rows = hidden.reshape(-1, hidden.shape[-1])
            out = torch.zeros_like(rows)
            for e in range(module.num_experts):
                row, place = torch.where(router_indices == e)
                if len(row):
                    gate_up = Product.apply(rows[row], module.gate_up_proj[e].T, noise) + module.gate_up_proj_bias[e]
                    out = out.index_add(0, row, WeightedDown.apply(module._apply_gate(gate_up), module.down_proj[e],
                                                                   module.down_proj_bias[e], routing_weights[row, place], noise))
            return out.reshape(hidden.shape)
        module.forward = forward

    for layer in model.model.layers:
        for name in ("q_proj", "k_proj", "v_proj", "o_proj"):
            linear(getattr(layer.self_attn, name))
        experts(layer.mlp.experts)
    linear(model.lm_head)
    return model


# ---- optimizers ----------------------------------------------------------------------------------------------


def decays(name):
    return name.endswith(("_proj.weight", "router.weight", "mlp.gate.weight", "gate_up_proj", "down_proj"))


def is_muons(name):
    return decays(name) and not name.endswith(("router.weight", "mlp.gate.weight"))


def orthogonal(x):
    """zeropower_via_newtonschulz of torch.optim.Muon, in the type of x: torch itself rounds to bf16."""
    a, b, c = 3.4445, -4.7750, 2.0315
    turned = x.shape[0] > x.shape[1]
    x = (x.T if turned else x).clone()
    x.div_(x.norm().clamp(min=1e-7))
    for _ in range(5):
        gram = x @ x.T
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.T if turned else x


class Muon:
    """torch.optim.Muon with match_rms_adamw, each matrix by itself: of experts every gate, up and down. plain: a Mixtral's,
    whose gate and up are halves of their rows."""

    def __init__(self, named, lr, weight_decay, momentum=0.95, plain=False):
        self.plain = plain
        self.named, self.lr, self.weight_decay, self.momentum = named, lr, weight_decay, momentum
        self.moments = {name: torch.zeros_like(p) for name, p in named}

    def matrices(self, name, x):
        if x.ndim == 2:
            return [x]
        if self.plain:
            return [part for expert in x for part in (expert.chunk(2) if "gate_up" in name else (expert,))]
        return [part for expert in x for part in ((expert[:, 0::2], expert[:, 1::2]) if "gate_up" in name else (expert,))]

    @torch.no_grad()
    def step(self):
        for name, p in self.named:
            m = self.moments[name]
            m.lerp_(p.grad, 1 - self.momentum)
            update = p.grad.lerp(m, self.momentum)
            p.mul_(1 - self.lr * self.weight_decay)
            for value, step in zip(self.matrices(name, p), self.matrices(name, update)):
                value.add_(orthogonal(step), alpha=-self.lr * 0.2 * max(step.shape) ** 0.5)


def steps(model, batches, top_k, n, balance_coef, z_coef, lr=1e-3, weight_decay=0.1, grad_clip=1.0, muon=False):
    """(a list of (loss, balance, z, norm), the gradients of the first step by name, the smallest router gap)"""
    named = list(model.named_parameters())
    muons = Muon([(name, p) for name, p in named if muon and is_muons(name)], lr, weight_decay,
                 plain=model.config.model_type != "gpt_oss")
    rest = [(name, p) for name, p in named if not (muon and is_muons(name))]
    optimizer = torch.optim.AdamW([{"params": [p for name, p in rest if decays(name)], "weight_decay": weight_decay},
                                   {"params": [p for name, p in rest if not decays(name)], "weight_decay": 0.0}],
                                  lr=lr, betas=(0.9, 0.95), eps=1e-8)
    lines, first, gap = [], None, np.inf
    for _ in range(max(n, 1)):
        model.zero_grad()
        loss, balance, z, g = losses(model, batches, top_k)
        (loss + balance_coef * balance + z_coef * z).backward()
        gap = min(gap, g)
        if first is None:
            first = {name: p.grad.detach().numpy().copy() for name, p in named}
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), grad_clip)
        optimizer.step()
        muons.step()
        lines.append((float(loss.detach()), float(balance.detach()), float(z.detach()), float(norm)))
    return lines, first, gap


def file_tensors(gradients):
    """The gradients of a Mixtral or Llama under the names and in the shapes of their files."""
    out = {}
    for name, g in gradients.items():
        path = name.replace(".mlp.gate.", ".block_sparse_moe.gate.").replace(".mlp.experts.", ".block_sparse_moe.experts.")
        stem, _, what = path.rpartition(".")
        if what not in ("gate_up_proj", "down_proj"):
            out[path] = g
            continue
        for e, expert in enumerate(g):
            parts = {"w2": expert} if what == "down_proj" else dict(zip(("w1", "w3"), np.split(expert, 2)))
            out.update({f"{stem}.{e}.{w}.weight": np.ascontiguousarray(x) for w, x in parts.items()})
    return out


def arena_tensors(gradients, plain=False):
    """{"tensor.layer": values in the order of an arena}, from gradients under transformers' names."""
    out = {}
    for name, g in gradients.items():
        found = re.match(r"model\.layers\.(\d+)\.(.*)", name)
        layer, rest = (int(found[1]), found[2]) if found else (-1, name)
        if plain and rest == "mlp.experts.gate_up_proj":
            out[f"gate.{layer}"], out[f"up.{layer}"] = np.split(g, 2, 1)
        elif plain and rest == "mlp.experts.down_proj":
            out[f"down.{layer}"] = g
        elif rest == "mlp.experts.gate_up_proj":                 # [experts][hidden][2 inner], gate and up alternating
            out[f"gate.{layer}"], out[f"up.{layer}"] = g[:, :, 0::2].transpose(0, 2, 1), g[:, :, 1::2].transpose(0, 2, 1)
        elif rest == "mlp.experts.gate_up_proj_bias":
            out[f"gate_bias.{layer}"], out[f"up_bias.{layer}"] = g[:, 0::2], g[:, 1::2]
        elif rest == "mlp.experts.down_proj":
            out[f"down.{layer}"] = g.transpose(0, 2, 1)
        else:
            short = {"model.embed_tokens.weight": "embed", "lm_head.weight": "head", "model.norm.weight": "final_norm",
                     "input_layernorm.weight": "attn_norm", "post_attention_layernorm.weight": "mlp_norm",
                     "self_attn.sinks": "sinks", "mlp.router.weight": "router", "mlp.router.bias": "router_bias",
                     "mlp.gate.weight": "router", "mlp.gate_proj.weight": "gate", "mlp.up_proj.weight": "up", "mlp.down_proj.weight": "down",
                     "mlp.experts.down_proj_bias": "down_bias"}
            for letter, path in PREFIX.items():
                short[path + ".weight"], short[path + ".bias"] = letter, letter + "_bias"
            out[f"{short[rest]}.{layer}"] = g
    return {name: np.ascontiguousarray(x).reshape(-1) for name, x in out.items()}
