#!/usr/bin/env python3
"""Codex CLI with the configuration of docs/serve.md: it edits a file by a call, calls a tool of a namespace, gets both results back and
prints the final answer; and codex --oss."""
from places import *

CODEX = COMPAT / "node_modules/.bin/codex"
FLAGS = ["exec", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox"]


def config(port):
    """The block of docs/serve.md that is Codex's config.toml, for this port."""
    text = (ROOT / "docs/serve.md").read_text()
    found = re.search(r"```toml\n(.*?)```", text, re.S)
    assert found and "127.0.0.1:8080" in found[1], "docs/serve.md has no config.toml"
    return found[1].replace("127.0.0.1:8080", f"127.0.0.1:{port}")


def codex(port, *args, env=None, configured=True):
    home, work = TEMP / f"codex-{time.monotonic_ns()}", TEMP / f"work-{time.monotonic_ns()}"
    (home / ".codex").mkdir(parents=True)
    work.mkdir()
    if configured:
        (home / ".codex/config.toml").write_text(config(port))
    done = subprocess.run([CODEX, *args], cwd=work, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120,
                          env=environment(HOME=str(home), **(env or {})))
    return Result(done), work


def test_a_file_and_a_namespace():
    """Each rule asks for the result of the call before: the thought and the call as they were said, then Codex's output."""
    edit = thought("I write it.") + call("exec_command", json.dumps(dict(cmd="printf 'one\\ntwo\\n' > notes.txt && wc -l notes.txt")))
    close = thought("Now the agent.") + call("close_agent", json.dumps(dict(target="nobody")))
    steps = [dict(match=close + "<|start|>functions.close_agent to=assistant<|channel|>commentary<|message|>", text=final("The notes are written.")),
             dict(match="2 notes.txt", text=close), dict(match="Write the notes, please", text=edit)]
    with scripted(*steps) as s:
        done, work = codex(s.port, *FLAGS, "Write the notes, please")
        assert done.code == 0 and "The notes are written." in done.text, (done, s.complaint())
        assert (work / "notes.txt").read_text() == "one\ntwo\n"
        assert "unsupported call" not in done.complaint, done
        log = re.findall(r" (?:GET|POST) \S+ \d+", s.complaint())
        assert log.count(" POST /v1/responses 200") == 3 and not [line for line in log if "/v1/responses" in line and not line.endswith("200")], log


def test_a_patch():
    """As models of OpenAI edit: apply_patch, run by the shell tool."""
    patch = "apply_patch <<'EOF'\n*** Begin Patch\n*** Add File: hello.txt\n+Hello, file.\n*** End Patch\nEOF\n"
    with scripted(dict(match="Success. Updated", text=final("Patched.")),
                  dict(match="Add the file", text=call("exec_command", json.dumps(dict(cmd=patch))))) as s:
        done, work = codex(s.port, *FLAGS, "Add the file")
        assert done.code == 0 and "Patched." in done.text, (done, s.complaint())
        assert (work / "hello.txt").read_text() == "Hello, file.\n"


def test_oss():
    """codex --oss asks a local server as it asks LM Studio: the list of models, an empty input, then the rest."""
    with scripted(dict(text=final("From here.")), options=["--alias", "openai/gpt-oss-20b"]) as s:
        done, _ = codex(s.port, "--oss", "--local-provider", "lmstudio", "-m", "openai/gpt-oss-20b", *FLAGS, "hello", configured=False,
                        env=dict(CODEX_OSS_PORT=str(s.port)))
        assert done.code == 0 and "From here." in done.text, (done, s.complaint())


def test_too_long():
    """A conversation that does not fit is told as such."""
    with scripted(dict(text=final("x")), options=["-c", "4096"]) as s:
        done, _ = codex(s.port, *FLAGS, "hello")
        assert done.code != 0 and "context window" in done.complaint, done


if __name__ == "__main__":
    main(sys.modules[__name__])
