#include "sentinel/cli/ask_sentinel.h"

#include <fmt/format.h>

#include <algorithm>

#include "sentinel/cli/ask_all.h"
#include "sentinel/cli/instance_map.h"
#include "sentinel/cli/terminal.h"

namespace cli {
namespace {

constexpr std::string_view kStock = "every sentinel that answers is a stock one and does not know SENTINEL ";

void AddPeers(RedisClient& client, const std::string& master, std::vector<base::Endpoint>& sentinels) {
  const auto peers = client.Ask({"SENTINEL", "SENTINELS", master});
  if (!peers) return;
  for (const Reply& item : peers->items) {
    const auto fields = Fields::FromReply(item);
    if (!fields) continue;
    const base::Endpoint address = fields->Address("ip", "port");
    if (!address.empty() && std::ranges::find(sentinels, address) == sentinels.end()) sentinels.push_back(address);
  }
}

}  // namespace

bool IsUnknownThere(const std::string& error) {
  return error.find("nknown sentinel subcommand") != std::string::npos ||
         error.find("nknown subcommand") != std::string::npos ||
         error.find("wrong number of arguments") != std::string::npos;
}

base::Result<Answer> AskAnySentinel(const Found& found, const std::string& master,
                                    const std::vector<std::string>& words) {
  Responsive responsive = FindResponsive(found.where.sentinels, found.where.credentials);
  std::vector<base::Endpoint>& sentinels = responsive.sentinels;
  base::Error error = NobodyAnswers(responsive.silent);
  bool stock = false;
  for (std::size_t i = 0; i < sentinels.size(); ++i) {
    auto client = RedisClient::Connect(sentinels[i], found.where.credentials);
    if (!client) {
      error = client.error();
      continue;
    }
    const auto reply = client->Command(words);
    if (!reply) {
      error = reply.error();
    } else if (!reply->is_error()) {
      return Answer{sentinels[i], *reply};
    } else if (IsUnknownThere(reply->text)) {
      stock = true;
      AddPeers(*client, master, sentinels);
    } else if (reply->text.find("No such master") != std::string::npos) {
      error = {base::ErrorCode::kNotFound, fmt::format("no sentinel knows a master named '{}'", master)};
    } else {
      return base::Fail(base::ErrorCode::kInvalid, reply->text);
    }
  }
  if (stock) return base::Fail(base::ErrorCode::kNotFound, fmt::format("{}{}", kStock, words[1]));
  return tl::unexpected(error);
}

int ReportRefusedAnswer(const base::Error& error, const Found& found, const std::string& master) {
  if (error.code == base::ErrorCode::kInvalid && error.text.find("NOAUTH") == std::string::npos &&
      error.text.find("WRONGPASS") == std::string::npos) {
    Complain(error.text, "`vigil status` shows the state");
    return kRefused;
  }
  if (error.text.starts_with(kStock)) {
    Complain(error.text, "name one of vigil-sentinel with --sentinel HOST:PORT");
    return kRefused;
  }
  return ReportAskError(error, found, master);
}

}  // namespace cli
