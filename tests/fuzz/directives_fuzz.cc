// redis.conf and an ACL file in one input, the latter behind a zero byte: what is accepted is written so that it is
// accepted again and means the same; what is refused has a reason.
#include "replication/base/config_lines.h"
#include "replication/base/text.h"
#include "replication/core/execute.h"
#include "replication/core/settings.h"
#include "replication/serve/access.h"
#include "tests/fuzz/fuzz.h"

namespace {

using replication::Settings;

base::Result<Settings> Load(std::string_view text) {
  const auto lines = base::ParseConfig(text);
  if (!lines) return tl::unexpected(lines.error());
  replication::SettingsLoader loader;
  for (const base::ConfigLine& line : *lines) {
    if (line.words[0] == "include") continue;
    if (const auto applied = loader.Apply(line); !applied) return tl::unexpected(applied.error());
  }
  return loader.Finish();
}

const serve::CommandTable& Table() {
  static const serve::CommandTable kTable = [] {
    serve::CommandTable table;
    replication::FillCommandTable(table);
    return table;
  }();
  return kTable;
}

void CheckConfig(std::string_view text) {
  const auto settings = Load(text);
  if (!settings) return fuzz::Require(!settings.error().text.empty(), "what is refused has a reason");
  const std::string written = replication::RewriteSettings(*settings, text);
  const auto again = Load(written);
  fuzz::Require(again.has_value(), "what we write can be read");
  fuzz::Require(replication::RewriteSettings(*again, written) == written, "written once more it is the same");
  constexpr std::string_view kAll[] = {"*"};
  fuzz::Require(replication::GetSettings(*settings, kAll) == replication::GetSettings(*again, kAll),
                "and means the same");
  serve::Access access;
  for (const auto& user : settings->users) (void)replication::UseUserLine(user, Table(), access);
}

void CheckUsers(std::string_view text) {
  const serve::UserOptions options{.all_channels_by_default = text.size() % 2 == 0};
  auto users = serve::Access::ReadUsers(Table(), text, options);
  if (!users) return fuzz::Require(!users.error().text.empty(), "what is refused has a reason");
  serve::Access access;
  access.Replace(std::move(*users));
  const std::string written = access.Describe();
  auto read = serve::Access::ReadUsers(Table(), written, options);
  fuzz::Require(read.has_value(), "the users that we write can be read");
  serve::Access again;
  again.Replace(std::move(*read));
  fuzz::Require(again.Describe() == written, "and written once more are the same");
  fuzz::Require(again.users().size() == access.users().size(), "none is lost");
  for (const auto& [name, user] : access.users()) {
    const auto same = again.Find(name);
    fuzz::Require(same != nullptr && same->on == user->on && same->no_password == user->no_password &&
                      same->passwords == user->passwords && same->selectors.size() == user->selectors.size(),
                  "nor what stands with one");
    for (const auto& [command, entry] : Table().all()) {
      const serve::Words words{entry.row->name};
      fuzz::Require(same->root.AllowsCommand(entry, words) == user->root.AllowsCommand(entry, words),
                    "nor a right, nor is one won");
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::Text(data, size);
  const std::size_t end = text.find('\0');
  CheckConfig(text.substr(0, end));
  if (end != std::string_view::npos) CheckUsers(text.substr(end + 1));
  return 0;
}
