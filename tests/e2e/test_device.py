#!/usr/bin/env python3
"""--device: the same text on a GPU (or Mesa's driver on the CPU) as on the CPU, and one line for what cannot be."""
import concurrent.futures
import csv

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
    """Experts that do not fit are the CPU's, the text is the same; info says it beforehand. What does not fit even so is
    one line with both numbers; less context may fit."""
    said = there(osso("info", "--device", "gpu", "--json", "-c", "2048", timeout=120))
    plan = json.loads(said.out)["device"]
    parts = [plan[part] for part in ("weights", "kv", "scratch")]
    assert all(parts) and plan["total"] == sum(parts) and plan["context"] == 2048 and plan["fits"], plan
    assert "\ndevice\n" in osso("info", "--device", "gpu", timeout=120).text
    assert "device" not in json.loads(osso("info", "--json").out)
    refuses(osso("info", "--preset", "20b", "--device", "gpu"), 2, "--preset")
    less = {"OSSO_TEST_GPU_MEMORY": str(plan["total"] - 1)}
    ask = ("generate", "-p", "Once", "-n", "4", "-c", "2048", "--device", "gpu")
    assert plan["cpu_expert_layers"] == plan["cpu_expert_bytes"] == 0 and plan["experts"] == "all layers", plan
    part = json.loads(osso("info", "--device", "gpu", "--json", "-c", "2048", env=less, timeout=120).out)["device"]
    assert part["fits"] and part["cpu_expert_layers"] == 1 and part["cpu_experts"] == "layer 0" and part["experts"] == "layers 1 to 5", part
    assert part["cpu_expert_bytes"] + part["weights"] == plan["weights"], part
    said = osso(*ask, env=less, timeout=120)
    assert said.out == osso(*ask[:-2]).out and "the experts of layer 0" in said.complaint and said.complaint.count("\n") == 1, said
    asked = osso("info", "--gpu-memory", str(part["total"]), "--device", "gpu", "--json", "-c", "2048", timeout=120)
    assert json.loads(asked.out)["device"]["total"] == part["total"] == json.loads(asked.out)["device"]["available"], asked
    few = {"OSSO_GPU_MEMORY": "22M"}
    refuses(osso(*ask, env=few, timeout=120), 1, "even with all experts on the CPU", "22 MiB are allowed", "ask for less with -c")
    assert not json.loads(osso("info", "--device", "gpu", "--json", "-c", "2048", env=few, timeout=120).out)["device"]["fits"]
    few = {"OSSO_TEST_GPU_MEMORY": "1000000"}
    refuses(osso(*ask, env=few, timeout=120), 1, "0 MiB are free", "--device cpu")


def test_says_which():
    """The device, its driver, whose fma has the CPU's bits and what else it has and osso uses: the same words everywhere."""
    plan = json.loads(there(osso("info", "--device", "gpu", "--json", "-c", "256", timeout=120)).out)["device"]
    answer = json.loads(osso("generate", *PROMPT, "--device", "gpu", "--json", timeout=300).out)["device"]
    row = json.loads(osso("bench", "--device", "gpu", "-p", "0", "-n", "1", "-r", "1", "-o", "json", timeout=300).out)[0]
    assert {key: plan[key] for key in answer} == answer and len(answer) == 4, (plan, answer)
    assert [row["gpu_" + key] for key in ("info", "driver", "bits", "features")] == [answer[key] for key in ("name", "driver", "bits", "features")], row
    assert plan["bits"] in ("equal (fma made in f64)", "equal (fma of its own)") and plan["driver"], plan
    lines = [line for line in osso("--version", timeout=120).text.splitlines() if line.startswith("GPU ")]
    name = plan["name"].removeprefix("vulkan: ")
    assert any(name in line and f"{plan['driver']}; bits: {plan['bits']}; {plan['features']}" in line for line in lines), lines
    assert "device" not in json.loads(osso("generate", *PROMPT, "--json").out)


def test_version_without_vulkan():
    """Where no driver is, --version says nothing of GPUs beside that osso knows them, and complains of nothing."""
    said = osso("--version", env={"VK_DRIVER_FILES": "/dev/null", "VK_ICD_FILENAMES": "/dev/null"})
    assert said.code == 0 and not said.complaint and not any(line.startswith("GPU ") for line in said.text.splitlines()), said


