"""Load: wrk for what a server can do at most, `echelon bench` for latencies at a fixed rate (open loop)."""
import json
import pathlib
import re
import subprocess
import time
import urllib.request

from servers import seconds


def closed(folder, server, body, connections, duration):
    """Each connection asks again when it has its answer. @returns requests/s, p50, p99 (s), CPU s a request, bytes/s."""
    script = pathlib.Path(folder, "post.lua")
    headers = "".join(f'wrk.headers["{k}"] = "{v}"\n' for k, v in {"Content-Type": "application/json", **server.headers}.items())
    script.write_text(f'wrk.method = "POST"\n{headers}wrk.body = [==[{body}]==]\n')
    before, begun = server.cpu(), time.monotonic()
    text = subprocess.run(["wrk", "-t1", f"-c{connections}", f"-d{duration}s", "--timeout", "20s", "--latency", "-s", str(script),
                           f"http://127.0.0.1:{server.port}{server.path}"], capture_output=True, text=True, check=True).stdout
    used, took = server.cpu() - before, time.monotonic() - begun
    if bad := re.search(r"(Non-2xx.*|Socket errors.*)", text):
        raise SystemExit(f"bench: {server.name}: {bad.group(1)}")
    rate = float(re.search(r"Requests/sec:\s+([0-9.]+)", text).group(1))
    size, unit = re.search(r"Transfer/sec:\s+([0-9.]+)(\w+)", text).groups()
    return {"rps": rate, "p50": seconds(re.search(r"^\s+50%\s+(\S+)", text, re.M).group(1)),
            "p99": seconds(re.search(r"^\s+99%\s+(\S+)", text, re.M).group(1)), "cpu": used / max(rate * took, 1),
            "bytes": float(size) * {"B": 1, "KB": 2**10, "MB": 2**20, "GB": 2**30}[unit]}


def steady(folder, server, body, connections, duration):
    """CPU microseconds of a request of an echelon, counted from when all connections are open."""
    def served():
        with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/metrics", timeout=60) as reply:
            return sum(float(line.rsplit(" ", 1)[1]) for line in reply.read().decode().splitlines()
                       if line.startswith("echelon_requests_total{"))
    script = pathlib.Path(folder, "post.lua")
    script.write_text(f'wrk.method = "POST"\nwrk.headers["Content-Type"] = "application/json"\nwrk.body = [==[{body}]==]\n')
    with subprocess.Popen(["wrk", "-t1", f"-c{connections}", f"-d{duration + 4}s", "--timeout", "30s", "-s", str(script),
                           f"http://127.0.0.1:{server.port}{server.path}"], stdout=subprocess.PIPE, text=True) as running:
        time.sleep(2)  # For all to connect.
        before, requests = server.cpu(), served()
        time.sleep(duration)
        used, requests = server.cpu() - before, served() - requests
        text = running.communicate()[0]
    if bad := re.search(r"(Non-2xx.*|Socket errors.*)", text):
        raise SystemExit(f"bench: {server.name} with {connections} connections: {bad.group(1)}")
    return 1e6 * used / requests


def opened(program, server, rate, connections, duration, prompt, stream=False):
    """Requests become due at `rate` whatever became of those before. @returns the report of `echelon bench --json`."""
    command = [str(program), "bench", server.model, "--url", f"http://127.0.0.1:{server.port}", "--rate", f"{rate:.0f}", "--connections",
               str(connections), "--for", f"{duration}s", "--prompt", prompt, "--json"] + (["--stream"] if stream else [])
    for name, value in server.headers.items():
        command += ["--header", f"{name}: {value}"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode == 2:
        raise SystemExit(f"bench: {server.name}: {done.stderr}")
    report = json.loads(done.stdout)
    if report["failed"]:
        raise SystemExit(f"bench: {server.name}: {report['failures']}")
    return report
