"""The Python package: calls, streams, failures, a remote gateway, and a cluster with embedded members."""
import asyncio
import json
import pathlib
import subprocess
import sys
import tempfile
import threading

from echelon import ConfigManager, LLMError, LlmFactory

from harness import client, steps
from harness.case import Case, config, group, main, tier
from harness.nodes import free_ports


def written(settings, folder):
    path = pathlib.Path(folder, "config.yaml")
    path.write_text(json.dumps(settings), encoding="utf-8")
    return path


class Embedded(Case):
    def router(self, **changes):
        """A router in this process, before all upstreams."""
        factory = LlmFactory(ConfigManager.from_text(json.dumps(config(self.upstreams, **changes))))
        self.addCleanup(factory.shutdown)
        return factory

    def permits(self, factory):
        return sum(a["permits"]["used"] for a in factory.state()["actors"])

    def program(self, code):
        """What Python makes of `code`, in which CONFIG is the path of a configuration before one upstream that answers."""
        with tempfile.TemporaryDirectory() as folder:
            self.upstream(steps.ok())
            path = written(config(self.upstreams), folder)
            return subprocess.run([sys.executable, "-c", code.replace("CONFIG", repr(str(path)))], capture_output=True,
                                  text=True, timeout=60, check=False)


class Calls(Embedded):
    def test_a_call_is_awaited_and_says_how_it_went(self):
        u = self.upstream(steps.ok())
        llm = self.router().create_client_from_group("g")

        async def all_ways():
            one = await llm.call("hello", temperature=0.5, user="me")
            two = await llm.call_with_group("g.echelon1", [{"role": "user", "content": "again"}])
            three = await llm.call_with_fallback_groups(["g"], {"messages": [{"role": "user", "content": "third"}]})
            return one, two, three

        answers = asyncio.run(all_ways())
        for x in (*answers, llm.call_sync("x"), llm.call_with_group_sync("g", "x")):
            self.assertEqual(x.route, "g.echelon1/m1")
            self.assertEqual(str(x), x.text)
            self.assertEqual(x.attempts, 1)
        sent = u.hits[0].json()
        self.assertEqual((sent["temperature"], sent["user"], sent["model"]), (0.5, "me", "real-1"))

    def test_a_hundred_calls_at_once_keep_the_limit(self):
        u = self.upstream(steps.after(0.02, steps.ok()))
        llm = self.router(every={"concurrency_limit": 7, "timeout": 30}).create_client_from_group("g")

        async def crowd():
            return await asyncio.gather(*(llm.call(f"{i}") for i in range(100)))

        self.assertEqual(len(asyncio.run(crowd())), 100)
        self.assertEqual(u.max_running, 7)

    def test_a_failure_is_an_LLMError_with_its_record(self):
        self.upstream(steps.error(500))
        factory = self.router()
        llm = factory.create_client_from_group("g")
        with self.assertRaises(LLMError) as caught:
            asyncio.run(llm.call("x", request_id="req_mine"))
        error = caught.exception
        self.assertEqual((error.kind, error.status, error.request_id), ("upstream", 502, "req_mine"))
        self.assertEqual(error.decision["status"], 502)
        self.assertEqual(factory.decision("req_mine")["target"], "g")
        with self.assertRaises(LLMError) as caught:
            factory.create_client_from_group("nowhere")
        self.assertEqual(caught.exception.kind, "unknown_target")
        with self.assertRaises(LLMError) as caught:
            factory.create_client({"llm_group": "g", "tiemout": 1})
        self.assertIn("tiemout", str(caught.exception))
        with self.assertRaises(LLMError) as caught:
            ConfigManager("/nowhere.yaml")
        self.assertEqual(caught.exception.kind, "configuration")

    def test_a_limit_tells_how_long_to_wait(self):
        self.upstream(steps.ok())
        llm = self.router(every={"rpm_limit": 2}).create_client_from_group("g")
        llm.call_sync("x"), llm.call_sync("x")
        with self.assertRaises(LLMError) as caught:
            llm.call_sync("x")
        self.assertEqual((caught.exception.kind, caught.exception.status), ("rate_limited", 429))
        self.assertTrue(50 <= caught.exception.retry_after <= 60, caught.exception.retry_after)

    def test_a_stream_is_read_with_async_for_and_for(self):
        self.upstream(steps.stream("a", "b", "c"))
        llm = self.router().create_client_from_group("g")

        async def read():
            stream = llm.stream("x")
            text = "".join([chunk.text async for chunk in stream])
            return text, stream.completion()

        text, whole = asyncio.run(read())
        self.assertEqual((text, whole.text, whole.finish_reason), ("abc", "abc", "stop"))
        self.assertEqual("".join(c.text for c in llm.stream_with_group("g", "x")), "abc")

    def test_cancelling_a_task_cancels_the_call(self):
        gate = threading.Event()
        u = self.upstream(steps.when(gate, steps.ok()))
        factory = self.router()
        llm = factory.create_client_from_group("g")

        async def give_up():
            task = asyncio.create_task(llm.call("x"))
            while not u.hits:
                await asyncio.sleep(0.01)
            task.cancel()
            with self.assertRaises(asyncio.CancelledError):
                await task

        asyncio.run(give_up())
        self.assertTrue(client.until(lambda: self.permits(factory) == 0))
        gate.set()

    def test_shutting_down_answers_what_is_in_flight(self):
        gate = threading.Event()
        u = self.upstream(steps.when(gate, steps.ok()))
        factory = self.router()
        llm = factory.create_client_from_group("g")

        async def stopped():
            tasks = [asyncio.create_task(llm.call("x")) for _ in range(5)]
            while len(u.hits) < 5:
                await asyncio.sleep(0.01)
            await asyncio.to_thread(factory.shutdown)
            return await asyncio.gather(*tasks, return_exceptions=True)

        self.assertEqual([x.kind for x in asyncio.run(stopped())], ["shut_down"] * 5)
        gate.set()

    def test_a_program_that_just_ends_ends(self):
        done = self.program(
            "import echelon\n"
            "f = echelon.LlmFactory(echelon.ConfigManager(CONFIG))\n"
            "c = f.create_client_from_group('g')\nprint(c.call_sync('x').route)\n")
        self.assertEqual((done.returncode, done.stdout), (0, "g.echelon1/m1\n"), done.stderr)

    def test_whatever_is_dropped_while_an_observer_waits_for_the_interpreter_goes(self):
        """The router's thread wants to call into Python just when Python drops the router, a client or a stream."""
        done = self.program(
            "import echelon, sys, time\n"
            "from echelon import _core\n"
            "config = echelon.ConfigManager(CONFIG)\n"
            "prompt = _core.Prompt.from_json('{\"messages\": [{\"role\": \"user\", \"content\": \"x\"}]}')\n"
            "sys.setswitchinterval(1000)\n"  # The interpreter is not given away but by who waits.
            "told = []\n"
            "for what in ('factory', 'client', 'stream', 'handle') * 3:\n"
            "    factory = echelon.LlmFactory(config)\n"
            "    llm = factory.create_client_from_group('g')._inner\n"
            "    stream = handle = None\n"
            "    if what == 'stream':\n"
            "        stream = llm.open(None, prompt, _core.CallOptions())\n"
            "        stream.when_ready(lambda: told.append(what))\n"
            "    else:\n"
            "        handle = llm.start(None, prompt, _core.CallOptions(), told.append, told.append)\n"
            "    begin = time.monotonic()\n"
            "    while time.monotonic() - begin < 0.1:\n        pass\n"
            "    if what == 'client':\n        llm = None\n"
            "    elif what == 'stream':\n        stream = None\n"
            "    elif what == 'handle':\n        handle = None\n"
            "    factory = None\n    llm = stream = handle = None\n"
            "print('done', len(told))\n")
        self.assertEqual((done.returncode, done.stdout), (0, "done 12\n"), done.stderr)

    def test_a_forked_process_is_told_so_and_makes_its_own(self):
        done = self.program(
            "import echelon, os, sys\n"
            "config = echelon.ConfigManager(CONFIG)\n"
            "factory = echelon.LlmFactory(config)\nllm = factory.create_client_from_group('g')\n"
            "llm.call_sync('x')\n"
            "if os.fork() == 0:\n"
            "    try:\n        llm.call_sync('x')\n"
            "    except echelon.LLMError as error:\n        print(error.kind, flush=True)\n"
            "    own = echelon.LlmFactory(config)\n"
            "    print(own.create_client_from_group('g').call_sync('x').route, flush=True)\n"
            "    sys.exit(0)\n"
            "print(os.waitstatus_to_exitcode(os.wait()[1]), llm.call_sync('x').route)\n")
        self.assertEqual((done.returncode, done.stdout), (0, "shut_down\ng.echelon1/m1\n0 g.echelon1/m1\n"), done.stderr)


