"""What a user may write into <config>.vigil is documented, and the examples name it."""
import os
import re
import unittest

ROOT = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", ".."))


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


class OurDirectives(unittest.TestCase):
    def setUp(self):
        rows = re.findall(r'\b(Setting|Learned)\("([a-z-]+)", \d', read("sentinel/core/vigil_directives.cc"))
        self.assertGreater(len(rows), 5)
        self.settings = [name for kind, name in rows if kind == "Setting"]
        self.all = [name for _, name in rows]

    def test_each_has_its_row_in_the_manual(self):
        manual = read("sentinel/core/README.md")
        for name in self.all:
            with self.subTest(name):
                self.assertIn(f"| `sentinel {name} <master> ", manual)

    def test_each_setting_is_in_the_example(self):
        example = read("configs/sentinel.conf")
        for name in self.settings:
            with self.subTest(name):
                self.assertIn(f"sentinel {name} mymaster ", example)


if __name__ == "__main__":
    unittest.main()
