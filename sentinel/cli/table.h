// Columns for eyes. Pure.
#pragma once

#include <string>
#include <vector>

#include "sentinel/cli/terminal.h"

namespace cli {

struct Cell {
  std::string text;
  Tone tone = Tone::kPlain;
};
using Row = std::vector<Cell>;

// Columns as wide as their widest cell; the right-aligned ones are numbers. Each line is indented by two and ends with
// a line feed. `right` and each row are as long as `headings`.
std::string Table(const std::vector<std::string>& headings, const std::vector<bool>& right,
                  const std::vector<Row>& rows, const Paint& paint);

// `text` cut to `width` columns: marks of colour have no width and are kept, and end with it.
std::string Clip(std::string_view text, std::size_t width);

}  // namespace cli
