// cmsgpack.pack and cmsgpack.unpack: Lua values from and to MessagePack.
#include <bit>
#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>

#include <lua.hpp>

#include "replication/core/script_libraries.h"

namespace replication {
namespace {

// Tables below that many others become nil: a table may contain itself.
constexpr int kDeepest = 16;

void AppendBigEndian(std::string& out, std::uint64_t value, int bytes) {
  for (int i = bytes - 1; i >= 0; --i) out += static_cast<char>(value >> (8 * i) & 0xFF);
}

void AppendTagged(std::string& out, int tag, std::uint64_t value, int bytes) {
  out += static_cast<char>(tag);
  AppendBigEndian(out, value, bytes);
}

void PackNumber(std::string& out, double number) {
  const bool fits = number >= -9223372036854775808.0 && number < 9223372036854775808.0;
  const auto value = fits ? static_cast<std::int64_t>(number) : 0;
  if (!fits || static_cast<double>(value) != number) {
    if (std::isinf(number) ||
        (std::abs(number) <= 3.4028234663852886e38 && static_cast<double>(static_cast<float>(number)) == number)) {
      return AppendTagged(out, 0xCA, std::bit_cast<std::uint32_t>(static_cast<float>(number)), 4);
    }
    return AppendTagged(out, 0xCB, std::bit_cast<std::uint64_t>(number), 8);
  }
  const auto bits = static_cast<std::uint64_t>(value);
  if (value >= -32 && value <= 127) {
    out += static_cast<char>(value);
  } else if (value >= 0) {
    if (value <= 0xFF) return AppendTagged(out, 0xCC, bits, 1);
    if (value <= 0xFFFF) return AppendTagged(out, 0xCD, bits, 2);
    if (value <= 0xFFFFFFFFLL) return AppendTagged(out, 0xCE, bits, 4);
    AppendTagged(out, 0xCF, bits, 8);
  } else {
    if (value >= INT8_MIN) return AppendTagged(out, 0xD0, bits, 1);
    if (value >= INT16_MIN) return AppendTagged(out, 0xD1, bits, 2);
    if (value >= INT32_MIN) return AppendTagged(out, 0xD2, bits, 4);
    AppendTagged(out, 0xD3, bits, 8);
  }
}

void PackString(std::string& out, std::string_view text) {
  const std::size_t size = text.size();
  if (size < 32) {
    out += static_cast<char>(0xA0 | size);
  } else if (size <= 0xFF) {
    AppendTagged(out, 0xD9, size, 1);
  } else if (size <= 0xFFFF) {
    AppendTagged(out, 0xDA, size, 2);
  } else {
    AppendTagged(out, 0xDB, size, 4);
  }
  out += text;
}

void PackHeader(std::string& out, std::size_t size, int small, int tag16) {
  if (size <= 15) {
    out += static_cast<char>(static_cast<std::size_t>(small) | size);
  } else if (size <= 0xFFFF) {
    AppendTagged(out, tag16, size, 2);
  } else {
    AppendTagged(out, tag16 + 1, size, 4);
  }
}

// Are the keys of the table at the top exactly 1..n? `pairs` becomes their number in any case.
bool IsArray(lua_State* lua, std::size_t& pairs) {
  bool array = true;
  double largest = 0;
  pairs = 0;
  lua_pushnil(lua);
  while (lua_next(lua, -2) != 0) {
    lua_pop(lua, 1);  // the value; the key stays for lua_next
    ++pairs;
    if (lua_type(lua, -1) != LUA_TNUMBER) {
      array = false;
      continue;
    }
    const double key = lua_tonumber(lua, -1);
    if (key <= 0 || key != std::floor(key)) array = false;
    largest = std::max(largest, key);
  }
  return array && largest == static_cast<double>(pairs);
}

// Packs the value at the top and pops it.
void PackValue(lua_State* lua, std::string& out, int depth) {
  luaL_checkstack(lua, 5, "in function cmsgpack.pack");
  int type = lua_type(lua, -1);
  if (type == LUA_TTABLE && depth == kDeepest) type = LUA_TNIL;
  switch (type) {
    case LUA_TSTRING: {
      std::size_t length = 0;
      const char* text = lua_tolstring(lua, -1, &length);
      PackString(out, {text, length});
      break;
    }
    case LUA_TBOOLEAN:
      out += static_cast<char>(lua_toboolean(lua, -1) != 0 ? 0xC3 : 0xC2);
      break;
    case LUA_TNUMBER:
      PackNumber(out, lua_tonumber(lua, -1));
      break;
    case LUA_TTABLE: {
      std::size_t pairs = 0;
      if (IsArray(lua, pairs)) {
        PackHeader(out, pairs, 0x90, 0xDC);
        for (std::size_t i = 1; i <= pairs; ++i) {
          lua_rawgeti(lua, -1, static_cast<int>(i));
          PackValue(lua, out, depth + 1);
        }
      } else {
        PackHeader(out, pairs, 0x80, 0xDE);
        lua_pushnil(lua);
        while (lua_next(lua, -2) != 0) {
          lua_pushvalue(lua, -2);
          PackValue(lua, out, depth + 1);
          PackValue(lua, out, depth + 1);
        }
      }
      break;
    }
    default:
      out += static_cast<char>(0xC0);
  }
  lua_pop(lua, 1);
}

int Pack(lua_State* lua) {
  const int arguments = lua_gettop(lua);
  if (arguments == 0) return luaL_argerror(lua, 0, "MessagePack pack needs input.");
  luaL_checkstack(lua, arguments, "Too many arguments for MessagePack pack.");
  std::string out;
  for (int i = 1; i <= arguments; ++i) {
    lua_pushvalue(lua, i);
    PackValue(lua, out, 0);
  }
  lua_pushlstring(lua, out.data(), out.size());
  return 1;
}

class Reader {
 public:
  Reader(lua_State* lua, std::string_view bytes) : lua_(lua), bytes_(bytes) {}
  std::size_t left() const { return bytes_.size(); }

