#include "sentinel/core/reread.h"

#include <fmt/format.h>

#include <utility>

#include "sentinel/core/changes.h"
#include "sentinel/core/clients.h"
#include "sentinel/core/members.h"
#include "sentinel/core/settings.h"

namespace sentinel {
namespace {

void Say(Actions& out, base::LogLevel level, std::string text) {
  out.push_back(LogLine{level, std::move(text)});
}

// True when it was another one.
bool Take(std::string& value, const std::string& read) {
  if (value == read) return false;
  value = read;
  return true;
}

serve::Access::Users CopyOf(const serve::Access& access) {
  serve::Access::Users users;
  for (const auto& [name, user] : access.users()) users.emplace(name, std::make_shared<serve::User>(*user));
  return users;
}

}  // namespace

void TakeReread(State& state, const ConfigReread& reread, const base::Now& now, Actions& out) {
  State read(state.random.Next());
  read.can_run = state.can_run;
  read.read_included = state.read_included;
  const auto settings = LoadSettings(reread.text, read, now, state.read_included);
  if (!settings) {
    return Say(out, base::LogLevel::kWarning,
               fmt::format("SIGHUP: {}:{}: nothing is changed", state.config_path, settings.error().text));
  }
  serve::Server& server = state.server;
  const bool own_password = server.access.password() != read.server.access.password();
  server.access.set_password(read.server.access.password());
  if (server.user_file.read) {
    if (const auto loaded = serve::LoadUserFile(server, nullptr); !loaded) {
      Say(out, base::LogLevel::kWarning, "SIGHUP: " + loaded.error().text);
    }
  } else if (settings->aclfile.empty()) {
    serve::ReplaceUsers(server, CopyOf(read.server.access), nullptr);
  }
  FlushClients(state, 0, out);

  const bool user = Take(state.sentinel_user, read.sentinel_user);
  const bool pass = Take(state.sentinel_pass, read.sentinel_pass);
  // Without a sentinel-pass, our own password is the one that we say to peers.
  const bool peers = user || pass || (own_password && state.sentinel_pass.empty());
  bool changed = user || pass;
  if (peers) CredentialsChanged(state, nullptr, now, out);
  int masters = 0;
  for (auto& [name, master] : state.masters) {
    const auto found = read.masters.find(name);
    if (found == read.masters.end()) continue;
    const bool new_user = Take(master.auth_user, found->second.auth_user);
    const bool new_pass = Take(master.auth_pass, found->second.auth_pass);
    if (!new_user && !new_pass) continue;
    ++masters;
    CredentialsChanged(state, &master, now, out);
  }
  if (changed || masters > 0) MarkChanged(state, out);
  Say(out, base::LogLevel::kWarning,
      fmt::format("SIGHUP: passwords and users were read again: {} masters and {} have new ones", masters,
                  peers ? "the peers" : "no peers"));
}

}  // namespace sentinel
