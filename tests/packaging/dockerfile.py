#!/usr/bin/env python3
"""dockerfile.py ROOT FILE: does what a Dockerfile says, in copies of a clean root instead of images, and then what the
image would: its ENTRYPOINT and CMD, or the words that follow. Only the instructions that packaging/Dockerfile uses, in the
forms in which it uses them; another one is an error, so that nothing is passed over."""
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys

REPO = pathlib.Path(__file__).resolve().parents[2]
ENTER = 'mount -t proc proc "$0/proc" && cd "$0" && exec chroot "$@"'


def instructions(path):
    text = re.sub(r"^\s*#.*\n", "", path.read_text(), flags=re.M).replace("\\\n", " ")
    for line in text.splitlines():
        if line.strip():
            yield line.split(None, 1)


class Stage:
    def __init__(self, base, root):
        self.root, self.user, self.folder, self.env, self.entry, self.command, self.volumes = root, "root", "/", {}, [], [], []
        subprocess.run(["bash", "-c", '. tests/packaging/root.sh; base=$0; root_copy "$1"', base, root], cwd=REPO, check=True)

    def run(self, words, **more):
        """As the stage's user, in its folder."""
        env = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": self.folder if self.user != "root" else "/root", **self.env}
        inner = ["env", "-i", *(f"{k}={v}" for k, v in env.items()), "sh", "-c", 'cd "$0" && exec "$@"', self.folder, *words]
        who = [f"--userspec={self.user}:{self.user}"] if self.user != "root" else []
        return subprocess.run(["unshare", "--mount", "--propagation", "private", "sh", "-c", ENTER, self.root, *who, self.root, *inner],
                              stdin=subprocess.DEVNULL, **more)

    def put(self, source, target):
        target = pathlib.Path(f"{self.root}/{target.lstrip('/')}")
        target.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["cp", "-a", f"{source}/.", target] if pathlib.Path(source).is_dir() else ["cp", "-a", source, target], check=True)


def context(to):
    """What COPY . takes: the files of the checkout, without what .dockerignore names (all of it is not tracked)."""
    names = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=REPO, check=True, stdout=subprocess.PIPE).stdout
    os.makedirs(to)
    subprocess.run(["cpio", "--quiet", "-0pdm", to] if shutil.which("cpio") else ["sh", "-c", 'tar -c --null -T - | tar -x -C "$0"', to], input=names, cwd=REPO, check=True)


def play(base, path, work):
    stages, stage = {}, None
    for what, rest in instructions(path):
        if what == "FROM":
            image, _, name = rest.partition(" AS ")
            assert image.startswith("debian:"), rest
            stage = stages[name] = Stage(base, f"{work}/{name or 'last'}")
        elif what == "COPY":
            words = rest.split()
            other = stages[words.pop(0)[len("--from="):]] if words[0].startswith("--from=") else None
            source, target = words
            if source == ".":
                context(f"{work}/context")
                source = f"{work}/context"
            stage.put(f"{other.root}/{source}" if other else REPO / source, target)
        elif what == "RUN":
            stage.run(["sh", "-c", rest], check=True)
        elif what == "ENV":
            stage.env.update(word.split("=", 1) for word in shlex.split(rest))
        elif what == "VOLUME":
            stage.volumes.append(rest)
        elif what == "USER":
            stage.user = rest
        elif what == "WORKDIR":
            stage.folder = rest
        elif what in ("ENTRYPOINT", "CMD"):
            setattr(stage, "entry" if what == "ENTRYPOINT" else "command", json.loads(rest))
        else:
            assert what == "EXPOSE" and int(rest), what
    return stage


def main(base, path):
    work = REPO / "build/root-image"
    subprocess.run(["rm", "-rf", "--one-file-system", work], check=True)
    os.makedirs(work)
    try:
        image = play(base, pathlib.Path(path), work)
        answer = lambda *words: image.run([*image.entry, *(words or image.command)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        said = answer("chat", "--seed", "1", "--temp", "0", "-p", "Who are you?")
        assert said.returncode == 0 and said.stdout.startswith(b"I am Osso, the small model"), said
        assert image.command == ["chat"] and image.user != "root", image.command
        for volume in image.volumes:  # the user can write there, as what is mounted there first takes its owner
            image.run(["sh", "-c", f"touch {volume}/x && rm {volume}/x"], check=True)
        said = answer("pull", "--offline", "gpt-oss-20b")  # the recommended libraries are there
        assert said.returncode == 1 and b"libcurl" not in said.stdout, said
        assert answer("--version").stdout.count(b"left out") == 0, answer("--version").stdout
        size = subprocess.run(["du", "-smx", image.root], stdout=subprocess.PIPE, check=True).stdout.split()[0].decode()
        print(f"dockerfile: {len(list(instructions(pathlib.Path(path))))} instructions, an image of {size} MB, answered")
    finally:
        subprocess.run(["rm", "-rf", "--one-file-system", work], check=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
