"""The commands as people meet them: on a terminal, in a pipe, in a shell that completes them, in a manual."""
import json
import os
import pathlib
import re
import subprocess
import tempfile
import threading

from harness import client, steps
from harness.case import BREAKER, Case, main
from harness.router import BINARY, run
from harness.terminal import Terminal

COLOUR = re.compile(r"\x1b\[[0-9;]*m")


class OnTerminal(Case):
    def terminal(self, *args, **more):
        made = Terminal(*args, **more)
        self.addCleanup(made.close)
        return made


class Watching(OnTerminal):
    def test_the_table_is_drawn_in_place_and_shows_what_changes(self):
        u = self.upstream(steps.ok())
        router = self.serve(breaker={"failure_threshold": 1, "recovery_time": 60}, fallback={"enabled": False})
        t = self.terminal("status", "--watch", "--every", "100ms", "--url", router.url)
        self.assertTrue(t.expect(r"model/m1.*\x1b\[32m\s*closed"), t.text)
        u.play(steps.error(500))
        router.chat()
        self.assertTrue(t.expect(r"\x1b\[31m\s*open"), t.text)

        def settled():
            lines = t.screen()
            return sum("ACTOR" in x for x in lines) == 1 and any("model/m1" in x and "open" in x for x in lines)
        self.assertTrue(client.until(settled), t.screen())
        self.assertEqual(t.text.count("\x1b[2J"), 1)
        t.type("\x03")
        self.assertEqual(t.wait(), 0)
        self.assertIn("\x1b[?25h", t.text)

    def test_a_small_terminal_shows_first_who_is_sick_or_busy(self):
        for _ in range(12):
            self.upstream(steps.error(500))
        router = self.serve(breaker={"failure_threshold": 1, "recovery_time": 60}, fallback={"enabled": False})
        router.chat("m9")
        t = self.terminal("status", "--watch", "--every", "100ms", "--url", router.url, rows=10, columns=60)
        self.assertTrue(t.expect(r"more actors"), t.text)
        lines = [x for x in t.screen() if x]
        self.assertLessEqual(len(lines), 10)
        self.assertTrue(all(len(x) <= 60 for x in lines), lines)
        self.assertIn("model/m9", lines[2])

    def test_a_router_that_goes_away_is_waited_for(self):
        self.upstream(steps.ok())
        router = self.serve()
        t = self.terminal("status", "--watch", "--every", "100ms", "--url", router.url)
        self.assertTrue(t.expect("model/m1"))
        router.terminate()
        self.assertTrue(t.expect("cannot reach"))
        self.assertIsNone(t.process.poll())
        self.assertTrue(any("model/m1" in x for x in t.screen()), "the last table stays")
        t.type("\x03")
        self.assertEqual(t.wait(), 0)

    def test_no_colours_with_NO_COLOR_and_no_escapes_in_a_pipe(self):
        self.upstream(steps.ok())
        router = self.serve()
        t = self.terminal("status", "--watch", "--every", "100ms", "--url", router.url, env={"NO_COLOR": "1"})
        self.assertTrue(t.expect("model/m1"))
        self.assertIsNone(COLOUR.search(t.text))
        plain = run("status", "--url", router.url)
        self.assertEqual(plain.returncode, 0)
        self.assertNotIn("\x1b", plain.stdout + plain.stderr)
        with subprocess.Popen([BINARY, "status", "--watch", "--every", "50ms", "--json", "--url", router.url], stdout=subprocess.PIPE, text=True) as p:
            for _ in range(2):
                self.assertTrue(json.loads(p.stdout.readline())["actors"])
            p.terminate()
            self.assertNotIn("\x1b", p.stdout.read())

    def test_who_cannot_be_reached_at_first_is_exit_2(self):
        done = run("status", "--watch", "--url", "http://127.0.0.1:1")
        self.assertEqual((done.returncode, done.stdout), (2, ""))


