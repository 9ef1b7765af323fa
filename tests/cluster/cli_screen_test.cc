// `vigil` on a terminal of its own: what a person sees at 80 and at 200 columns, and what shells and man make of it.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "tests/cluster/cli_bench.h"

using namespace support;

namespace {

// A pseudo terminal with a program on it.
class Terminal {
 public:
  Terminal(unsigned short columns, unsigned short rows, std::vector<std::string> words) {
    master_ = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    REQUIRE(master_ >= 0);
    REQUIRE(grantpt(master_) == 0);
    REQUIRE(unlockpt(master_) == 0);
    const winsize size{rows, columns, 0, 0};
    REQUIRE(ioctl(master_, TIOCSWINSZ, &size) == 0);
    const std::string name = ptsname(master_);
    // Kept open here too: its settings outlive the program, and are looked at afterwards.
    slave_ = open(name.c_str(), O_RDWR | O_NOCTTY | O_CLOEXEC);
    REQUIRE(slave_ >= 0);
    words.insert(words.begin(), OurProgram("vigil"));
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    pid_ = fork();
    REQUIRE(pid_ >= 0);
    if (pid_ == 0) {
      setsid();
      ioctl(slave_, TIOCSCTTY, 0);
      for (int fd = 0; fd < 3; ++fd) dup2(slave_, fd);
      setenv("TERM", "xterm", 1);
      unsetenv("NO_COLOR");
      execv(argv[0], argv.data());
      _exit(127);
    }
  }
  ~Terminal() {
    if (pid_ > 0) {
      kill(pid_, SIGKILL);
      waitpid(pid_, nullptr, 0);
    }
    close(slave_);
    close(master_);
  }
  Terminal(const Terminal&) = delete;

