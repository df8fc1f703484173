#!/usr/bin/env python3
"""train_kills.py [N]: kills a training run N times (50) at random moments, saves included, resumes it each time, and compares
its log and its weights with those of a run that nobody stopped: equal in every digit but `seconds`."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
from training import *

kills = int(sys.argv[1]) if len(sys.argv) > 1 else 50
seed = int(sys.argv[2]) if len(sys.argv) > 2 else int(time.time())
print(f"seed {seed}", flush=True)
settings = {"steps": 40 * kills // 10 + 40, "save_every": 3, "keep": 2, "val_ids": VAL, "eval_every": 4, "experts_per_token": "1,2", "checkpointing": "true"}
start(TEMP / "straight", **settings).communicate()
survive(TEMP / "killed", kills, random.Random(seed), 2.0, **settings)
one, two = (sorted(TEMP.glob(f"{name}/step-*/model.safetensors"))[-1].read_bytes() for name in ("straight", "killed"))
assert log(TEMP / "straight") == log(TEMP / "killed"), "the logs differ"
assert one == two, "the weights differ"
print(f"{kills} kills, {settings['steps']} steps: equal digits, equal weights")