class Conversation(OnTerminal):
    def test_an_answer_streams_and_what_was_said_goes_along(self):
        more = threading.Event()
        u = self.upstream(steps.two_parts("one ", "two", more), steps.stream("three"))
        router = self.serve()
        t = self.terminal("call", "g", "--url", router.url)
        self.assertTrue(t.expect("> "))
        t.type("count\n")
        self.assertTrue(t.expect("one "), "it comes before the answer is whole")
        more.set()
        at = t.expect(r"two.*route g.echelon1/m1.*> ")
        self.assertTrue(at, t.text)
        t.type("on\n")
        self.assertTrue(t.expect(r"three.*> ", after=at), t.text)
        self.assertEqual(u.hits[1].json()["messages"], [{"role": "user", "content": "count"}, {"role": "assistant", "content": "one two"},
                                                        {"role": "user", "content": "on"}])
        t.type("\x04")
        self.assertEqual(t.wait(), 0)

    def test_ctrl_c_gives_up_one_answer_and_two_at_the_prompt_end_it(self):
        u = self.upstream(steps.pieces(steps.delta("begun"), then=lambda x: x.peer_left(20)), steps.stream("fine"))
        router = self.serve()
        t = self.terminal("call", "g", "--url", router.url)
        self.assertTrue(t.expect("> "))
        t.type("first\n")
        self.assertTrue(t.expect("begun"))
        t.type("\x03")
        at = t.expect(r"given up.*> ")
        self.assertTrue(at, t.text)
        self.assertTrue(client.until(lambda: u.hits[0].closed_at, 15), "the router gave it up too")
        t.type("second\n")
        at = t.expect(r"fine.*> ", after=at)
        self.assertTrue(at, t.text)
        self.assertEqual(u.hits[1].json()["messages"], [{"role": "user", "content": "second"}])
        t.type("\x03")
        self.assertTrue(t.expect("> ", after=at))
        t.type("\x03")
        self.assertEqual(t.wait(), 0)

    def test_an_error_is_told_and_the_conversation_goes_on(self):
        self.upstream(steps.error(400), steps.stream("fine"))
        router = self.serve(breaker=BREAKER)
        t = self.terminal("call", "g", "--url", router.url, env={"NO_COLOR": "1"})
        self.assertTrue(t.expect("> "))
        t.type("first\n")
        at = t.expect(r"400: scripted 400.*> ")
        self.assertTrue(at, t.text)
        t.type("second\n")
        self.assertTrue(t.expect("fine", after=at))
        self.assertIsNone(COLOUR.search(t.text))


class Pipes(Case):
    def test_a_prompt_may_come_by_a_pipe(self):
        u = self.upstream(steps.ok("hello"))
        router = self.serve()
        done = subprocess.run([BINARY, "call", "g", "--url", router.url], input="from a pipe", capture_output=True, text=True, timeout=30, check=False)
        self.assertEqual((done.returncode, done.stdout), (0, "hello\n"))
        self.assertEqual(u.hits[0].json()["messages"][0]["content"], "from a pipe")
        self.assertEqual(subprocess.run([BINARY, "call", "g"], input="", capture_output=True, text=True, timeout=30, check=False).returncode, 2)

    def test_json_is_there_for_every_command_that_prints(self):
        self.upstream(steps.either())
        router = self.serve()
        config = str(router.config_path)
        for args in (("status", "--url", router.url), ("call", "g", "hi", "--url", router.url), ("explain", "g", "--config", config),
                     ("explain", "g", "--url", router.url), ("validate", "--config", config),
                     ("bench", "g", "--url", router.url, "--for", "100ms", "--connections", "1")):
            with self.subTest(args[0]):
                done = run(*args, "--json")
                self.assertEqual(done.returncode, 0, done.stderr)
                json.loads(done.stdout)
        lines = run("call", "g", "hi", "--stream", "--json", "--url", router.url).stdout.splitlines()
        self.assertEqual("".join(c["delta"].get("content") or "" for x in lines for c in json.loads(x)["choices"]), "ok")
        litellm = pathlib.Path(__file__).parent / "litellm"
        made = json.loads(run("import", "litellm", str(litellm / "mixed.yaml"), "--json").stdout)
        self.assertIn("task_groups", made["config"])
        self.assertTrue(made["diagnostics"])
        with subprocess.Popen([BINARY, "simulate", "--listen", "127.0.0.1:0", "--json"], stdout=subprocess.PIPE, text=True) as p:
            self.assertRegex(json.loads(p.stdout.readline())["url"], r"^http://127\.0\.0\.1:\d+$")
            p.terminate()


