// vigil journal: the node program's own tool, found and started, with nodes named by their address too.
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <map>

#include "replication/base/text.h"
#include "sentinel/cli/process.h"
#include "sentinel/cli/redis_client.h"
#include "sentinel/cli/terminal.h"
#include "sentinel/cli/verbs.h"

namespace cli {
namespace {

// HOST:PORT, and no such folder is there.
bool NamesNode(const std::string& word) {
  const std::size_t colon = word.rfind(':');
  std::error_code ignored;
  return colon != std::string::npos && colon > 0 && word.find('/') == std::string::npos &&
         base::ParsePort(word.substr(colon + 1)) && !std::filesystem::exists(word, ignored);
}

// Where a node that runs on this machine keeps its journal.
base::Result<std::string> FolderOf(const std::string& node, const Credentials& credentials) {
  const auto address = ParseEndpoint(node, 6379);
  if (!address) return tl::unexpected(address.error());
  auto client = RedisClient::Connect(*address, credentials);
  if (!client) return tl::unexpected(client.error());
  std::map<std::string, std::string> settings;
  for (const char* name : {"dir", "appendonly", "appenddirname"}) {
    const auto reply = client->Ask({"CONFIG", "GET", name});
    if (!reply) return tl::unexpected(reply.error());
    if (reply->items.size() == 2) settings[name] = reply->items[1].text;
  }
  if (settings["appendonly"] != "yes") {
    return base::Fail(base::ErrorCode::kInvalid,
                      fmt::format("{} keeps no journal: 'CONFIG SET appendonly yes' there begins one", node));
  }
  const std::string folder = settings["dir"] + "/" + settings["appenddirname"];
  std::error_code ignored;
  if (std::filesystem::is_directory(folder, ignored)) return folder;
  return base::Fail(
      base::ErrorCode::kNotFound,
      fmt::format("{} keeps its journal in {}, which is not on this machine: run this there", node, folder));
}

}  // namespace

int Journal(std::vector<std::string> words, const Credentials& credentials) {
  if (words.size() >= 2 && NamesNode(words[1])) {
    const auto folder = FolderOf(words[1], credentials);
    if (!folder) {
      Complain(folder.error().text);
      return folder.error().code == base::ErrorCode::kIo ? kUnreachable : kFailed;
    }
    words[1] = *folder;
  }
  const auto program = FindExecutable("vigil-node");
  if (!program) {
    Complain(program.error().text, "install vigil-node beside vigil");
    return kFailed;
  }
  words.insert(words.begin(), {*program, "--journal"});
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  execv(program->c_str(), argv.data());
  Complain(fmt::format("cannot start {}: {}", *program, std::strerror(errno)));
  return kFailed;
}

}  // namespace cli
