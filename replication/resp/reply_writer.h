// Replies into bytes, in the protocol that the client speaks.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace resp {

// Appends to a string that somebody else owns. In RESP2 the newer types fall back as Redis' do: a map is a flat
// array of twice the length, a double a bulk string, a boolean an integer, a push an array.
// Source: the RESP3 documentation.
class ReplyWriter {
 public:
  // `protocol` is 2 or 3.
  ReplyWriter(std::string& out, int protocol) : out_(out), protocol_(protocol) {}

  int protocol() const { return protocol_; }

  void Ok() { out_ += "+OK\r\n"; }
  void Simple(std::string_view text);
  // `text` begins with its code: "ERR ...", "NOAUTH ...". Line breaks in it become spaces.
  void Error(std::string_view text);
  void Integer(std::int64_t value);
  void Bulk(std::string_view text);
  void BulkNumber(std::int64_t value);
  // RESP3: a string with a format, "txt" or "mkd"; RESP2: a bulk string.
  void Verbatim(std::string_view format, std::string_view text);
  void Double(double value);
  void Bool(bool value);
  void Null();       // RESP2: the null bulk string
  void NullArray();  // RESP2: the null array

  // Headers: exactly that many elements (pairs, for a map) must follow.
  void Array(std::size_t length);
  void Map(std::size_t pairs);
  void Set(std::size_t length);
  void Push(std::size_t length);

  // Already encoded bytes.
  void Raw(std::string_view bytes) { out_ += bytes; }
  std::string& out() { return out_; }

 private:
  void Header(char type, std::int64_t length);

  std::string& out_;
  int protocol_;
};

// A double as Redis 7.0 prints it in replies: 17 significant digits, integers without a fraction, inf, -inf, nan.
std::string FormatDouble(double value);

// Appends a request: an array of bulk strings.
void AppendCommand(std::string& out, std::span<const std::string_view> words);
void AppendCommand(std::string& out, std::initializer_list<std::string_view> words);

}  // namespace resp