class Help(Case):
    def commands(self, *path):
        """Every command with its options, from what --help says of it."""
        text = run(*path, "--help").stdout
        options = set(re.findall(r"^  (?:-\w,)?(--[a-z-]+)", text, re.M))
        inner = re.search(r"^Subcommands:\n(.*)\Z", text, re.M | re.S)
        names = re.findall(r"^  (\w+)", inner.group(1), re.M) if inner else []
        found = {path: options}
        for name in names:
            found.update(self.commands(*path, name))
        return found

    def complete(self, *words):
        """What bash offers for the last word."""
        script = """source <("$1" completion bash); shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _echelon; printf '%s\\n' "${COMPREPLY[@]}" """
        done = subprocess.run(["bash", "-c", script, "bash", BINARY, "echelon", *words], capture_output=True, text=True, timeout=30, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return set(done.stdout.split())

    def test_bash_completes_commands_options_values_and_files(self):
        known = self.commands()
        self.assertGreater(len(known), 8)
        for path, options in known.items():
            with self.subTest(path):
                self.assertLessEqual(options, self.complete(*path, "-") if options else set())
        self.assertLessEqual({"serve", "validate", "status", "import"}, self.complete(""))
        self.assertEqual(self.complete("st"), {"status"})
        self.assertEqual(self.complete("import", ""), {"litellm", "--help", "-h"})
        self.assertEqual(self.complete("serve", "--log-level", "w"), {"warn"})
        self.assertEqual(self.complete("completion", "z"), {"zsh"})
        self.assertEqual(self.complete("serve", "--listen", ""), set())
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "my.yaml")
            path.touch()
            self.assertEqual(self.complete("serve", "--config", f"{folder}/m"), {str(path)})
            self.assertIn(str(path), self.complete("import", "litellm", f"{folder}/m"))

    def test_zsh_and_fish_take_their_scripts(self):
        with tempfile.TemporaryDirectory() as folder:
            for shell, check in (("zsh", ["zsh", "-n"]), ("fish", ["fish", "--no-execute"])):
                with self.subTest(shell):
                    path = pathlib.Path(folder, shell)
                    path.write_text(run("completion", shell).stdout)
                    done = subprocess.run([*check, str(path)], capture_output=True, text=True, timeout=30, check=False)
                    self.assertEqual((done.returncode, done.stderr), (0, ""))
            env = {**os.environ, "HOME": folder}
            ask = f'source {folder}/fish; complete -C "echelon serve --log-level w"; complete -C "echelon st"; complete -C "echelon import "'
            done = subprocess.run(["fish", "--no-config", "-c", ask], capture_output=True, text=True, timeout=30, check=False, env=env)
            offered = {x.split("\t")[0] for x in done.stdout.splitlines()}
            self.assertEqual(done.stderr, "")
            self.assertLessEqual({"warn", "status", "litellm"}, offered)
            # zsh completes on a terminal only: that its functions are known to it must do.
            load = f'fpath=({folder} $fpath); autoload -Uz compinit; compinit -u -D; source {folder}/zsh; print $_comps[echelon]'
            done = subprocess.run(["zsh", "-f", "-c", load], capture_output=True, text=True, timeout=30, check=False, env=env)
            self.assertEqual((done.stdout, done.stderr), ("_echelon\n", ""))

    def test_the_manual_is_well_formed_and_has_every_command_and_option(self):
        page = run("manual").stdout
        done = subprocess.run(["groff", "-man", "-ww", "-Tutf8", "-P-c", "-P-b", "-P-o", "-P-u"], input=page, capture_output=True, text=True, timeout=30, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        for path, options in self.commands().items():
            if path and path != ("import",):
                self.assertIn("echelon " + " ".join(path), done.stdout)
                for option in options - {"--help"}:
                    self.assertIn(option, done.stdout)
        self.assertIn("ECHELON_ADMIN_TOKEN", done.stdout)


if __name__ == "__main__":
    main()
