#include "replication/serve/command_docs.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

#include "replication/base/text.h"

namespace serve {
namespace {

using Arguments = std::vector<CommandArgument>;

constexpr std::array<std::string_view, 10> kKeys = {"key",     "key1",   "key2",      "source", "destination",
                                                    "destkey", "newkey", "sourcekey", "dst",    "src"};
constexpr std::array<std::string_view, 26> kIntegers = {
    "bit",    "bits",   "count",   "cursor",  "db", "destination-db", "epoch",   "client-id",   "increment", "index",
    "index1", "index2", "len",     "limit",   "ms", "milliseconds",   "numkeys", "numreplicas", "offset",    "port",
    "quorum", "rank",   "seconds", "unix-ms", "n",  "protover"};
constexpr std::array<std::string_view, 7> kDoubles = {"height", "latitude", "longitude", "radius",
                                                      "score",  "weight",   "width"};

std::string_view TypeOf(std::string_view name) {
  const auto among = [name](const auto& names) { return std::ranges::find(names, name) != names.end(); };
  if (among(kKeys)) return "key";
  if (among(kIntegers)) return "integer";
  if (among(kDoubles)) return "double";
  if (name.starts_with("unix-time")) return "unix-time";
  return name == "pattern" ? "pattern" : "string";
}

std::string JoinNames(const Arguments& parts) {
  std::string joined;
  for (const CommandArgument& part : parts) joined += (joined.empty() ? "" : "_") + part.name;
  return joined;
}

// Several as one: a block that keeps them together.
CommandArgument Together(Arguments parts) {
  if (parts.size() == 1) return std::move(parts.front());
  CommandArgument block;
  block.name = JoinNames(parts);
  block.type = "block";
  block.parts = std::move(parts);
  return block;
}

class UsageReader {
 public:
  explicit UsageReader(std::string_view text) : rest_(text) {}

  // Until the text or the bracket ends. `dots`: "..." stood at its end.
  Arguments Sequence(bool* dots = nullptr) {
    Arguments items;
    while (Peek() != '\0' && Peek() != ']' && Peek() != ')') {
      if (rest_.starts_with("...")) {
        rest_.remove_prefix(3);
        if (dots != nullptr) {
          *dots = true;
        } else if (!items.empty()) {
          items.back().multiple = true;
        }
        continue;
      }
      if (Peek() == '[') {
        Bracket(items);
      } else {
        items.push_back(OneOf());
      }
    }
    return items;
  }

 private:
  char Peek() {
    while (rest_.starts_with(' ')) rest_.remove_prefix(1);
    return rest_.empty() ? '\0' : rest_.front();
  }

  void Close(char bracket) {
    if (Peek() == bracket) rest_.remove_prefix(1);
  }

  // "[...]": what stands before it once more, any number of something, or something that may be missing.
  void Bracket(Arguments& items) {
    rest_.remove_prefix(1);
    bool dots = false;
    Arguments inside = Sequence(&dots);
    Close(']');
    if (inside.empty()) return;
    if (dots && RepeatsEndOf(items, inside)) {
      const auto first = items.end() - static_cast<std::ptrdiff_t>(inside.size());
      CommandArgument repeated = Together(Arguments(first, items.end()));
      items.erase(first, items.end());
      repeated.multiple = true;
      repeated.multiple_token = !repeated.token.empty() && !inside.front().token.empty();
      return items.push_back(std::move(repeated));
    }
    CommandArgument optional = Block(std::move(inside));
    optional.optional = true;
    optional.multiple |= dots;
    items.push_back(std::move(optional));
  }

  // A token that leads several values leads their block.
  static CommandArgument Block(Arguments parts) {
    if (parts.empty()) return {};
    if (parts.size() == 1) return std::move(parts.front());
    CommandArgument block = Together(std::move(parts));
    CommandArgument& first = block.parts.front();
    if (first.type != "pure-token") block.token = std::exchange(first.token, {});
    return block;
  }

  static bool RepeatsEndOf(const Arguments& items, const Arguments& inside) {
    return items.size() >= inside.size() &&
           std::equal(inside.rbegin(), inside.rend(), items.rbegin(), [](const auto& again, const auto& item) {
             return again.name == item.name && again.type == item.type;
           });
  }

  CommandArgument OneOf() {
    Arguments choices;
    choices.push_back(Choice());
    while (rest_.starts_with('|')) {
      rest_.remove_prefix(1);
      choices.push_back(Choice());
    }
    if (choices.size() == 1) return std::move(choices.front());
    CommandArgument one;
    one.name = JoinNames(choices);
    one.type = "oneof";
    one.parts = std::move(choices);
    return one;
  }

  CommandArgument Choice() {
    if (Peek() == '(') {
      rest_.remove_prefix(1);
      Arguments inside = Sequence();
      Close(')');
      return Block(std::move(inside));
    }
    if (Peek() == '<') return Value();
    const std::size_t end = std::min(rest_.find_first_of(" |[]()<"), rest_.size());
    CommandArgument token;
    token.token = rest_.substr(0, std::max<std::size_t>(end, 1));
    rest_.remove_prefix(token.token.size());
    if (rest_.starts_with(" <")) {
      CommandArgument value = Value();
      value.token = std::move(token.token);
      return value;
    }
    token.name = base::ToLower(token.token);
    token.type = "pure-token";
    return token;
  }

  CommandArgument Value() {
    const std::size_t open = rest_.find('<');
    const std::size_t close = std::min(rest_.find('>', open), rest_.size());
    CommandArgument value;
    value.name = rest_.substr(open + 1, close - open - 1);
    value.type = TypeOf(value.name);
    rest_.remove_prefix(std::min(close + 1, rest_.size()));
    // "<host>:<port>" is one word.
    while (rest_.starts_with(":<")) {
      CommandArgument more = Value();
      value.name += ":" + more.name;
      value.type = "string";
    }
    return value;
  }

  std::string_view rest_;
};

}  // namespace

std::vector<CommandArgument> ReadUsage(std::string_view usage) {
  UsageReader reader(usage);
  return reader.Sequence();
}

}  // namespace serve
