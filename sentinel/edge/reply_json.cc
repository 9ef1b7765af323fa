#include "sentinel/edge/reply_json.h"

#include <cstdlib>
#include <string>

#include "replication/base/check.h"
#include "replication/base/text.h"

namespace sentinel::edge {
namespace {

using Json = nlohmann::ordered_json;

class Reader {
 public:
  explicit Reader(std::string_view reply) : left_(reply) {}

  Json Next() {
    VIGIL_CHECK(!left_.empty());
    const char type = left_.front();
    left_.remove_prefix(1);
    const std::string_view line = Line();
    switch (type) {
      case '%':
        return Map(Count(line));
      case '*':
      case '~':
        return Array(Count(line));
      case '$':
        return line == "-1" ? Json() : Json(std::string(Bytes(Count(line))));
      case '=':
        return std::string(Bytes(Count(line)).substr(4));  // behind "txt:"
      case ':':
        return base::ParseInt<std::int64_t>(line).value_or(0);
      case ',':
        return std::strtod(std::string(line).c_str(), nullptr);
      case '#':
        return line == "t";
      case '_':
        return Json();
      default:
        return std::string(line);
    }
  }
  bool done() const { return left_.empty(); }

 private:
  std::string_view Line() {
    const std::size_t end = left_.find("\r\n");
    VIGIL_CHECK(end != std::string_view::npos);
    const std::string_view line = left_.substr(0, end);
    left_.remove_prefix(end + 2);
    return line;
  }
  std::size_t Count(std::string_view line) { return base::ParseInt<std::size_t>(line).value_or(0); }
  std::string_view Bytes(std::size_t size) {
    VIGIL_CHECK(left_.size() >= size + 2);
    const std::string_view bytes = left_.substr(0, size);
    left_.remove_prefix(size + 2);
    return bytes;
  }
  Json Array(std::size_t count) {
    Json array = Json::array();
    for (std::size_t i = 0; i < count; ++i) array.push_back(Next());
    return array;
  }
  Json Map(std::size_t count) {
    Json map = Json::object();
    for (std::size_t i = 0; i < count; ++i) {
      const Json key = Next();
      map[key.is_string() ? key.get<std::string>() : key.dump()] = Next();
    }
    return map;
  }

  std::string_view left_;
};

}  // namespace

Json JsonOfReply(std::string_view reply) {
  Reader reader(reply);
  Json json = reader.Next();
  VIGIL_CHECK(reader.done());
  return json;
}

}  // namespace sentinel::edge
