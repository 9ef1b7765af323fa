#include "replication/core/script_values.h"

#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <string>

#include <lua.hpp>

namespace replication {
namespace {

class Decoder {
 public:
  Decoder(lua_State* lua, std::string_view bytes) : lua_(lua), bytes_(bytes) {}

  void Value() {
    luaL_checkstack(lua_, 6, "reply is nested too deeply");
    const std::string_view line = Line();
    const char type = line.empty() ? '_' : line[0];
    const std::string_view rest = line.empty() ? line : line.substr(1);
    switch (type) {
      case '+':
        return Field("ok", rest);
      case '-':
        lua_newtable(lua_);
        lua_pushlstring(lua_, rest.data(), rest.size());
        lua_setfield(lua_, -2, "err");
        // So a script that gives the error back as it is does not count it twice.
        lua_pushboolean(lua_, 1);
        return lua_setfield(lua_, -2, "ignore_error_stats_update");
      case ':':
        return lua_pushnumber(lua_, static_cast<lua_Number>(Number(rest)));
      case '$':
        if (Number(rest) < 0) return lua_pushboolean(lua_, 0);
        return Text(Bytes(Number(rest)));
      case '*':
        if (Number(rest) < 0) return lua_pushboolean(lua_, 0);
        return Array(Number(rest));
      case '#':
        return lua_pushboolean(lua_, rest == "t" ? 1 : 0);
      case ',':
        lua_newtable(lua_);
        lua_pushnumber(lua_, std::strtod(std::string(rest).c_str(), nullptr));
        return lua_setfield(lua_, -2, "double");
      case '(':
        return Field("big_number", rest);
      case '=': {
        const std::string_view text = Bytes(Number(rest));
        lua_newtable(lua_);
        lua_newtable(lua_);
        Text(text.substr(4));
        lua_setfield(lua_, -2, "string");
        Text(text.substr(0, 3));
        lua_setfield(lua_, -2, "format");
        return lua_setfield(lua_, -2, "verbatim_string");
      }
      case '%':
      case '~': {
        lua_newtable(lua_);
        lua_newtable(lua_);
        for (std::int64_t left = Number(rest); left > 0; --left) {
          Value();
          if (type == '%') {
            Value();
          } else {
            lua_pushboolean(lua_, 1);
          }
          lua_rawset(lua_, -3);
        }
        return lua_setfield(lua_, -2, type == '%' ? "map" : "set");
      }
      default:
        return lua_pushnil(lua_);
    }
  }

 private:
  std::string_view Line() {
    const std::size_t end = bytes_.find("\r\n");
    const std::string_view line = bytes_.substr(0, end);
    bytes_.remove_prefix(end == std::string_view::npos ? bytes_.size() : end + 2);
    return line;
  }
  static std::int64_t Number(std::string_view text) {
    std::int64_t value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
  }
  std::string_view Bytes(std::int64_t count) {
    const std::string_view text = bytes_.substr(0, static_cast<std::size_t>(count));
    bytes_.remove_prefix(std::min(bytes_.size(), text.size() + 2));
    return text;
  }
  void Text(std::string_view text) { lua_pushlstring(lua_, text.data(), text.size()); }
  void Field(const char* name, std::string_view text) {
    lua_newtable(lua_);
    Text(text);
    lua_setfield(lua_, -2, name);
  }
  void Array(std::int64_t count) {
    lua_newtable(lua_);
    for (std::int64_t i = 1; i <= count; ++i) {
      Value();
      lua_rawseti(lua_, -2, static_cast<int>(i));
    }
  }

