#!/usr/bin/env python3
"""--device: the same text on a GPU (or Mesa's driver on the CPU) as on the CPU, and one line for what cannot be."""
from harness import *

PROMPT = ("-p", "Once upon a time there was", "-n", "6", "--seed", "7", "-c", "256", "-t", "1")


def test_same_text():
    """A seed gives the same text on both devices; an instruction set in the environment does not matter to a GPU."""
    gpu = osso("generate", *PROMPT, env={"OSSO_DEVICE": "gpu", "OSSO_ISA": "scalar"}, timeout=300)
    if gpu.code == 1 and ("libvulkan" in gpu.complaint or "Vulkan" in gpu.complaint):
        raise Skip(gpu.complaint.strip())
    cpu = osso("generate", *PROMPT)
    assert gpu.code == cpu.code == 0 and cpu.text and gpu.out == cpu.out, (cpu, gpu)


def test_refused():
    """What is no device's name is a slip of the command line; a device that is not there ends the run."""
    for name in ("tpu", "gpu:", "gpus", ""):
        refuses(osso("generate", *PROMPT, "--device", name), 2, "--device", "gpu:NUMBER")
    refuses(osso("generate", *PROMPT, "--device", "gpu", "--isa", "scalar"), 2, "--isa", "give one of them")
    refuses(osso("generate", *PROMPT, "--device", "gpu:63", timeout=120), 1)
    refuses(osso("generate", *PROMPT, "--device", "gpu:no such card", timeout=120), 1)
    assert osso("generate", *PROMPT, "--device", "cpu").code == 0


if __name__ == "__main__":
    main(sys.modules[__name__])
