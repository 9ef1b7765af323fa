#include "sentinel/cli/flags.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "replication/base/text.h"

namespace cli {

void AddAskFlags(CLI::App& verb, AskOptions& options) {
  verb.add_option("--sentinel", options.sentinels,
                  "a sentinel to ask; repeat it to name others for when it does not answer")
      ->allow_extra_args(false)  // what follows may be MASTER
      ->type_name("HOST:PORT");
  verb.add_option("--dir", options.folder, "ask the sentinels of the local cluster in this folder")->type_name("DIR");
  verb.add_option("--user", options.credentials.user, "user name for AUTH")->type_name("NAME");
  verb.add_option("--password", options.credentials.password, "password for AUTH; better in VIGILCLI_AUTH")
      ->type_name("SECRET");
  verb.footer(kWhoIsAsked);
}

void TakePasswordFromEnvironment(Credentials& credentials) {
  const char* const password = std::getenv("VIGILCLI_AUTH");
  if (credentials.password.empty() && password != nullptr) credentials.password = password;
}

std::string ReadLength(const std::string& text, base::Millis& length) {
  const std::size_t unit_at = std::min(text.find_first_not_of("0123456789"), text.size());
  const auto number = base::ParseInt<std::int64_t>(text.substr(0, unit_at));
  const std::string unit = text.substr(unit_at);
  const std::int64_t ms = unit == "ms" ? 1 : unit.empty() || unit == "s" ? 1000 : unit == "m" ? 60'000 : 3'600'000;
  const bool known = ms < 3'600'000 || unit == "h";
  if (!number || *number < 1 || !known || *number > std::int64_t{1} << 40) {
    return fmt::format("'{}' is no length of time; 30s, 15m and 2h are", text);
  }
  length = base::Millis(*number * ms);
  return "";
}

CLI::Option* AddLength(CLI::App& verb, const std::string& name, base::Millis& length, const std::string& help) {
  return verb
      .add_option_function<std::string>(
          name,
          [name, &length](const std::string& text) {
            const std::string wrong = ReadLength(text, length);
            if (!wrong.empty()) throw CLI::ValidationError(name, wrong);
          },
          help)
      ->type_name(name.starts_with('-') ? "LENGTH" : "");
}

void AddMasterFlags(CLI::App& verb, MasterOptions& options) {
  verb.add_option("MASTER", options.master, "name of the master")->required()->type_name("");
  verb.add_flag("--json", options.json, "for programs");
  AddAskFlags(verb, options.ask);
}

}  // namespace cli
