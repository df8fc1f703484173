#!/usr/bin/env python3
"""--device: the same text on a GPU (or Mesa's driver on the CPU) as on the CPU, and one line for what cannot be."""
import concurrent.futures

from harness import *

PROMPT = ("-p", "Once upon a time there was", "-n", "6", "--seed", "7", "-c", "256", "-t", "1")


def there(result):
    """The result of a run on a GPU, where there is one at all."""
    if result.code == 1 and ("libvulkan" in result.complaint or "Vulkan" in result.complaint):
        raise Skip(result.complaint.strip())
    return result


def test_same_text():
    """A seed gives the same text on both devices; an instruction set in the environment does not matter to a GPU."""
    gpu = there(osso("generate", *PROMPT, env={"OSSO_DEVICE": "gpu", "OSSO_ISA": "scalar"}, timeout=300))
    cpu = osso("generate", *PROMPT)
    assert gpu.code == cpu.code == 0 and cpu.text and gpu.out == cpu.out, (cpu, gpu)


def test_same_chat():
    """An answer of chat, drawn with a seed, is the same."""
    ask = ("chat", "-p", "Who are you?", "-n", "25", "--seed", "3", "--temp", "1.7", "-c", "256", "-t", "1", "--date", "none")
    gpu = there(osso(*ask, "--device", "gpu", timeout=300))
    cpu = osso(*ask)
    assert gpu.code == cpu.code == 0 and cpu.text.strip() and gpu.out == cpu.out, (cpu, gpu)


def test_two_at_once():
    """Two processes share a device, each with weights of its own."""
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        both = list(pool.map(lambda _: there(osso("generate", *PROMPT, "--device", "gpu", timeout=600)), range(2)))
    cpu = osso("generate", *PROMPT)
    assert all(gpu.code == 0 and gpu.out == cpu.out for gpu in both), (cpu, both)


def test_refused():
    """What is no device's name is a slip of the command line; a device that is not there ends the run."""
    for name in ("tpu", "gpu:", "gpus", ""):
        refuses(osso("generate", *PROMPT, "--device", name), 2, "--device", "gpu:NUMBER")
    refuses(osso("generate", *PROMPT, "--device", "gpu", "--isa", "scalar"), 2, "--isa", "give one of them")
    refuses(osso("generate", *PROMPT, "--device", "gpu:63", timeout=120), 1)
    refuses(osso("generate", *PROMPT, "--device", "gpu:no such card", timeout=120), 1)
    assert osso("generate", *PROMPT, "--device", "cpu").code == 0


def test_auto():
    """A GPU where there is one; a driver on the CPU is none, and then one line says what computes."""
    for env in ({}, {"OSSO_DEVICE": "auto"}):
        said = osso("generate", *PROMPT, *([] if env else ["--device", "auto"]), env=env, timeout=120)
        assert said.code == 0 and said.out == osso("generate", *PROMPT).out, said
        listed = json.loads(osso("doctor", "--json", timeout=120).out)["gpus"]
        if not any(not gpu["on_cpu"] and not gpu["lacks"] for gpu in listed):
            assert said.complaint.count("\n") == 1 and "--device auto: no GPU" in said.complaint and "the CPU computes" in said.complaint, said
    refuses(osso("generate", *PROMPT, "--device", "auto", "--isa", "scalar"), 2, "--isa", "give one of them")


def test_too_large():
    """What does not fit is one line with both numbers; info says beforehand what is missing; less context may fit."""
    said = there(osso("info", "--device", "gpu", "--json", "-c", "2048", timeout=120))
    plan = json.loads(said.out)["device"]
    parts = [plan[part] for part in ("weights", "kv", "scratch")]
    assert all(parts) and plan["total"] == sum(parts) and plan["context"] == 2048 and plan["fits"], plan
    assert "\ndevice\n" in osso("info", "--device", "gpu", timeout=120).text
    assert "device" not in json.loads(osso("info", "--json").out)
    refuses(osso("info", "--preset", "20b", "--device", "gpu"), 2, "--preset")
    less = {"OSSO_TEST_GPU_MEMORY": str(plan["total"] - 1)}
    assert not json.loads(osso("info", "--device", "gpu", "--json", env=less, timeout=120).out)["device"]["fits"]
    ask = ("generate", "-p", "Once", "-n", "1", "--device", "gpu")
    refuses(osso(*ask, "-c", "2048", env=less, timeout=120), 1, f"needs {-(-plan['total'] // 2**20)} MiB",
            f"{(plan['total'] - 1) // 2**20} MiB are free", "-c")
    few = {"OSSO_TEST_GPU_MEMORY": "1000000"}
    refuses(osso(*ask, env=few, timeout=120), 1, "0 MiB are free", "--device cpu")


def test_bench_compares_a_device_with_no_cpu():
    """The CPU's memory and its integer dots are no ceilings of a GPU."""
    said = there(osso("bench", "--device", "gpu", "-p", "0", "-n", "1", "-r", "1", "-o", "json", timeout=300))
    row, = json.loads(said.out)
    assert row["backends"] == "Vulkan" and row["gpu_info"].startswith("vulkan: ") and row["avg_ts"] > 0, row
    assert not any(row[name] for name in ("read_ceiling_gbps", "read_percent", "int8_ceiling_tops", "resident_gbps", "resident_percent")), row


if __name__ == "__main__":
    main(sys.modules[__name__])