  lua_State* lua_;
  std::string_view bytes_;
};

std::string_view TextAt(lua_State* lua, int index) {
  std::size_t length = 0;
  const char* text = lua_tolstring(lua, index, &length);
  return {text, length};
}

// What C's conversion does on x86-64, defined for every value.
std::int64_t ToInteger(double number) {
  if (!(number >= -9223372036854775808.0 && number < 9223372036854775808.0)) return INT64_MIN;
  return static_cast<std::int64_t>(number);
}

// Pushes the field when it is of the type; otherwise pushes nothing and says false.
bool PushField(lua_State* lua, const char* name, int type) {
  lua_pushstring(lua, name);
  lua_rawget(lua, -2);
  if (lua_type(lua, -1) == type) return true;
  lua_pop(lua, 1);
  return false;
}

// The pairs of the table at the top: counted, then written.
void ReplyWithPairs(lua_State* lua, int protocol, bool map, resp::ReplyWriter& reply) {
  std::size_t count = 0;
  lua_pushnil(lua);
  while (lua_next(lua, -2) != 0) {
    ++count;
    lua_pop(lua, 1);
  }
  if (map) {
    reply.Map(count);
  } else {
    reply.Set(count);
  }
  lua_pushnil(lua);
  while (lua_next(lua, -2) != 0) {
    lua_pushvalue(lua, -2);
    ReplyWithValue(lua, protocol, reply);
    if (map) {
      ReplyWithValue(lua, protocol, reply);
    } else {
      lua_pop(lua, 1);
    }
  }
}

// True: the table at the top stood for something else than an array.
bool ReplyWithMarked(lua_State* lua, int protocol, resp::ReplyWriter& reply) {
  if (PushField(lua, "err", LUA_TSTRING)) {
    reply.Error(TextAt(lua, -1));
  } else if (PushField(lua, "ok", LUA_TSTRING)) {
    std::string text(TextAt(lua, -1));
    for (char& c : text) {
      if (c == '\r' || c == '\n') c = ' ';
    }
    reply.Simple(text);
  } else if (PushField(lua, "double", LUA_TNUMBER)) {
    reply.Double(lua_tonumber(lua, -1));
  } else if (PushField(lua, "map", LUA_TTABLE)) {
    ReplyWithPairs(lua, protocol, true, reply);
  } else if (PushField(lua, "set", LUA_TTABLE)) {
    ReplyWithPairs(lua, protocol, false, reply);
  } else if (PushField(lua, "big_number", LUA_TSTRING)) {
    const std::string number(TextAt(lua, -1));
    if (reply.protocol() == 3) {
      reply.Raw("(" + number + "\r\n");
    } else {
      reply.Bulk(number);
    }
  } else if (PushField(lua, "verbatim_string", LUA_TTABLE)) {
    if (PushField(lua, "format", LUA_TSTRING)) {
      const std::string format(TextAt(lua, -1));
      lua_pop(lua, 1);
      if (PushField(lua, "string", LUA_TSTRING)) {
        reply.Verbatim(format, TextAt(lua, -1));
        lua_pop(lua, 2);
        return true;
      }
    }
    lua_pop(lua, 1);
    return false;
  } else {
    return false;
  }
  lua_pop(lua, 1);
  return true;
}

}  // namespace

void PushReply(lua_State* lua, std::string_view encoded) {
  Decoder(lua, encoded).Value();
}

void PushError(lua_State* lua, std::string_view text) {
  while (!text.empty() && (text.back() == '\r' || text.back() == '\n')) text.remove_suffix(1);
  std::string whole;
  if (text.starts_with('-')) text.remove_prefix(1);
  if (text.find(' ') == std::string_view::npos) whole = "ERR ";
  whole += text;
  lua_newtable(lua);
  lua_pushlstring(lua, whole.data(), whole.size());
  lua_setfield(lua, -2, "err");
}

void ReplyWithValue(lua_State* lua, int protocol, resp::ReplyWriter& reply) {
  if (lua_checkstack(lua, 8) == 0) {
    reply.Error("ERR reached lua stack limit");
    return lua_pop(lua, 1);
  }
  switch (lua_type(lua, -1)) {
    case LUA_TSTRING:
      reply.Bulk(TextAt(lua, -1));
      break;
    case LUA_TNUMBER:
      reply.Integer(ToInteger(lua_tonumber(lua, -1)));
      break;
    case LUA_TBOOLEAN:
      if (protocol == 3) {
        reply.Bool(lua_toboolean(lua, -1) != 0);
      } else if (lua_toboolean(lua, -1) != 0) {
        reply.Integer(1);
      } else {
        reply.Null();
      }
      break;
    case LUA_TTABLE: {
      if (ReplyWithMarked(lua, protocol, reply)) break;
      std::size_t count = 0;
      while (true) {
        lua_rawgeti(lua, -1, static_cast<int>(count + 1));
        const bool ends = lua_isnil(lua, -1);
        lua_pop(lua, 1);
        if (ends) break;
        ++count;
      }
      reply.Array(count);
      for (std::size_t i = 1; i <= count; ++i) {
        lua_rawgeti(lua, -1, static_cast<int>(i));
        ReplyWithValue(lua, protocol, reply);
      }
      break;
    }
    default:
      reply.Null();
  }
  lua_pop(lua, 1);
}

}  // namespace replication
