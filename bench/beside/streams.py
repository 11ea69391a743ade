"""Streamed answers: what a router adds to the first token, how many events it passes on, and what an open stream costs."""
import json
import pathlib
import re
import resource
import statistics
import subprocess
import time
import urllib.request

from . import load, servers


def upstream(folder):
    """An nginx that answers everything with the fixed stream at once."""
    port, home = servers.free_port(), pathlib.Path(folder, "answers")
    home.mkdir()
    home.chmod(0o755)
    (home / "stream").write_text(servers.streamed_answer())
    return servers.Server("direct", servers.nginx(folder, "stream-upstream", f"""server {{ listen 127.0.0.1:{port} backlog=4096;
      location / {{ error_page 405 =200 /answers/stream; return 405; }}
      location /answers/ {{ root {folder}; default_type text/event-stream; open_file_cache max=10; }} }}"""), port)


def simulator(folder, name, program, times):
    """Streams whose tokens come at their times (seconds), each in a packet of its own."""
    port, script = servers.free_port(), pathlib.Path(folder, f"{name}.yaml")
    script.write_text(json.dumps({"defaults": times}))
    command = [program, "simulate", "--listen", f"127.0.0.1:{port}", "--script", script]
    return servers.Server("direct", servers.start(command, folder, name), port)


def in_flight(router):
    with urllib.request.urlopen(f"http://127.0.0.1:{router.port}/metrics", timeout=30) as reply:
        return int(float(re.search(r"^echelon_requests_in_flight(?:\{\})? (\S+)", reply.read().decode(), re.M).group(1)))


def memory(folder, program):
    """@returns how many streams were open, and the resident bytes that each cost the router."""
    count = min(10000, (resource.getrlimit(resource.RLIMIT_NOFILE)[1] - 400) // 2)  # Two descriptors each.
    origin = simulator(folder, "slow", program, {"latency": 0, "first_token": 0, "per_token": 3})
    router = servers.echelon(folder, "slow-router", origin, program, config={
        **servers.router_config(f"http://127.0.0.1:{origin.port}/v1"),
        "server": {"max_connections": count + 100, "max_connections_per_client": count + 100}})
    try:
        load.opened(program, router, 100, 10, 1, "warm")
        before = router.memory()
        command = [program, "bench", router.model, "--url", f"http://127.0.0.1:{router.port}", "--stream", "--rate", "2000",
                   "--connections", count, "--for", f"{count / 2000:.2f}s", "--timeout", "120s", "--prompt", "Say hello.", "--json"]
        client = servers.start(command, folder, "streams")
        limit = time.monotonic() + 60
        while in_flight(router) < count - 20 and time.monotonic() < limit and client.poll() is None:
            time.sleep(0.2)
        opened, after = in_flight(router), router.memory()
        client.wait(180)
        report = json.loads(pathlib.Path(folder, "streams.log").read_text())
        return {"open": opened, "bytes": (after - before) / max(opened, 1), "failed": report["failed"]}
    finally:
        router.stop()
        origin.stop()


def first_tokens(folder, program):
    """Milliseconds from a request to its first token, at 300 requests a second."""
    origin = simulator(folder, "tokens", program, {"latency": 0, "first_token": 0.002, "per_token": 0.002})
    running = [origin, servers.nginx_proxy(folder, origin, "token-proxy"), servers.echelon(folder, "token-router", origin, program)]
    running[-1].name = "echelon"
    try:
        rows = {}
        for _ in range(3):
            for server in running:
                report = load.opened(program, server, 300, 64, 3, "Say hello.", stream=True)
                rows.setdefault(server.name, []).append(report["first_token_ms"])
        return {name: {q: statistics.median(x[q] for x in all_) for q in ("p50", "p99")} for name, all_ in rows.items()}
    finally:
        for server in running:
            server.stop()


def events(folder, program):
    """Events a second at most, of answers that the upstream has at once, and the CPU that one costs."""
    origin = upstream(folder)
    running = [servers.nginx_proxy(folder, origin, "stream-proxy"), servers.echelon(folder, "stream-router", origin, program)]
    running[-1].name = "echelon"
    try:
        found = {}
        for server in running:
            row = load.closed(folder, server, servers.request(server.model, stream=True), 16, 4)
            found[server.name] = {"per_s": row["rps"] * servers.EVENTS, "cpu_us": row["cpu"] * 1e6 / servers.EVENTS}
        return found
    finally:
        for server in [origin, *running]:
            server.stop()


def compare(folder, program):
    return {"first_token": first_tokens(folder, program), "events": events(folder, program), "memory": memory(folder, program)}


def show(found):
    direct = found["first_token"]["direct"]
    print("\nstreams, 300 a second, first token in ms: " + "; ".join(
        f"{name} p50 {x['p50']:.3f} p99 {x['p99']:.3f}" + ("" if name == "direct" else f" (added {1e3 * (x['p50'] - direct['p50']):.0f} us)")
        for name, x in found["first_token"].items()))
    print("streams, most events a second: " + "; ".join(f"{name} {x['per_s']:.0f} ({x['cpu_us']:.2f} us CPU an event)"
                                                        for name, x in found["events"].items()))
    m = found["memory"]
    print(f"streams, {m['open']} open: {m['bytes'] / 1024:.1f} KiB resident each, {m['failed']} failed")
