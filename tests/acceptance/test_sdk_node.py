"""npm's official `openai` package, unmodified."""
from harness import sdks
from harness.case import main
from harness.sdk_case import SdkCase


class Node(SdkCase):
    @classmethod
    def setUpClass(cls):
        cls.act = staticmethod(sdks.node())


del SdkCase
if __name__ == "__main__":
    main()
