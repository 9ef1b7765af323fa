// struct.pack, struct.unpack and struct.size: Lua values from and to bytes of C structures.
#include <algorithm>
#include <bit>
#include <cctype>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include <lua.hpp>

#include "replication/core/script_libraries.h"

namespace replication {
namespace {

constexpr int kLargestInteger = 32;
constexpr std::size_t kNaturalAlignment = 8;

// A format string on its way, with what its control letters have set.
struct Format {
  const char* at;
  bool little = std::endian::native == std::endian::little;
  std::size_t align = 1;
};

bool IsDigit(char c) {
  return c >= '0' && c <= '9';
}

std::size_t Number(lua_State* lua, Format& format, std::size_t fallback) {
  if (!IsDigit(*format.at)) return fallback;
  std::size_t value = 0;
  while (IsDigit(*format.at)) {
    value = value * 10 + static_cast<std::size_t>(*format.at++ - '0');
    if (value > 0x7FFFFFFF) luaL_error(lua, "integral size overflow");
  }
  return value;
}

// How many bytes an option takes, as far as the format alone can say.
std::size_t SizeOf(lua_State* lua, char option, Format& format) {
  switch (option) {
    case 'b':
    case 'B':
    case 'x':
      return 1;
    case 'h':
    case 'H':
      return sizeof(short);
    case 'l':
    case 'L':
      return sizeof(long);
    case 'T':
      return sizeof(std::size_t);
    case 'f':
      return sizeof(float);
    case 'd':
      return sizeof(double);
    case 'c':
      return Number(lua, format, 1);
    case 'i':
    case 'I': {
      const std::size_t size = Number(lua, format, sizeof(int));
      if (size > kLargestInteger) {
        luaL_error(lua, "integral size %d is larger than limit of %d", static_cast<int>(size), kLargestInteger);
      }
      return size;
    }
    default:
      return 0;
  }
}

std::size_t Padding(std::size_t length, const Format& format, char option, std::size_t size) {
  if (size == 0 || option == 'c') return 0;
  if (size > format.align) size = format.align;
  return (size - (length & (size - 1))) & (size - 1);
}

void Control(lua_State* lua, char option, Format& format) {
  switch (option) {
    case ' ':
      return;
    case '>':
      format.little = false;
      return;
    case '<':
      format.little = true;
      return;
    case '!': {
      const std::size_t align = Number(lua, format, kNaturalAlignment);
      if (align == 0 || (align & (align - 1)) != 0) {
        luaL_error(lua, "alignment %d is not a power of 2", static_cast<int>(align));
      }
      format.align = align;
      return;
    }
    default:
      luaL_argerror(lua, 1, lua_pushfstring(lua, "invalid format option '%c'", option));
  }
}

// What C's conversion does on x86-64, defined for every value.
std::uint64_t ToWord(double number) {
  if (std::isnan(number)) return std::uint64_t{1} << 63;
  if (number < 0) {
    if (number < -9223372036854775808.0) return std::uint64_t{1} << 63;
    return static_cast<std::uint64_t>(static_cast<std::int64_t>(number));
  }
  if (number >= 18446744073709551616.0) return 0;
  return static_cast<std::uint64_t>(number);
}

void AppendInteger(std::string& out, std::uint64_t value, std::size_t size, bool little) {
  std::string bytes;
  for (std::size_t i = 0; i < size; ++i, value >>= 8) bytes += static_cast<char>(value & 0xFF);
  if (!little) bytes.assign(bytes.rbegin(), bytes.rend());
  out += bytes;
}

template <class Float>
void AppendFloat(std::string& out, double number, bool little) {
  const auto value = static_cast<Float>(number);
  char bytes[sizeof value];
  std::memcpy(bytes, &value, sizeof value);
  if (little != (std::endian::native == std::endian::little)) std::reverse(bytes, bytes + sizeof value);
  out.append(bytes, sizeof value);
}

template <class Float>
double ReadFloat(const char* from, bool little) {
  char bytes[sizeof(Float)];
  std::memcpy(bytes, from, sizeof bytes);
  if (little != (std::endian::native == std::endian::little)) std::reverse(bytes, bytes + sizeof bytes);
  Float value;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

double ReadInteger(const char* from, std::size_t size, bool little, bool is_signed) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < size; ++i) {
    value = value << 8 | static_cast<unsigned char>(from[little ? size - 1 - i : i]);
  }
  if (!is_signed) return static_cast<double>(value);
  if (size > 0 && size < 8) {
    const std::uint64_t mask = ~std::uint64_t{0} << (size * 8 - 1);
    if ((value & mask) != 0) value |= mask;
  }
  return static_cast<double>(static_cast<std::int64_t>(value));
}

int Pack(lua_State* lua) {
  Format format{luaL_checkstring(lua, 1)};
  lua_pushnil(lua);  // behind the last argument: what is missing is told to be nil
  std::string out;
  int argument = 2;
  while (*format.at != '\0') {
    const char option = *format.at++;
    const std::size_t size = SizeOf(lua, option, format);
    out.append(Padding(out.size(), format, option, size), '\0');
    switch (option) {
      case 'b':
      case 'B':
      case 'h':
      case 'H':
      case 'l':
      case 'L':
      case 'T':
      case 'i':
      case 'I':
        AppendInteger(out, ToWord(luaL_checknumber(lua, argument++)), size, format.little);
        break;
      case 'x':
        out += '\0';
        break;
      case 'f':
        AppendFloat<float>(out, luaL_checknumber(lua, argument++), format.little);
        break;
      case 'd':
        AppendFloat<double>(out, luaL_checknumber(lua, argument++), format.little);
        break;
      case 'c':
      case 's': {
        std::size_t length = 0;
        const char* text = luaL_checklstring(lua, argument++, &length);
        const std::size_t wanted = size == 0 ? length : size;
        luaL_argcheck(lua, length >= wanted, argument, "string too short");
        out.append(text, wanted);
        if (option == 's') out += '\0';
        break;
      }
      default:
        Control(lua, option, format);
    }
  }
  lua_pushlstring(lua, out.data(), out.size());
  return 1;
}

int Unpack(lua_State* lua) {
  Format format{luaL_checkstring(lua, 1)};
  std::size_t length = 0;
  const char* data = luaL_checklstring(lua, 2, &length);
  const lua_Integer offset = luaL_optinteger(lua, 3, 1);
  luaL_argcheck(lua, offset >= 1, 3, "offset must be 1 or greater");
  std::size_t at = static_cast<std::size_t>(offset) - 1;
  int values = 0;
  lua_settop(lua, 2);
  while (*format.at != '\0') {
    const char option = *format.at++;
    std::size_t size = SizeOf(lua, option, format);
    at += Padding(at, format, option, size);
    luaL_argcheck(lua, size <= length && at <= length - size, 2, "data string too short");
    luaL_checkstack(lua, 2, "too many results");
    switch (option) {
      case 'b':
      case 'B':
      case 'h':
      case 'H':
      case 'l':
      case 'L':
      case 'T':
      case 'i':
      case 'I':
        lua_pushnumber(lua, ReadInteger(data + at, size, format.little, option >= 'a'));
        ++values;
        break;
      case 'x':
        break;
      case 'f':
        lua_pushnumber(lua, ReadFloat<float>(data + at, format.little));
        ++values;
        break;
      case 'd':
        lua_pushnumber(lua, ReadFloat<double>(data + at, format.little));
        ++values;
        break;
      case 'c':
        if (size == 0) {
          if (values == 0 || lua_isnumber(lua, -1) == 0) luaL_error(lua, "format 'c0' needs a previous size");
          size = ToWord(lua_tonumber(lua, -1));
          lua_pop(lua, 1);
          --values;
          luaL_argcheck(lua, size <= length && at <= length - size, 2, "data string too short");
        }
        lua_pushlstring(lua, data + at, size);
        ++values;
        break;
      case 's': {
        const void* end = std::memchr(data + at, 0, length - at);
        if (end == nullptr) luaL_error(lua, "unfinished string in data");
        size = static_cast<std::size_t>(static_cast<const char*>(end) - (data + at)) + 1;
        lua_pushlstring(lua, data + at, size - 1);
        ++values;
        break;
      }
      default:
        Control(lua, option, format);
    }
    at += size;
  }
  lua_pushinteger(lua, static_cast<lua_Integer>(at) + 1);
  return values + 1;
}

int Size(lua_State* lua) {
  Format format{luaL_checkstring(lua, 1)};
  std::size_t at = 0;
  while (*format.at != '\0') {
    const char option = *format.at++;
    const std::size_t size = SizeOf(lua, option, format);
    at += Padding(at, format, option, size);
    if (option == 's') luaL_argerror(lua, 1, "option 's' has no fixed size");
    if (option == 'c' && size == 0) luaL_argerror(lua, 1, "option 'c0' has no fixed size");
    if (std::isalnum(static_cast<unsigned char>(option)) == 0) Control(lua, option, format);
    at += size;
  }
  lua_pushinteger(lua, static_cast<lua_Integer>(at));
  return 1;
}

}  // namespace

int OpenStruct(lua_State* lua) {
  constexpr luaL_Reg kFunctions[] = {{"pack", &Pack}, {"unpack", &Unpack}, {"size", &Size}, {nullptr, nullptr}};
  luaL_register(lua, "struct", kFunctions);
  return 1;
}

}  // namespace replication