  // Reads until all of it has come so far; false when the time is over.
  bool Shows(const std::string& text) {
    return WaitFor([&] {
      Read();
      return shown_.find(text) != std::string::npos;
    });
  }
  void Type(const std::string& keys) { REQUIRE(write(master_, keys.data(), keys.size()) >= 0); }
  int Exit() {
    int status = -1;
    REQUIRE(WaitFor([&] {
      Read();
      return waitpid(pid_, &status, WNOHANG) == pid_;
    }));
    pid_ = -1;
    Read();
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  bool Echoes() const {
    termios now{};
    REQUIRE(tcgetattr(slave_, &now) == 0);
    return (now.c_lflag & ECHO) != 0 && (now.c_lflag & ICANON) != 0;
  }
  // The widest line that was drawn, without marks.
  std::size_t Widest() const {
    std::size_t widest = 0;
    std::size_t width = 0;
    for (std::size_t i = 0; i < shown_.size(); ++i) {
      if (shown_[i] == '\x1b') {
        while (i < shown_.size() && (shown_[i] == '\x1b' || shown_[i] == '[' || shown_[i] == '?' || shown_[i] == ';' ||
                                     (shown_[i] >= '0' && shown_[i] <= '9'))) {
          ++i;
        }
        if (i < shown_.size() && shown_[i] == 'H') width = 0;
      } else if (shown_[i] == '\r' || shown_[i] == '\n') {
        width = 0;
      } else {
        widest = std::max(widest, ++width);
      }
    }
    return widest;
  }
  const std::string& shown() const { return shown_; }

 private:
  void Read() {
    pollfd entry{master_, POLLIN, 0};
    char buffer[4096];
    while (poll(&entry, 1, 0) > 0 && (entry.revents & POLLIN) != 0) {
      const ssize_t got = read(master_, buffer, sizeof buffer);
      if (got <= 0) return;
      shown_.append(buffer, static_cast<std::size_t>(got));
    }
  }

  int master_ = -1;
  int slave_ = -1;
  pid_t pid_ = -1;
  std::string shown_;
};

constexpr const char* kOtherScreen = "\x1b[?1049h";
constexpr const char* kOwnScreen = "\x1b[?25h\x1b[?1049l";

}  // namespace

TEST_CASE("cli: watch fits 80 and 200 columns, follows what happens, and gives the terminal back") {
  Bench bench;
  REQUIRE(bench.Do({"up", "--down-after", "1000"}).code == 0);
  CHECK(bench.Do({"watch"}).code == 2);  // no terminal
  const std::string first = fmt::format("127.0.0.1:{}", bench.Server("node-1").at("port").get<int>());
  for (const unsigned short columns : {80, 200}) {
    Terminal terminal(columns, 24, {"watch", "mymaster", "--dir", bench.folder()});
    REQUIRE(terminal.Shows(kOtherScreen));
    REQUIRE(terminal.Shows("2/2 replicas  3/3 sentinels"));
    REQUIRE(terminal.Shows("writable"));
    CHECK_FALSE(terminal.Echoes());
    CHECK(terminal.shown().find("\x1b[1;32mOK") != std::string::npos);
    CHECK(terminal.Widest() <= columns);
    if (columns == 80) {
      terminal.Type("q");
      CHECK(terminal.Exit() == 0);
    } else {
      bench.Kill("node-1");
      REQUIRE(terminal.Shows("+switch-master"));
      REQUIRE(terminal.Shows("clients are sent to"));
      CHECK(terminal.Widest() <= columns);
      terminal.Type("\x03");
      CHECK(terminal.Exit() == 130);
    }
    CHECK(terminal.shown().ends_with(kOwnScreen));
    CHECK(terminal.Echoes());
  }
  // The failover is told afterwards, in order and with its numbers.
  const Said events = bench.Do({"events", "mymaster", "--json"});
  CAPTURE(events.text);
  CHECK(events.code == 0);
  const auto last = nlohmann::json::parse(events.text.substr(0, events.text.find('\n')));
  CHECK(last.at("master") == "mymaster");
  CHECK(last.at("past") == true);
  const Said why = bench.Do({"why", "mymaster"});
  CAPTURE(why.text);
  CHECK(why.Has(first));
  CHECK(why.Has("sentinels found it down"));

  const Said show = bench.Do({"show", "mymaster"});
  CAPTURE(show.text);
  CHECK(show.code == 4);
  CHECK(show.Has(first));
  CHECK(show.Has("no answer"));
  CHECK(show.Has("would be chosen"));
  const Said matrix = bench.Do({"matrix", "mymaster"});
  CAPTURE(matrix.text);
  CHECK(matrix.code == 4);
  CHECK(matrix.Has("here -> " + first + ": connection refused"));
  CHECK(matrix.Has("-> " + first + ": finds it down"));
  const auto links = nlohmann::json::parse(bench.Do({"matrix", "mymaster", "--json"}).text).at("links");
  CHECK(std::ranges::any_of(links, [&](const nlohmann::json& link) {
    return link.at("from") == "here" && link.at("to") == first && link.at("reaches") == false;
  }));
  CHECK(std::ranges::any_of(
      links, [&](const nlohmann::json& link) { return link.at("kind") == "follows" && link.at("reaches") == true; }));
}

TEST_CASE("cli: completion and manual pages are what --help says") {
  TempDir folder;
  const auto made = [&](const std::vector<std::string>& words) {
    std::vector<std::string> command{OurProgram("vigil")};
    command.insert(command.end(), words.begin(), words.end());
    std::filesystem::remove(folder.path() + "/said");  // logs are appended to
    Process process(command, folder.path() + "/said");
    CHECK(process.Wait(kLimitMs).value_or(-1) == 0);
    return process.log();
  };
  const auto shell = [&](const std::string& script) {
    WriteTextFile(folder.path() + "/script", script);
    std::filesystem::remove(folder.path() + "/shell");
    Process process({"/bin/bash", folder.path() + "/script"}, folder.path() + "/shell");
    const auto code = process.Wait(kLimitMs);
    return Said{code.value_or(-1), process.log()};
  };
  const std::string bash = made({"completion", "bash"});
  const auto complete = [&](const std::string& words, int at) {
    return shell(bash +
                 fmt::format("\nCOMP_WORDS=({})\nCOMP_CWORD={}\n_vigil\necho \"${{COMPREPLY[*]}}\"\n", words, at));
  };
  CHECK(complete("vigil swi", 1).text == "switchover\n");
  CHECK(complete("vigil plan fail", 2).text == "failover\n");
  CHECK(complete("vigil config di", 2).text == "diff\n");
  CHECK(complete("vigil doctor --js", 2).text == "--json\n");
  CHECK(complete("vigil status --sentinel 127", 3).text == "\n");
  CHECK(made({"completion", "zsh"}).starts_with("#compdef vigil\n"));
  CHECK(made({"completion", "fish"}).find("-a doctor") != std::string::npos);

  const std::string verbs = made({"manual", "--list"});
  CHECK(verbs.find("config-diff\n") != std::string::npos);
  CHECK(verbs.find("completion") == std::string::npos);
  CHECK(made({"manual"}).find(".B switchover\n") != std::string::npos);
  const std::string page = made({"manual", "plan"});
  CHECK(page.starts_with(".TH VIGIL\\-PLAN 1"));
  CHECK(page.find(".SH EXAMPLES") != std::string::npos);
  CHECK(page.find("\\fB\\-\\-to\\fR \\fIHOST:PORT\\fR") != std::string::npos);
  for (std::size_t at = 0; at < verbs.size();) {
    const std::size_t end = verbs.find('\n', at);
    const std::string verb = verbs.substr(at, end - at);
    CAPTURE(verb);
    CHECK(made({"manual", verb}).find(".SH EXAMPLES") != std::string::npos);
    at = end + 1;
  }
}
