#include "replication/resp/reply_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>

namespace resp {
namespace {

// The longest line of a number: its type, a sign, 19 digits, a line break.
constexpr std::size_t kMaxLine = 24;

// Into `line`; returns its end. What is sent most is put together on the stack and appended in one piece.
char* PutLine(char* line, char type, std::int64_t value) {
  *line++ = type;
  if (value >= 0 && value <= 9) {
    *line++ = static_cast<char>('0' + value);
  } else {
    line = std::to_chars(line, line + 20, value).ptr;
  }
  *line++ = '\r';
  *line++ = '\n';
  return line;
}

void AppendLine(std::string& out, char type, std::int64_t value) {
  char line[kMaxLine];
  out.append(line, PutLine(line, type, value));
}

void AppendBulk(std::string& out, std::string_view text) {
  constexpr std::size_t kShort = 64;
  if (text.size() <= kShort) {
    char bulk[kMaxLine + kShort + 2];
    char* end = PutLine(bulk, '$', static_cast<std::int64_t>(text.size()));
    end = std::copy(text.begin(), text.end(), end);
    *end++ = '\r';
    *end++ = '\n';
    out.append(bulk, end);
    return;
  }
  AppendLine(out, '$', static_cast<std::int64_t>(text.size()));
  out += text;
  out += "\r\n";
}

}  // namespace

void ReplyWriter::Header(char type, std::int64_t length) {
  AppendLine(out_, type, length);
}

void ReplyWriter::Simple(std::string_view text) {
  out_.push_back('+');
  out_ += text;
  out_ += "\r\n";
}

void ReplyWriter::Error(std::string_view text) {
  out_.push_back('-');
  for (const char c : text) out_.push_back(c == '\r' || c == '\n' ? ' ' : c);
  out_ += "\r\n";
}

void ReplyWriter::Integer(std::int64_t value) {
  Header(':', value);
}

void ReplyWriter::Bulk(std::string_view text) {
  AppendBulk(out_, text);
}

void ReplyWriter::BulkNumber(std::int64_t value) {
  char digits[24];
  const auto [end, error] = std::to_chars(digits, digits + sizeof digits, value);
  Bulk(std::string_view(digits, end));
}

void ReplyWriter::Verbatim(std::string_view format, std::string_view text) {
  if (protocol_ < 3) return Bulk(text);
  Header('=', static_cast<std::int64_t>(format.size() + 1 + text.size()));
  out_ += format;
  out_.push_back(':');
  out_ += text;
  out_ += "\r\n";
}

std::string FormatDouble(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  if (value == 0 && std::signbit(value)) return "-0";
  if (value == std::floor(value) && std::abs(value) < 1e17) return fmt::format("{}", static_cast<std::int64_t>(value));
  return fmt::format("{:.17g}", value);
}

void ReplyWriter::Double(double value) {
  const std::string text = FormatDouble(value);
  if (protocol_ < 3) return Bulk(text);
  out_.push_back(',');
  out_ += text;
  out_ += "\r\n";
}

void ReplyWriter::Bool(bool value) {
  if (protocol_ < 3) return Integer(value ? 1 : 0);
  out_ += value ? "#t\r\n" : "#f\r\n";
}

void ReplyWriter::Null() {
  out_ += protocol_ < 3 ? "$-1\r\n" : "_\r\n";
}
void ReplyWriter::NullArray() {
  out_ += protocol_ < 3 ? "*-1\r\n" : "_\r\n";
}

void ReplyWriter::Array(std::size_t length) {
  Header('*', static_cast<std::int64_t>(length));
}

void ReplyWriter::Map(std::size_t pairs) {
  if (protocol_ < 3) return Array(pairs * 2);
  Header('%', static_cast<std::int64_t>(pairs));
}

void ReplyWriter::Set(std::size_t length) {
  Header(protocol_ < 3 ? '*' : '~', static_cast<std::int64_t>(length));
}

void ReplyWriter::Push(std::size_t length) {
  Header(protocol_ < 3 ? '*' : '>', static_cast<std::int64_t>(length));
}

void AppendCommand(std::string& out, std::span<const std::string_view> words) {
  AppendLine(out, '*', static_cast<std::int64_t>(words.size()));
  for (const std::string_view word : words) AppendBulk(out, word);
}

void AppendCommand(std::string& out, std::initializer_list<std::string_view> words) {
  AppendCommand(out, std::span<const std::string_view>(words.begin(), words.size()));
}

}  // namespace resp
