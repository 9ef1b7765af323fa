#include "replication/serve/command_docs.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cctype>
#include <string>
#include <vector>

#include "replication/core/execute.h"
#include "replication/serve/command_row.h"
#include "sentinel/core/clients.h"

namespace {

using serve::CommandArgument;

// As text: name:type, "TOKEN=" before it, '?' optional, '*' multiple, '+' its token too, parts in braces.
std::string Shown(const std::vector<CommandArgument>& arguments) {
  std::string text;
  for (const CommandArgument& argument : arguments) {
    if (!text.empty()) text += ' ';
    if (!argument.token.empty()) text += argument.token + "=";
    text += fmt::format("{}:{}{}{}{}", argument.name, argument.type, argument.optional ? "?" : "",
                        argument.multiple ? "*" : "", argument.multiple_token ? "+" : "");
    if (!argument.parts.empty()) text += "{" + Shown(argument.parts) + "}";
  }
  return text;
}

std::string Read(std::string_view usage) {
  return Shown(serve::ReadUsage(usage));
}

}  // namespace

TEST_CASE("command docs: values, tokens, and what may be missing") {
  CHECK(Read("") == "");
  CHECK(Read("<key> <value>") == "key:key value:string");
  CHECK(Read("[<username>] <password>") == "username:string? password:string");
  CHECK(Read("[COUNT <count>]") == "COUNT=count:integer?");
  CHECK(Read("<master> [TO <host> <port>]") == "master:string TO=host_port:block?{host:string port:integer}");
  CHECK(Read("<host>:<port>") == "host:port:string");
}

TEST_CASE("command docs: alternatives") {
  CHECK(Read("ON|OFF") == "on_off:oneof{ON=on:pure-token OFF=off:pure-token}");
  CHECK(Read("[EX <seconds>|KEEPTTL]") == "seconds_keepttl:oneof?{EX=seconds:integer KEEPTTL=keepttl:pure-token}");
  CHECK(Read("(GET <a>)|(SET <a> <b>) <c>") == "a_a_b:oneof{GET=a:string SET=a_b:block{a:string b:string}} c:string");
  CHECK(Read("(LEFT|RIGHT) <timeout>") ==
        "left_right:oneof{LEFT=left:pure-token RIGHT=right:pure-token} timeout:string");
}

TEST_CASE("command docs: one or more, and any number") {
  CHECK(Read("<key> [<key> ...]") == "key:key*");
  CHECK(Read("[<key> ...]") == "key:key?*");
  CHECK(Read("<word> ...") == "word:string*");
  CHECK(Read("<a> <key> <value> [<key> <value> ...]") == "a:string key_value:block*{key:key value:string}");
  CHECK(Read("[GET <pattern> [GET <pattern> ...]]") == "GET=pattern:pattern?*+");
}

TEST_CASE("command docs: a mistake in a usage is no endless loop") {
  for (const char* usage : {"[", "]", "<", "|", "[[<a>", "<a> )", "...", "a||b", "( ", "[...]", "<a>|"}) {
    CAPTURE(usage);
    (void)serve::ReadUsage(usage);
  }
}

TEST_CASE("command docs: every row of both programs can be read") {
  serve::CommandTable node;
  replication::FillCommandTable(node);
  serve::CommandTable sentinel;
  sentinel::FillCommandTable(sentinel);
  const auto check = [](const auto& self, const std::vector<CommandArgument>& arguments) -> void {
    for (const CommandArgument& argument : arguments) {
      CAPTURE(argument.name);
      CHECK_FALSE(argument.name.empty());
      for (const std::string_view text : {std::string_view(argument.name), std::string_view(argument.token)}) {
        CHECK(text.find_first_of("[]()|<> ") == std::string_view::npos);
      }
      self(self, argument.parts);
    }
  };
  for (const serve::CommandTable* table : {&node, &sentinel}) {
    for (const auto& [name, entry] : table->all()) {
      CAPTURE(name);
      check(check, serve::ReadUsage(entry.row->usage));
    }
  }
}

TEST_CASE("command docs: since when") {
  CHECK(serve::SinceOf("get") == "1.0.0");
  CHECK(serve::SinceOf("config|get") == "2.0.0");
  CHECK(serve::SinceOf("sentinel|failover") == "2.8.4");
  CHECK(serve::SinceOf("sentinel|pause") == "");
  CHECK(serve::SinceOf("ge") == "");
}
