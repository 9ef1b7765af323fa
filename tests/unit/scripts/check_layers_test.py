"""scripts/check_layers.py on small planted trees: each kind of violation is found, and honest code passes."""
import importlib.util
import os
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", ".."))
SCRIPT = os.path.join(ROOT, "scripts", "check_layers.py")

spec = importlib.util.spec_from_file_location("check_layers", SCRIPT)
check_layers = importlib.util.module_from_spec(spec)
sys.dont_write_bytecode = True
spec.loader.exec_module(check_layers)


class Tree(unittest.TestCase):
    def plant(self, files):
        """Writes {path: text} into a fresh tree and returns its root."""
        box = tempfile.TemporaryDirectory(prefix="vigil layers ")  # with a space, as a clone may have
        self.addCleanup(box.cleanup)
        for path, text in files.items():
            os.makedirs(os.path.dirname(os.path.join(box.name, path)), exist_ok=True)
            with open(os.path.join(box.name, path), "w") as f:
                f.write(text)
        return box.name

    def problems(self, files):
        return check_layers.check(self.plant(files))[0]

    def assert_found(self, path, text, line, words, others=None):
        """Exactly one violation, at `path`:`line`, whose reason holds `words`."""
        found = self.problems({**(others or {}), path: text})
        self.assertEqual([(path, line)], [(p, n) for p, n, _ in found], found)
        self.assertIn(words, found[0][2])

    def assert_clean(self, path, text, others=None):
        self.assertEqual([], self.problems({**(others or {}), path: text}))


class Includes(Tree):
    def test_downward_includes_are_clean(self):
        self.assert_clean("sentinel/core/step.cc", '#include "sentinel/core/state.h"\n#include "replication/serve/row.h"\n')
        self.assert_clean("replication/edge/daemon.cc", '#include "replication/core/psync.h"\n#include <uv.h>\n')
        self.assert_clean("sentinel/edge/link.cc", '#include <hiredis/hiredis.h>\n#include "replication/net/stream.h"\n')
        self.assert_clean("replication/main.cc", '#include "replication/edge/daemon.h"\n')
        self.assert_clean("sentinel/main.cc", '#include "sentinel/edge/daemon.h"\n')

    def test_an_include_that_points_up(self):
        self.assert_found("replication/base/text.cc", '\n#include "replication/resp/writer.h"\n', 2, "points down")
        self.assert_found("replication/core/psync.cc", '#include "replication/edge/daemon.h"\n', 1, "points down")
        self.assert_found("sentinel/core/step.cc", '#include "sentinel/edge/daemon.h"\n', 1, "points down")

    def test_an_include_that_points_sideways(self):
        self.assert_found("replication/net/stream.cc", '#include "replication/resp/parser.h"\n', 1, "sideways")
        self.assert_found("sentinel/cli/up.cc", '#include "sentinel/edge/daemon.h"\n', 1, "sideways")

    def test_a_pure_core_includes_no_net(self):
        self.assert_found("replication/core/feed.cc", '#include "replication/net/loop.h"\n', 1, "points down")
        self.assert_found("sentinel/core/step.cc", '#include "replication/net/loop.h"\n', 1, "points down")

    def test_sentinel_uses_only_the_shared_folders(self):
        self.assert_found("sentinel/core/a.cc", '#include "replication/data/rdb.h"\n', 1, "shared folders")
        self.assert_found("sentinel/edge/a.cc", '#include "replication/core/psync.h"\n', 1, "shared folders")
        self.assert_found("sentinel/cli/a.cc", '#include "replication/edge/daemon.h"\n', 1, "shared folders")

    def test_replication_never_includes_sentinel(self):
        self.assert_found("replication/edge/a.cc", '#include "sentinel/core/state.h"\n', 1, "never includes sentinel")
        self.assert_found("replication/base/a.h", '#include "sentinel/core/state.h"\n', 1, "never includes sentinel")

    def test_the_product_includes_no_tests(self):
        self.assert_found("replication/core/a.cc", '#include "tests/support/cluster.h"\n', 1, "tests")

    def test_a_relative_include(self):
        self.assert_found("replication/core/a.cc", '#include "psync.h"\n', 1, "from the root")

    def test_a_folder_without_a_floor(self):
        self.assert_found("replication/utils/a.cc", "int a;\n", 1, "no floor")


