#include "sentinel/cli/table.h"

#include <algorithm>

namespace cli {

std::string Table(const std::vector<std::string>& headings, const std::vector<bool>& right,
                  const std::vector<Row>& rows, const Paint& paint) {
  std::vector<std::size_t> widths;
  for (std::size_t column = 0; column < headings.size(); ++column) {
    std::size_t width = headings[column].size();
    for (const Row& row : rows) width = std::max(width, row[column].text.size());
    widths.push_back(width);
  }
  const auto line = [&](const Row& row) {
    std::string out;
    for (std::size_t column = 0; column < row.size(); ++column) {
      const std::string padding(widths[column] - row[column].text.size(), ' ');
      const bool last = column + 1 == row.size();
      if (right[column]) out += padding;
      out += paint(row[column].tone, row[column].text);
      if (!right[column] && !last) out += padding;
      if (!last) out += "  ";
    }
    return "  " + out + "\n";
  };
  Row head;
  for (const std::string& heading : headings) head.push_back({heading, Tone::kDim});
  std::string out = line(head);
  for (const Row& row : rows) out += line(row);
  return out;
}

std::string Clip(std::string_view text, std::size_t width) {
  std::string out;
  std::size_t used = 0;
  bool marked = false;
  for (std::size_t i = 0; i < text.size();) {
    if (text[i] == '\x1b') {
      const std::size_t end = std::min(text.find('m', i), text.size() - 1);
      out += text.substr(i, end + 1 - i);
      marked = text.substr(i, end + 1 - i) != "\x1b[0m";
      i = end + 1;
      continue;
    }
    if (used == width) break;
    // The other bytes of a UTF-8 character stand in the same column.
    out += text[i++];
    while (i < text.size() && (static_cast<unsigned char>(text[i]) & 0xC0) == 0x80) out += text[i++];
    ++used;
  }
  if (marked) out += "\x1b[0m";
  return out;
}

}  // namespace cli
