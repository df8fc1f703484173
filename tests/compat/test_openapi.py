#!/usr/bin/env python3
"""Schemathesis draws requests from /openapi.json, right and wrong ones: no 5xx, no status and no answer that the document does not have."""
from places import *

CASES = 3000  # at least; the values at the edges of all fields make most of them


def test_schemathesis():
    says = [dict(match="weather", text=call("f", "{}"), times=200), dict(text=thought("Hm.") + final("Hello."))]
    with scripted(*says, options=["-c", "8192"]) as s:
        command = [COMPAT / "venv/bin/st", "run", url(s) + "/openapi.json", "-c", "not_a_server_error,status_code_conformance,response_schema_conformance",
                   "--phases", "coverage,fuzzing", "-n", "80", "--seed", "11", "--no-shrink", "--continue-on-failure", "--suppress-health-check", "all",
                   "--request-timeout", "60", "--generation-database", "none"]
        done = subprocess.run(command, cwd=TEMP, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=570, env=environment())
        text = done.stdout.decode()
        found = re.search(r"([\d,]+) generated, ([\d,]+) passed", text)
        assert done.returncode == 0 and found and found[1] == found[2], text[-6000:]
        assert int(found[1].replace(",", "")) >= CASES, text[-600:]
        log = re.findall(r" (?:GET|POST|DELETE) (\S+) (\d+)", s.complaint())
        bad = [line for line in log if line[1][0] == "5" and line != ("/health", "503")]  # who waits for the server asks this
        assert not bad, bad[:5]
        taken = {path for path, status in log if status == "200"}
        wanted = {"/v1/chat/completions", "/v1/responses", "/v1/completions", "/tokenize", "/detokenize", "/apply-template"}
        assert wanted <= taken, f"nothing that the document allows was right for {wanted - taken}"
        s.rests()


if __name__ == "__main__":
    main(sys.modules[__name__])
