"""PyPI's official `openai` and `anthropic` packages, unmodified. Skipped where PyPI is out of reach."""
import subprocess
import sys

from harness import sdks, steps
from harness.case import main
from harness.sdk_case import SdkCase


class Python(SdkCase):
    @classmethod
    def setUpClass(cls):
        cls.act = staticmethod(ACT)

    def test_anthropics_own_sdk_completes_and_streams(self):
        self.start(steps.either("hello"))
        for action in ("messages", "messages_stream"):
            self.assertEqual(self.does(action), {"text": "hello", "finish": "end_turn"})

    def test_anthropics_own_sdk_throws_its_own_classes(self):
        self.start(steps.error(400, steps.failure("bad field", "invalid_request_error")))
        self.assertThrown(self.does("messages"), "BadRequestError", 400)
        self.assertThrown(self.does("messages", "nope"), "NotFoundError", 404)
        self.assertThrown(self.does("messages", key="wrong"), "AuthenticationError", 401)


del SdkCase
if __name__ == "__main__":
    try:
        ACT = sdks.python()
    except subprocess.CalledProcessError:
        print("PyPI cannot be reached", file=sys.stderr)
        sys.exit(sdks.SKIPPED)
    main()