  // Pushes one value.
  void Value() {
    luaL_checkstack(lua_, 4, "too many values in cmsgpack.unpack");
    const auto tag = static_cast<unsigned char>(Take(1)[0]);
    if (tag <= 0x7F || tag >= 0xE0) return lua_pushnumber(lua_, static_cast<std::int8_t>(tag));
    if (tag <= 0x8F) return Map(tag & 0x0F);
    if (tag <= 0x9F) return Array(tag & 0x0F);
    if (tag <= 0xBF) return String(tag & 0x1F);
    switch (tag) {
      case 0xC0:
        return lua_pushnil(lua_);
      case 0xC2:
      case 0xC3:
        return lua_pushboolean(lua_, tag & 1);
      case 0xCA:
        return lua_pushnumber(lua_, std::bit_cast<float>(static_cast<std::uint32_t>(Word(4))));
      case 0xCB:
        return lua_pushnumber(lua_, std::bit_cast<double>(Word(8)));
      case 0xCC:
      case 0xCD:
      case 0xCE:
      case 0xCF:
        return lua_pushnumber(lua_, static_cast<double>(Word(1U << (tag - 0xCC))));
      case 0xD0:
        return lua_pushnumber(lua_, static_cast<std::int8_t>(Word(1)));
      case 0xD1:
        return lua_pushnumber(lua_, static_cast<std::int16_t>(Word(2)));
      case 0xD2:
        return lua_pushnumber(lua_, static_cast<std::int32_t>(Word(4)));
      case 0xD3:
        return lua_pushnumber(lua_, static_cast<double>(static_cast<std::int64_t>(Word(8))));
      case 0xD9:
      case 0xDA:
      case 0xDB:
        return String(Word(1U << (tag - 0xD9)));
      case 0xDC:
      case 0xDD:
        return Array(Word(tag == 0xDC ? 2 : 4));
      case 0xDE:
      case 0xDF:
        return Map(Word(tag == 0xDE ? 2 : 4));
      default:
        luaL_error(lua_, "Bad data format in input.");
    }
  }