class Libraries(Tree):
    def test_each_library_has_its_place(self):
        for path, header, words in [
                ("replication/core/a.cc", "uv.h", "libuv"),
                ("sentinel/main.cc", "uv.h", "libuv"),
                ("sentinel/cli/a.cc", "uv.h", "libuv"),
                ("replication/edge/a.cc", "hiredis/hiredis.h", "hiredis"),
                ("sentinel/core/a.cc", "hiredis/read.h", "hiredis"),
                ("replication/base/text.cc", "openssl/sha.h", "OpenSSL"),
                ("sentinel/edge/a.cc", "openssl/ssl.h", "OpenSSL"),
                ("sentinel/core/a.cc", "nlohmann/json.hpp", "nlohmann/json"),
                ("replication/net/a.cc", "nlohmann/json.hpp", "nlohmann/json"),
                ("replication/net/a.cc", "spdlog/spdlog.h", "spdlog"),
                ("sentinel/core/a.cc", "spdlog/spdlog.h", "spdlog"),
                ("replication/edge/a.cc", "lzf.h", "liblzf"),
                ("replication/core/a.cc", "liblzf/lzf.h", "liblzf"),
                ("replication/data/a.cc", "CLI/CLI.hpp", "CLI11"),
                ("replication/edge/a.cc", "doctest/doctest.h", "doctest")]:
            with self.subTest(path=path, header=header):
                self.assert_found(path, "#pragma once\n#  include <%s>\n" % header, 2, words)

    def test_libraries_in_their_places_are_clean(self):
        for path, header in [("replication/net/a.cc", "uv.h"), ("sentinel/cli/a.cc", "hiredis/hiredis.h"),
                             ("replication/base/digest.cc", "openssl/evp.h"), ("replication/net/a.cc", "openssl/ssl.h"),
                             ("sentinel/cli/a.cc", "nlohmann/json.hpp"), ("replication/host/a.cc", "spdlog/spdlog.h"),
                             ("replication/data/a.cc", "lzf.h"), ("sentinel/cli/main.cc", "CLI/CLI.hpp")]:
            with self.subTest(path=path, header=header):
                self.assert_clean(path, "#include <%s>\n" % header)


class Purity(Tree):
    PURE = ["replication/base", "replication/resp", "replication/serve", "replication/data", "replication/core",
            "sentinel/core"]

    def test_each_ban_in_every_pure_folder_and_nowhere_else(self):
        bans = [
            ("const auto now = std::chrono::steady_clock::now();", "clock"),
            ("using Clock = std::chrono::system_clock;", "clock"),
            ("const long t = time(nullptr);", "clock"),
            ("const long t = std::time(&x);", "clock"),
            ("gettimeofday(&tv, nullptr);", "clock"),
            ("if (clock_gettime(CLOCK_MONOTONIC, &ts) != 0) return;", "clock"),
            ("#include <thread>", "thread"),
            ("#include <mutex>", "thread"),
            ("#include <atomic>", "thread"),
            ("#include <condition_variable>", "thread"),
            ("std::random_device seed;", "entropy"),
            ("return rand() % 6;", "entropy"),
            ("x = ::getrandom(buffer, 8, 0);", "entropy"),
            ("#include <sys/random.h>", "entropy"),
            ("#include <fstream>", "file"),
            ("#include <filesystem>", "file"),
            ("#include <unistd.h>", "file"),
            ('FILE* f = fopen("/etc/passwd", "r");', "file"),
            ("const int fd = ::open(path, O_RDONLY);", "file"),
            ("int fd = open(path, 0);", "file"),
            ("#include <sys/socket.h>", "socket"),
            ("#include <netinet/in.h>", "socket"),
            ('const char* home = getenv("HOME");', "environment"),
            ("const int child = fork();", "process"),
        ]
        for folder in self.PURE:
            for code, words in bans:
                with self.subTest(folder=folder, code=code):
                    self.assert_found(folder + "/a.cc", "// a file\n" + code + "\n", 2, words)
        for folder in ("replication/net", "replication/edge", "sentinel/edge", "sentinel/cli"):
            for code, _ in bans:
                with self.subTest(folder=folder, code=code):
                    self.assert_clean(folder + "/a.cc", code + "\n")

    def test_the_one_exception_is_for_its_file_and_its_kind(self):
        self.assert_clean("replication/base/owners.h", "#include <atomic>\nstd::atomic<int> count;\n")
        self.assert_found("replication/base/owners.h", "#include <fstream>\n", 1, "file")
        self.assert_found("replication/base/others.h", "#include <atomic>\n", 1, "thread")

    def test_names_that_only_look_like_bans_are_clean(self):
        for code in ("stream.open(path);", "loop->time(nullptr);", "Millis time(Now now);", "base::clock(now);",
                     "int randomness = brand(3);", "MonoTime last_pong_at; lifetime(0);", "void open(int fd);",
                     "std::chrono::milliseconds wait(5);", "auto f = std::bind(&F, 1);", "state.rand();"):
            with self.subTest(code=code):
                self.assert_clean("sentinel/core/a.cc", code + "\n")


