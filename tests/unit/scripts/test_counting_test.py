"""scripts/test adds up what really happened: on a tree with stand-ins for the build and the test programs."""
import os
import shutil
import subprocess
import tempfile
import unittest

ROOT = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", ".."))


def summary(ok, bad):
    return ("echo '[doctest] test cases: %3d | %d passed | %d failed | 0 skipped'\n" % (ok + bad, ok, bad) +
            "echo '[doctest] assertions: 900 | 900 passed | 0 failed |'\nexit %d\n" % (1 if bad else 0))


class Counting(unittest.TestCase):
    def setUp(self):
        box = tempfile.TemporaryDirectory(prefix="vigil test ")  # with a space, as a clone may have
        self.addCleanup(box.cleanup)
        self.root = box.name
        self.stand_in("tools/cmake", "exit 0\n")
        # There is a target for each program that a test planted.
        self.stand_in("tools/ninja", '[ "$3" != -t ] || exec test -e "$2/bin/$5"\nexit 0\n')
        self.stand_in("scripts/install_deps", "exit 0\n")
        self.stand_in("scripts/stock_redis", "echo /nowhere\n")
        self.write("scripts/check_layers.py", "print('clean')\n")
        self.write("tests/unit/scripts/none_test.py", "import unittest\nclass T(unittest.TestCase):\n"
                   "  def test_one(self): pass\n  def test_two(self): pass\nunittest.main()\n")
        shutil.copy(os.path.join(ROOT, "scripts/test"), os.path.join(self.root, "scripts/test"))
        # Every part has a program; each test replaces the one that it is about.
        for preset, name in (("dev", "unit"), ("dev", "scenario"), ("release", "sim"),
                             ("release", "cluster"), ("release", "interop")):
            self.stand_in("build/%s/bin/%s_tests" % (preset, name), summary(10, 0))

    def write(self, path, text):
        path = os.path.join(self.root, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as f:
            f.write(text)
        return path

    def stand_in(self, path, text):
        os.chmod(self.write(path, "#!/bin/bash\n" + text), 0o755)

    def run_test(self, *args, **env):
        done = subprocess.run([os.path.join(self.root, "scripts/test"), *args], capture_output=True, text=True, cwd="/",
                              stdin=subprocess.DEVNULL, timeout=120,
                              env={**os.environ, "PATH": os.path.join(self.root, "tools") + ":" + os.environ["PATH"],
                                   **env})
        return done.returncode, done.stdout.splitlines()

    def assert_ends(self, code, last, result):
        self.assertEqual((code, last), (result[0], result[1][-1]), "\n".join(result[1]))

    def test_all_parts_are_added_up(self):
        self.assert_ends(0, "73 passed, 0 failed", self.run_test())

    def test_one_part_alone(self):
        self.assert_ends(0, "10 passed, 0 failed", self.run_test("scenario"))

    def test_a_failed_test_case_fails_the_run(self):
        self.stand_in("build/release/bin/sim_tests", summary(8, 2))
        self.assert_ends(1, "71 passed, 2 failed", self.run_test())

    def test_a_crash_without_a_summary_is_a_failure(self):
        self.stand_in("build/dev/bin/unit_tests", "echo about to die\nkill -SEGV $$\n")
        code, lines = self.run_test("unit")
        self.assert_ends(1, "0 passed, 1 failed", (code, lines))
        self.assertIn("about to die", lines)  # the end of the log is shown

    def test_a_bad_exit_after_a_good_summary_is_a_failure(self):
        self.stand_in("build/dev/bin/unit_tests", summary(10, 0).replace("exit 0", "exit 23"))  # a leak, say
        self.assert_ends(1, "10 passed, 1 failed", self.run_test("unit"))

    def test_a_program_that_runs_no_test_is_a_failure(self):
        self.stand_in("build/dev/bin/unit_tests", summary(0, 0))
        self.assert_ends(1, "0 passed, 1 failed", self.run_test("unit"))

    def test_a_part_without_a_program_is_a_failure(self):
        os.remove(os.path.join(self.root, "build/release/bin/interop_tests"))
        self.assert_ends(1, "53 passed, 1 failed", self.run_test())

    def test_a_hanging_program_is_ended_and_a_failure(self):
        self.stand_in("build/dev/bin/unit_tests", "sleep 600\n")
        self.assert_ends(1, "0 passed, 1 failed", self.run_test("unit", VIGIL_TEST_TIMEOUT="1"))

    def test_a_build_that_fails_is_a_failure_and_the_rest_still_runs(self):
        self.stand_in("tools/ninja", '[ "$3" != -t ] || exit 0\n[ "$3" != sim_tests ]\n')
        self.assert_ends(1, "63 passed, 1 failed", self.run_test())

    def test_violations_of_the_layers_are_a_failure(self):
        self.write("scripts/check_layers.py", "raise SystemExit(1)\n")
        self.assert_ends(1, "0 passed, 1 failed", self.run_test("layers"))

    def test_a_failing_python_test_is_a_failure(self):
        self.write("tests/unit/scripts/bad_test.py", "import unittest\nclass T(unittest.TestCase):\n"
                   "  def test_good(self): pass\n  def test_bad(self): self.fail()\nunittest.main()\n")
        self.assert_ends(1, "3 passed, 1 failed", self.run_test("python"))

    def test_a_skipped_python_test_is_neither_passed_nor_failed(self):
        self.write("tests/unit/scripts/some_test.py", "import unittest\nclass T(unittest.TestCase):\n"
                   "  def test_good(self): pass\n"
                   "  def test_none(self): print('[skipped] none: not here'); self.skipTest('')\nunittest.main()\n")
        result = self.run_test("python")
        self.assert_ends(0, "3 passed, 0 failed", result)
        self.assertTrue(any("skipped: none: not here" in line for line in result[1]), result[1])

    def test_a_python_file_with_nothing_but_skipped_tests_is_no_failure(self):
        self.write("tests/unit/scripts/some_test.py", "import unittest\nclass T(unittest.TestCase):\n"
                   "  def test_none(self): print('[skipped] none: not here'); self.skipTest('')\nunittest.main()\n")
        result = self.run_test("python")
        self.assert_ends(0, "2 passed, 0 failed", result)
        self.assertTrue(any("skipped: none: not here" in line for line in result[1]), result[1])

    def test_a_python_file_that_cannot_be_read_is_a_failure(self):
        self.write("tests/unit/scripts/bad_test.py", "nonsense(\n")
        self.assert_ends(1, "2 passed, 1 failed", self.run_test("python"))

    def test_two_halves_run_at_once_and_both_count(self):
        meet = os.path.join(self.root, "met")
        os.mkdir(meet)
        # Each half waits until the other one has begun, and fails alone.
        self.stand_in("build/release/bin/cluster_tests",
                      'case "$*" in *source-file-exclude=*) me=b other=a ;; *source-file=*) me=a other=b ;; esac\n'
                      'cd "%s"\ntouch $me\nfor i in {1..300}; do [ -e $other ] && break; sleep 0.1; done\n'
                      '[ -e $other ] || exit 9\n' % meet + summary(6, 1))
        self.assert_ends(1, "12 passed, 2 failed", self.run_test("cluster"))

    def test_a_choice_of_tests_is_not_halved(self):
        self.assert_ends(0, "10 passed, 0 failed", self.run_test("cluster", "--", "-tc=x"))

    def test_what_cannot_run_is_told_and_is_neither_passed_nor_failed(self):
        self.stand_in("build/dev/bin/unit_tests", "echo '[skipped] network: no right'\n" + summary(10, 0))
        code, lines = self.run_test("unit")
        self.assert_ends(0, "10 passed, 0 failed", (code, lines))
        self.assertTrue(any(line.endswith("skipped: network: no right") for line in lines), lines)
        self.assertTrue(any("1 skipped" in line for line in lines), lines)

    def test_an_unknown_part_runs_nothing(self):
        code, lines = self.run_test("unitt")
        self.assertEqual((2, []), (code, lines))


if __name__ == "__main__":
    unittest.main()
