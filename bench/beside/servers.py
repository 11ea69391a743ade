"""Servers side by side on free ports of loopback, all before the same upstream; each is a Server or None if it is not there."""
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time

from servers import free_ports

ANSWER = json.dumps({
    "id": "chatcmpl-bench", "object": "chat.completion", "created": 1700000000, "model": "bench",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "All work and no play. " * 20, "refusal": None},
                 "logprobs": None, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 20, "completion_tokens": 100, "total_tokens": 120}})
PROMPT = "Tell me something that is about as long as a usual prompt. " * 8
EVENTS = 200  # In one streamed answer of the upstream.


def request(model, stream=False):
    """A request of about 1 KB."""
    body = {"model": model, "temperature": 0.2, "messages": [
        {"role": "system", "content": "You are a helpful assistant."}, {"role": "user", "content": PROMPT}]}
    return json.dumps({**body, "stream": True} if stream else body)


def streamed_answer():
    def event(delta, finish=None):
        return "data: " + json.dumps({"id": "chatcmpl-bench", "object": "chat.completion.chunk", "created": 1700000000, "model": "bench",
                                      "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}]}) + "\n\n"
    return (event({"role": "assistant", "content": ""}) + event({"content": " word"}) * (EVENTS - 2) + event({}, "stop")
            + "data: [DONE]\n\n")


def free_port():
    return free_ports(1)[0]


class Server:
    """A process with its children that serves on `port`."""

    def __init__(self, name, process, port, model="bench_node", path="/v1/chat/completions", headers=None, patience=15):
        self.name, self.process, self.port, self.model, self.path = name, process, port, model, path
        self.headers = headers or {}
        limit = time.monotonic() + patience
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return
            except OSError:
                if time.monotonic() > limit or process.poll() is not None:
                    raise SystemExit(f"bench: {name} does not listen on port {port}") from None
                time.sleep(0.02)

    def processes(self):
        """This one and all below it."""
        found, todo = [], [self.process.pid]
        while todo:
            pid = todo.pop()
            found.append(pid)
            for task in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
                try:
                    todo += [int(x) for x in task.read_text().split()]
                except OSError:
                    pass  # It ended meanwhile.
        return found

    def cpu(self):
        """Seconds that were used so far."""
        ticks = 0
        for pid in self.processes():
            fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def memory(self):
        """Resident bytes."""
        pages = sum(int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in self.processes())
        return pages * os.sysconf("SC_PAGE_SIZE")

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def start(command, folder, name, **how):
    with open(pathlib.Path(folder, f"{name}.log"), "wb") as log:
        return subprocess.Popen([str(x) for x in command], stdout=log, stderr=log, stdin=subprocess.DEVNULL, **how)


def binary(name):
    return shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin:/sbin")


def nginx(folder, name, servers, workers=1):
    """`servers`: the text of its server blocks."""
    home = pathlib.Path(folder, name)
    home.mkdir()
    temporary = " ".join(f"{kind}_temp_path {home}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    (home / "nginx.conf").write_text(f"""worker_processes {workers}; daemon off; pid {home}/pid; error_log {home}/error.log warn;
worker_rlimit_nofile 20000; events {{ worker_connections 16000; }}
http {{ access_log off; keepalive_requests 100000000; {temporary} {servers} }}
""")
    return start([binary("nginx"), "-e", home / "error.log", "-c", home / "nginx.conf"], folder, name)


def upstream(folder):
    """An nginx that answers everything with the fixed completion."""
    port = free_port()
    server = f"""server {{ listen 127.0.0.1:{port} backlog=4096; default_type application/json; location / {{ return 200 '{ANSWER}'; }} }}"""
    return Server("direct", nginx(folder, "upstream", server), port)


def nginx_proxy(folder, origin, name="nginx"):
    """A plain reverse proxy."""
    port = free_port()
    return Server("nginx", nginx(folder, name, f"""upstream origin {{ server 127.0.0.1:{origin.port}; keepalive 512; keepalive_requests 100000000; }}
      server {{ listen 127.0.0.1:{port} backlog=4096; location / {{ proxy_pass http://origin; proxy_http_version 1.1;
        proxy_set_header Connection ""; proxy_buffering on; }} }}"""), port)


def haproxy(folder, origin):
    port, path = free_port(), pathlib.Path(folder, "haproxy.cfg")
    path.write_text(f"""global
  nbthread 1
  maxconn 8000
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  http-reuse always
frontend in
  bind 127.0.0.1:{port}
  default_backend out
backend out
  server one 127.0.0.1:{origin.port}
""")
    return Server("haproxy", start([binary("haproxy"), "-f", path], folder, "haproxy"), port)


def router_config(base, targets=1):
    """The whole path: node, pool, group, tier and model, each with permits, limits and a breaker; and tiers without a limit.

    `targets`: how many groups of that kind there are; the first is asked.
    """
    limits = {"concurrency_limit": 10000, "rpm_limit": 1000000000}
    models = {f"bench-model-{i}": {"provider": "bench", "model": "bench", **limits} for i in range(min(targets, 100))}
    models["plain-model"] = {"provider": "bench", "model": "bench"}
    groups = {f"bench_group_{i}": {"echelon1": {"models": [f"bench-model-{i % 100}"], "priority": 1, "timeout": 60, "max_retries": 1,
                                                **limits}} for i in range(targets)}
    groups["plain_group"] = {"echelon1": {"models": ["plain-model"], "priority": 1, "timeout": 60}}
    return {
        "providers": {"bench": {"kind": "openai", "base_url": base, "api_key": "${BENCH_KEY}"}},
        "models": models, "task_groups": groups,
        "polling_pools": {"bench_pool": {"task_groups": ["bench_group_0"], "rate_limiting": {
            "enabled": True, "algorithm": "token_bucket", "bucket_size": 1000000000, "refill_rate": 1000000}}},
        "workflow_nodes": {
            "bench_node": {"type": "llm", "llm_group": "bench_group_0.echelon1", "polling_pool": "bench_pool", "concurrency_config": {"limit": 10000, "queue_size": 100}, "task_config": {"timeout": 120}}}}


def echelon(folder, name, origin, program, model="bench_node", path="/v1", config=None):
    port, file = free_port(), pathlib.Path(folder, f"{name}.yaml")
    config = config or router_config(f"http://127.0.0.1:{origin.port}{path}")
    file.write_text(json.dumps({"server": {"max_connections": 9000, "max_connections_per_client": 9000, "max_requests": 12000,
                                           "max_requests_per_client": 12000, **config.pop("server", {})}, **config}))
    command = [program, "serve", "--config", file, "--listen", f"127.0.0.1:{port}"]
    return Server(name, start(command, folder, name, env={**os.environ, "BENCH_KEY": "bench"}), port, model=model)


def portkey(folder, origin, home):
    """Portkey's gateway from npm, in `home`; None if it is not installed."""
    script = pathlib.Path(home, "node_modules/@portkey-ai/gateway/build/start-server.js")
    if not script.exists():
        return None
    port = free_port()
    headers = {"x-portkey-provider": "openai", "x-portkey-custom-host": f"http://127.0.0.1:{origin.port}/v1", "Authorization": "Bearer bench"}
    process = start([binary("node"), script, "--headless", f"--port={port}"], folder, "portkey", env={**os.environ, "NODE_ENV": "production"})
    return Server("portkey", process, port, headers=headers, patience=60)


def litellm(folder, origin, home):
    """LiteLLM's proxy from PyPI, in the virtual environment `home`; None if it is not installed."""
    program = pathlib.Path(home, "bin/litellm")
    if not program.exists():
        return None
    port, path = free_port(), pathlib.Path(folder, "litellm.yaml")
    path.write_text(json.dumps({"model_list": [{"model_name": "bench_node", "litellm_params": {
        "model": "openai/bench", "api_base": f"http://127.0.0.1:{origin.port}/v1", "api_key": "bench"}}],
        "litellm_settings": {"telemetry": False}}))
    env = {**os.environ, "LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "ERROR",
           "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true"}
    process = start([program, "--config", path, "--host", "127.0.0.1", "--port", port], folder, "litellm", env=env)
    return Server("litellm", process, port, patience=120)