class Remote(Embedded):
    def test_a_gateway_elsewhere_is_called_the_same_way(self):
        self.upstream(steps.ok())
        router = self.serve(server={"admin_token": "secret"}, auth={"keys": {"me": "key-1"}})
        factory = LlmFactory.connect(router.url, api_key="key-1", admin_token="secret")
        self.addCleanup(factory.shutdown)
        llm = factory.create_client_from_group("g")
        answer = asyncio.run(llm.call("x", request_id="req_far"))
        self.assertEqual((answer.route, answer.attempts, answer.request_id), ("g.echelon1/m1", 1, "req_far"))
        self.assertEqual(factory.decision("req_far")["status"], 200)
        node = {"llm_group": "g", "task_config": {"timeout": 5, "max_retries": 0}}
        self.assertEqual(asyncio.run(factory.create_client(node).call("x")).route, "g.echelon1/m1")
        with self.assertRaises(LLMError) as caught:
            asyncio.run(llm.call_with_group("nowhere", "x"))
        self.assertEqual(caught.exception.kind, "unknown_target")
        with self.assertRaises(LLMError) as caught:
            asyncio.run(factory.create_client({"llm_group": "g", "tiemout": 1}).call("x"))
        self.assertEqual((caught.exception.kind, caught.exception.status), ("invalid_request", 400))
        self.assertIn("tiemout", str(caught.exception))
        stranger = LlmFactory.connect(router.url)
        self.addCleanup(stranger.shutdown)
        with self.assertRaises(LLMError) as caught:
            asyncio.run(stranger.create_client_from_group("g").call("x"))
        self.assertEqual(caught.exception.kind, "authentication")

    def test_failures_and_streams_come_as_they_do_in_the_process(self):
        self.upstream(steps.stream("a", "b"), steps.error(500))
        router = self.serve()
        factory = LlmFactory.connect(router.url)
        self.addCleanup(factory.shutdown)
        llm = factory.create_client_from_group("g")
        self.assertEqual("".join(c.text for c in llm.stream("x")), "ab")
        with self.assertRaises(LLMError) as caught:
            llm.call_sync("x")
        self.assertEqual((caught.exception.kind, caught.exception.status), ("upstream", 502))

    def test_a_gateway_that_is_not_there(self):
        factory = LlmFactory.connect(f"http://127.0.0.1:{free_ports(1)[0]}")
        self.addCleanup(factory.shutdown)
        with self.assertRaises(LLMError) as caught:
            factory.create_client_from_group("g").call_sync("x")
        self.assertEqual(caught.exception.kind, "connection")
        with self.assertRaises(LLMError) as caught:
            LlmFactory.connect("nonsense")
        self.assertEqual(caught.exception.kind, "configuration")