def test_bench_compares_a_device_with_itself():
    """Its ceilings are its own, measured in the same run; the CPU's cache says nothing of it."""
    said = there(osso("bench", "--device", "gpu", "-p", "4", "-n", "1", "-r", "1", "-o", "json", timeout=300))
    for row in json.loads(said.out):
        assert row["backends"] == "Vulkan" and row["gpu_info"].startswith("vulkan: ") and row["avg_ts"] > 0, row
        assert all(row[name] > 0 for name in ("read_ceiling_gbps", "int8_ceiling_tops", "int8_percent", "copy_ceiling_gbps", "command_us", "alone_us")), row
        assert (row["read_percent"] > 0) == (row["n_gen"] > 0) and row["alone_us"] < 1e6, row
        assert not any(row[name] for name in ("resident_gbps", "resident_percent")), row
    table = osso("bench", "--device", "gpu", "-p", "0", "-n", "1", "-r", "1", timeout=300).text
    assert "from the host and back" in table and "in cache: of" not in table, table


def test_time_of_each_kernel():
    """--kernel-times: which kernels ran, how often and how long, by the device's clock."""
    path = TEMP / "times.csv"
    ask = ("bench", "-p", "3", "-n", "2", "-r", "1", "--kernel-times", path)
    there(osso(*ask, "--device", "gpu", timeout=300))
    with open(path, newline="") as f:
        rows = list(csv.DictReader(f))
    layers = json.loads(osso("info", "--json").out)["architecture"]["layers"]
    for test, steps in (("pp3", 1), ("tg2", 2)):
        lines = [row for row in rows if row["test"] == test]
        runs = lambda kernel: sum(int(row["commands"]) for row in lines if row["kernel"] == kernel)
        assert {row["steps"] for row in lines} == {str(steps)}, lines
        assert runs("attend") == runs("rope_append") == steps * layers and runs("embed") == steps, lines
        assert abs(sum(float(row["percent"]) for row in lines) - 100) < 1 and all(float(row["us"]) > 0 for row in lines), lines
    assert {row["format"] for row in rows if row["kernel"] in ("experts_in", "experts_in_dot4")} == {"MXFP4_HF"}, rows
    refuses(osso(*ask), 2, "--kernel-times", "--device gpu")
    refuses(osso(*ask, "--device", "cpu"), 1, "on a GPU alone")
    refuses(osso(*ask[:-1], TEMP / "no" / "where", "--device", "gpu", timeout=300), 1, "cannot be written")


def test_shared_out():
    """--cpu-experts: the same text; numbers that make no sense are refused, and so is sharing out what the CPU has."""
    cpu = osso("generate", *PROMPT)
    for layers in ("0", "2", "6"):
        said = there(osso("generate", *PROMPT, "--device", "gpu", "--cpu-experts", layers, timeout=300))
        assert said.code == 0 and said.out == cpu.out and not said.complaint, said
    assert osso("generate", *PROMPT, env={"OSSO_CPU_EXPERTS": "2", "OSSO_GPU_MEMORY": "1G"}).out == cpu.out
    refuses(osso("generate", *PROMPT, "--device", "gpu", "--cpu-experts", "7", timeout=120), 2, "--cpu-experts", "6 layers")
    refuses(osso("generate", *PROMPT, "--device", "gpu", "--cpu-experts", "-1"), 2, "--cpu-experts")
    for word in ("0", "-1", "much", "1X", ""):
        refuses(osso("generate", *PROMPT, "--device", "gpu", "--gpu-memory", word), 2, "--gpu-memory")
    for flag in (("--gpu-memory", "1G"), ("--cpu-experts", "2")):
        refuses(osso("generate", *PROMPT, *flag), 2, flag[0], "add --device gpu")
        refuses(osso("generate", *PROMPT, "--device", "cpu", *flag), 2, flag[0], "the CPU computes")
        assert osso("generate", *PROMPT, "--device", "auto", *flag, timeout=120).out == cpu.out


if __name__ == "__main__":
    main(sys.modules[__name__])
