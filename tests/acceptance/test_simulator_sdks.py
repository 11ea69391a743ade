"""The simulator speaks all three wires well enough for the official SDKs, unmodified."""
import json
import pathlib
import re
import subprocess
import tempfile
import unittest

from harness import client, sdks
from harness.case import main
from harness.router import BINARY

# SDK -> the features that the simulator plays, and the finish of an answer and of a call.
SDKS = {"openai_chat": ({"text", "tools", "thinking", "embeddings"}, "stop", "tool_calls"),
        "anthropic": ({"text", "tools", "thinking"}, "end_turn", "tool_use"),
        "genai": ({"text", "tools", "thinking", "embeddings"}, "STOP", "STOP")}


class Simulator(unittest.TestCase):
    def setUp(self):
        # Standard output goes to a file: nobody reads a pipe.
        self.said = tempfile.NamedTemporaryFile("r", encoding="utf-8")
        self.addCleanup(self.said.close)
        with open(self.said.name, "wb") as out:
            process = subprocess.Popen([BINARY, "simulate", "--listen", "127.0.0.1:0"], stdout=out, stderr=out,
                                       stdin=subprocess.DEVNULL)
        self.addCleanup(lambda: (process.terminate(), process.wait(20)))
        found = client.until(lambda: re.search(r"listening on (http://\S+)", pathlib.Path(self.said.name).read_text()), 20)
        self.assertTrue(found, "the simulator did not start")
        self.url = found.group(1)

    def test_official_sdks_are_content_with_it(self):
        for sdk, (features, stop, stop_tools) in SDKS.items():
            done = subprocess.run(["node", sdks.SDK / "matrix/run.mjs", sdks.node_folder(), self.url, "key", sdk, "sim-1"],
                                  capture_output=True, text=True, timeout=120, check=True, stdin=subprocess.DEVNULL)
            played = set()
            for x in map(json.loads, done.stdout.splitlines()):
                feature = x["cell"].split("/")[-1]
                if feature not in features:
                    continue
                played.add(feature)
                with self.subTest(x["cell"]):
                    self.assertNotIn("threw", x)
                    self.judge(feature, x["got"], x["cell"], stop, stop_tools)
            self.assertEqual(played, features)

    def judge(self, feature, got, cell, stop, stop_tools):
        if feature == "embeddings":
            self.assertEqual(len(got["vectors"]), 2)
            self.assertNotEqual(*got["vectors"])
            return
        self.assertEqual(got["finish"], stop)
        self.assertTrue(all(n > 0 for n in got["usage"]), got)
        self.assertIn("Simulated sim-1 answer to:", got["text"])
        if feature == "tools":
            name, arguments = got["call"]
            self.assertEqual((name, type(arguments["x"]), got["stopped"]), ("f", int, stop_tools))
        else:
            self.assertIn(cell, got["text"])
        self.assertEqual(bool(got.get("thought")), feature == "thinking", got)


if __name__ == "__main__":
    main()