class Member:
    """A process of its own that embeds a member of the cluster and calls as it is told."""

    CODE = """
import asyncio, json, sys
import echelon
path, node, listen = sys.argv[1:4]
factory = echelon.LlmFactory(echelon.ConfigManager(path), node=node, cluster_listen=listen)
llm = factory.create_client_from_group("g")

async def one(target):
    try:
        return (await llm.call_with_group(target, "x")).route
    except echelon.LLMError as error:
        return error.kind

async def crowd(target, count):
    return await asyncio.gather(*(one(target) for _ in range(count)))

for line in sys.stdin:
    what, *args = json.loads(line)
    if what == "call":
        answer = asyncio.run(crowd(*args))
    elif what == "state":
        answer = factory.state()
    else:
        answer = factory.ready()
    print(json.dumps(answer), flush=True)
factory.shutdown(5)
"""

    def __init__(self, path, node, listen):
        self.process = subprocess.Popen([sys.executable, "-c", self.CODE, str(path), node, listen],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, *what):
        self.process.stdin.write(json.dumps(what) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def leave(self):
        self.process.stdin.close()
        code = self.process.wait(30)
        self.process.stdout.close()
        return code

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.stdin.close()
            self.process.stdout.close()
            self.process.wait()


class InACluster(Case):
    def test_two_embedded_processes_and_one_gateway_share_exact_limits(self):
        u = self.upstream(steps.after(0.05, steps.ok()))
        ports = free_ports(3)
        groups = {"g": group(tier(["m1"], rpm_limit=60, timeout=10)),
                  "narrow": group(tier(["m1"], concurrency_limit=4, timeout=20))}
        settings = config(self.upstreams, groups=groups)
        settings["cluster"] = {"name": "mixed", "seeds": [f"127.0.0.1:{p}" for p in ports]}
        with tempfile.TemporaryDirectory() as folder:
            path = written(settings, folder)
            router = self.serve(settings, args=("--node", "a", "--cluster-listen", f"127.0.0.1:{ports[0]}"))
            members = [Member(path, name, f"127.0.0.1:{port}") for name, port in zip("bc", ports[1:])]
            for x in members:
                self.addCleanup(x.kill)

            def together():
                views = [router.get("/admin/state").json()["cluster"]]
                views += [x.ask("state")["cluster"] for x in members]
                return all(v["acts"] and len(v["members"]) == 3 for v in views)

            self.assertTrue(client.until(together, 30))
            self.assertTrue(all(x.ask("ready") for x in members))
            # Permits: 30 calls from each of the three at once, never more than four at the upstream.
            embedded = [client.later(lambda x=x: x.ask("call", "narrow", 30)) for x in members]
            replies = client.at_once(30, lambda i: router.chat("narrow"))
            for answers in embedded:
                self.assertEqual(answers(), ["narrow.echelon1/m1"] * 30)
            self.assertEqual([r.status for r in replies], [200] * 30)
            self.assertEqual(u.max_running, 4)
            # Rate: 40 from each, 60 pass in all.
            before = len(u.hits)
            embedded = [client.later(lambda x=x: x.ask("call", "g", 40)) for x in members]
            replies = client.at_once(40, lambda i: router.chat("g"))
            passed = sum(a() .count("g.echelon1/m1") for a in embedded) + [r.status for r in replies].count(200)
            self.assertEqual((passed, len(u.hits) - before), (60, 60))
            # One leaves in good order: what it owned goes to the others, and nothing resets.
            self.assertEqual(members.pop().leave(), 0)
            self.assertTrue(client.until(lambda: len(router.get("/admin/state").json()["cluster"]["members"]) == 2, 20))
            self.assertEqual(members[0].ask("call", "narrow", 5), ["narrow.echelon1/m1"] * 5)
            self.assertEqual(set(members[0].ask("call", "g", 5)), {"rate_limited"})
            self.assertEqual(members[0].leave(), 0)


if __name__ == "__main__":
    main()