class Unordered(Tree):
    FIELD = {"sentinel/core/state.h": "struct State {\n  std::unordered_map<std::string, Master> masters;\n"
                                      "  std::map<int, std::vector<int>> links;\n};\n"}

    def test_iteration_is_found(self):
        declare = "std::unordered_map<std::string, std::pair<int, int>> peers_;\n"
        for code in ("for (const auto& [id, peer] : peers_) Use(peer);",
                     "for (auto& p : this->peers_) {}",
                     "for (int n = 0; auto& p : peers_) {}",
                     "auto i = peers_.begin();",
                     "std::for_each(peers_.cbegin(), end, f);",
                     "auto i = std::begin(peers_);",
                     "std::ranges::for_each(peers_, f);",
                     "for (auto& k : peers_ | std::views::keys) {}"):
            with self.subTest(code=code):
                self.assert_found("replication/core/a.cc", declare + code + "\n", 2, "unordered container peers_")

    def test_a_declaration_in_the_header_counts(self):
        self.assert_found("sentinel/core/step.cc", '#include "sentinel/core/state.h"\nvoid F(State& s) {\n'
                          "  for (auto& [name, master] : s.masters) G(master);\n}\n", 3, "masters", self.FIELD)
        header = {"replication/data/table.h": "class T {\n  std::unordered_set<int> keys_;\n};\n"}
        self.assert_found("replication/data/table.cc", '#include "replication/data/table.h"\n'
                          "void T::F() { for (int k : keys_) G(k); }\n", 2, "keys_", header)

    def test_an_alias_counts(self):
        self.assert_found("replication/data/a.cc", "using Index = std::unordered_map<int, int>;\nIndex index_;\n"
                          "int F() { return index_.begin()->second; }\n", 3, "index_")

    def test_look_up_and_ordered_containers_are_clean(self):
        self.assert_clean("sentinel/core/step.cc", '#include "sentinel/core/state.h"\n'
                          "auto i = s.masters.find(name);\nif (i == s.masters.end()) return;\ns.masters.erase(i);\n"
                          "for (auto& [id, link] : s.links) {}\n"
                          "for (int x : s.masters[name].list) {}\nfor (int i = 0; i < s.masters.size(); ++i) {}\n",
                          self.FIELD)

    def test_the_edge_may_iterate(self):
        self.assert_clean("sentinel/edge/a.cc", "std::unordered_map<int, int> m;\nfor (auto& p : m) {}\n")

    def test_an_ordered_local_of_the_same_name_is_clean(self):
        self.assert_clean("sentinel/core/a.cc", '#include "sentinel/core/state.h"\n'
                          "std::vector<Master> masters;\nfor (auto& m : masters) {}\n", self.FIELD)


class Text(Tree):
    def test_comments_and_strings_do_not_count(self):
        self.assert_clean("replication/core/a.cc", r'''
// #include "replication/edge/daemon.h", std::chrono::steady_clock::now()
/* #include <thread>
#include <mutex>
   rand() */
// a comment that goes on \
#include <atomic>
const char* a = "time(nullptr) \" rand() // ";
const char* b = R"(
#include <fstream>
getrandom( ")";
const char* c = R"x(
#include <filesystem>
)" std::random_device )x";
const char quote = '"', slash = '\'';
constexpr int kThousand = 1'000;
''')

    def test_code_behind_comments_and_literals_counts(self):
        self.assert_found("replication/core/a.cc", "constexpr int k = 1'000; int r = rand();\n", 1, "rand")
        self.assert_found("replication/core/a.cc", "const char q = '\"'; int r = rand();  // '\n", 1, "rand")
        self.assert_found("replication/core/a.cc", "/* a */ #define X\nint r = /* b */ rand();\n", 2, "rand")
        self.assert_found("replication/core/a.cc", '#include /* why */ <thread>\n', 1, "thread")


class CommandLine(Tree):
    def run_on(self, files):
        return subprocess.run([sys.executable, SCRIPT, "--root", self.plant(files)], capture_output=True, text=True,
                              cwd="/", timeout=60)

    def test_a_violation_is_printed_and_exits_with_1(self):
        done = self.run_on({"replication/core/a.cc": "\n\nint r = rand();\n", "replication/core/b.cc": "int b;\n"})
        self.assertEqual(1, done.returncode)
        self.assertEqual("replication/core/a.cc:3: replication/core is pure: entropy (rand)\n", done.stdout)

    def test_a_clean_tree_exits_with_0(self):
        done = self.run_on({"sentinel/core/a.cc": "int a;\n"})
        self.assertEqual((0, "check_layers: 1 files, no violation\n"), (done.returncode, done.stdout))

    def test_an_empty_tree_is_a_mistake(self):
        self.assertEqual(1, self.run_on({"README.md": ""}).returncode)


if __name__ == "__main__":
    unittest.main()
