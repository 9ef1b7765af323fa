#include "sentinel/cli/find_sentinels.h"

#include <fmt/format.h>

#include "sentinel/cli/cluster_files.h"
#include "sentinel/cli/nearest.h"
#include "sentinel/cli/terminal.h"

namespace cli {
namespace {

constexpr std::uint16_t kSentinelPort = 26379;

}  // namespace

base::Result<Found> FindSentinels(const AskOptions& options) {
  Found found;
  found.where.credentials = options.credentials;
  for (const std::string& text : options.sentinels) {
    const auto address = ParseEndpoint(text, kSentinelPort);
    if (!address) return tl::unexpected(address.error());
    found.where.sentinels.push_back(*address);
  }
  if (!found.where.sentinels.empty()) {
    found.advice = "check the address, or name another with --sentinel HOST:PORT";
    return found;
  }
  const auto cluster = LoadCluster(options.folder.value_or(kDefaultFolder));
  if (cluster) {
    const std::string dir = options.folder ? " --dir " + ShellWord(*options.folder) : "";
    found.where.sentinels = cluster->Sentinels();
    found.advice = fmt::format("start the cluster with `vigil up{}`", dir);
    return found;
  }
  if (options.folder || cluster.error().code != base::ErrorCode::kNotFound) return tl::unexpected(cluster.error());
  found.where.sentinels = {{"127.0.0.1", kSentinelPort}};
  found.advice = "name one with --sentinel HOST:PORT, or start a local cluster with `vigil up`";
  return found;
}

int ReportNoSentinels(const base::Error& error) {
  Complain(error.text, error.code == base::ErrorCode::kNotFound
                           ? "`vigil up` starts one there, --sentinel HOST:PORT asks a running one"
                           : "name a sentinel with --sentinel HOST:PORT");
  return error.code == base::ErrorCode::kInvalid ? kBadUsage : kUnreachable;
}

int ReportAskError(const base::Error& error, const Found& found, const std::string& master) {
  switch (error.code) {
    case base::ErrorCode::kNotFound: {
      const auto known = AskMasterNames(found.where);
      std::string advice = known && !master.empty() ? DidYouMean(master, *known) : "";
      if (advice.empty() && known && !known->empty()) advice = fmt::format("it knows {}", fmt::join(*known, ", "));
      Complain(error.text, advice.empty() ? "`vigil status` lists the masters it knows" : advice);
      return kFailed;
    }
    case base::ErrorCode::kInvalid:
      if (error.text.find("NOAUTH") != std::string::npos || error.text.find("WRONGPASS") != std::string::npos) {
        Complain(error.text, kPasswordAdvice);
      } else if (error.text.find("unknown command") != std::string::npos) {
        Complain(fmt::format("{} is no sentinel", error.text.substr(0, error.text.find(": "))), found.advice);
      } else {
        Complain(error.text, found.advice);
      }
      return kUnreachable;
    default:
      Complain(fmt::format("no sentinel answers ({})", error.text), found.advice);
      return kUnreachable;
  }
}

}  // namespace cli
