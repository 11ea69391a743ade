"""What the benches share: servers on free ports of loopback, rounds of wrk at them, and what a process used."""
import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
# What is measured: the profiled build where there is one.
PRESET = "profiled" if (ROOT / "build/profiled/trained").exists() else "release"
BINARY = ROOT / f"build/{PRESET}/cli/echelon"


def build(as_it_is):
    """Builds the binary, unless it is to be taken as it is."""
    if not as_it_is:
        subprocess.run([ROOT / "scripts/setup", "--bench"], check=True)
        subprocess.run([ROOT / "scripts/build", PRESET, "echelon"], check=True, stdout=sys.stderr)
    print(f"bench: {BINARY.relative_to(ROOT)}", file=sys.stderr)


def free_ports(count):
    taken = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in taken]
    for s in taken:
        s.close()
    return ports


def wait_port(port):
    limit = time.monotonic() + 10
    while time.monotonic() < limit:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.02)
    sys.exit(f"bench: nothing listens on port {port}")


@contextlib.contextmanager
def servers():
    """A folder, and a list of processes that end with it."""
    processes = []
    with tempfile.TemporaryDirectory(prefix="echelon-bench-") as folder:
        os.chmod(folder, 0o755)  # nginx's worker may run as another user.
        try:
            yield folder, processes
        finally:
            for p in processes:
                p.send_signal(signal.SIGTERM)
            for p in processes:
                p.wait(30)


def nginx(folder, answer, upstream):
    """One nginx with a fixed answer."""
    quoted = answer.replace("\\", "\\\\").replace("'", "\\'").replace("$", "")
    temporary = " ".join(f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    path = pathlib.Path(folder, "nginx.conf")
    path.write_text(f"""
worker_processes 1; daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log warn;
events {{ worker_connections 4096; }}
http {{
  access_log off; keepalive_requests 100000000; {temporary}
  server {{ listen 127.0.0.1:{upstream} backlog=4096; default_type application/json; location / {{ return 200 '{quoted}'; }} }}
}}
""")
    binary = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin:/sbin")
    return subprocess.Popen([binary, "-e", f"{folder}/error.log", "-c", str(path)], stderr=subprocess.DEVNULL)


def echelon(folder, config, port, name="echelon"):
    path = pathlib.Path(folder, f"{name}.yaml")
    path.write_text(json.dumps(config))
    with open(f"{folder}/{name}.log", "wb") as log:
        return subprocess.Popen([str(BINARY), "serve", "--config", str(path), "--listen", f"127.0.0.1:{port}"],
                                stderr=log, stdout=log)


def seconds(text):
    """Of a time as wrk writes it."""
    number, unit = re.fullmatch(r"([0-9.]+)(us|ms|s|m)", text).groups()
    return float(number) * {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0}[unit]


def wrk(folder, port, request, connections, duration):
    """One round: requests a second, p50 and p99 in seconds, and how many there were. Any answer but 200 ends the bench."""
    script = pathlib.Path(folder, "post.lua")
    script.write_text('wrk.method = "POST"\nwrk.headers["Content-Type"] = "application/json"\n' f"wrk.body = [==[{request}]==]\n")
    text = subprocess.run(["wrk", "-t1", f"-c{connections}", f"-d{duration}s", "--timeout", "10s", "--latency", "-s", str(script),
                           f"http://127.0.0.1:{port}/v1/chat/completions"], capture_output=True, text=True, check=True).stdout
    if bad := re.search(r"(Non-2xx.*|Socket errors.*)", text):
        sys.exit(f"bench: port {port}: {bad.group(1)}")
    return (float(re.search(r"Requests/sec:\s+([0-9.]+)", text).group(1)),
            seconds(re.search(r"^\s+50%\s+(\S+)", text, re.M).group(1)), seconds(re.search(r"^\s+99%\s+(\S+)", text, re.M).group(1)),
            int(re.search(r"(\d+) requests in", text).group(1)))


def cpu(processes):
    """Seconds of CPU time so far."""
    ticks = 0
    for p in processes:
        fields = pathlib.Path(f"/proc/{p.pid}/stat").read_text().rsplit(")", 1)[1].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")