 private:
  std::string_view Take(std::size_t count) {
    if (count > bytes_.size()) luaL_error(lua_, "Missing bytes in input.");
    const std::string_view taken = bytes_.substr(0, count);
    bytes_.remove_prefix(count);
    return taken;
  }
  std::uint64_t Word(std::size_t count) {
    std::uint64_t value = 0;
    for (const char byte : Take(count)) value = value << 8 | static_cast<unsigned char>(byte);
    return value;
  }
  void String(std::size_t size) {
    const std::string_view text = Take(size);
    lua_pushlstring(lua_, text.data(), text.size());
  }
  void Array(std::size_t size) {
    lua_newtable(lua_);
    for (std::size_t i = 1; i <= size; ++i) {
      lua_pushnumber(lua_, static_cast<double>(i));
      Value();
      lua_settable(lua_, -3);
    }
  }
  void Map(std::size_t size) {
    lua_newtable(lua_);
    for (std::size_t i = 0; i < size; ++i) {
      Value();
      Value();
      lua_settable(lua_, -3);
    }
  }

  lua_State* lua_;
  std::string_view bytes_;
};

// `limit` values from `offset` on; limit 0 with offset 0: all, and no offset is returned before them.
int UnpackFrom(lua_State* lua, int limit, int offset) {
  std::size_t length = 0;
  const char* data = luaL_checklstring(lua, 1, &length);
  if (offset < 0 || limit < 0) {
    return luaL_error(lua, "Invalid request to unpack with offset of %d and limit of %d.", offset,
                      static_cast<int>(length));
  }
  if (static_cast<std::size_t>(offset) > length) {
    return luaL_error(lua, "Start offset %d greater than input length %d.", offset, static_cast<int>(length));
  }
  const bool all = limit == 0 && offset == 0;
  Reader reader(lua, std::string_view(data, length).substr(static_cast<std::size_t>(offset)));
  int values = 0;
  for (; reader.left() > 0 && (all || values < limit); ++values) reader.Value();
  if (all) return values;
  luaL_checkstack(lua, 1, "too many values in cmsgpack.unpack");
  lua_pushinteger(lua, reader.left() == 0 ? -1 : static_cast<lua_Integer>(length - reader.left()));
  lua_insert(lua, -(values + 1));
  return values + 1;
}

int Unpack(lua_State* lua) {
  return UnpackFrom(lua, 0, 0);
}

int UnpackOne(lua_State* lua) {
  const auto offset = static_cast<int>(luaL_optinteger(lua, 2, 0));
  return UnpackFrom(lua, 1, offset);
}

int UnpackLimit(lua_State* lua) {
  const auto limit = static_cast<int>(luaL_checkinteger(lua, 2));
  const auto offset = static_cast<int>(luaL_optinteger(lua, 3, 0));
  return UnpackFrom(lua, limit, offset);
}

}  // namespace

int OpenMessagePack(lua_State* lua) {
  constexpr luaL_Reg kFunctions[] = {{"pack", &Pack},
                                     {"unpack", &Unpack},
                                     {"unpack_one", &UnpackOne},
                                     {"unpack_limit", &UnpackLimit},
                                     {nullptr, nullptr}};
  luaL_register(lua, "cmsgpack", kFunctions);
  // Scripts may ask which library this is; what they know by these names, they get.
  lua_pushliteral(lua, "cmsgpack");
  lua_setfield(lua, -2, "_NAME");
  lua_pushliteral(lua, "lua-cmsgpack 0.4.0");
  lua_setfield(lua, -2, "_VERSION");
  lua_pushliteral(lua, "Copyright (C) 2012, Salvatore Sanfilippo");
  lua_setfield(lua, -2, "_COPYRIGHT");
  lua_pushliteral(lua, "MessagePack C implementation for Lua");
  lua_setfield(lua, -2, "_DESCRIPTION");
  return 1;
}

}  // namespace replication
