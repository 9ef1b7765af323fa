// Texts of an RDB file made shorter by LZF, where that is worth the time.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace data {

// Trying to compress what does not become shorter (tokens, hashes, images) is most of the cost of a snapshot. So when a
// number of texts of about the same size were tried in vain, only some of those that follow are tried, until one
// becomes shorter again. A file may hold a few texts plainly that way which Redis would have compressed: readers need
// not care.
class Compressor {
 public:
  enum class Effort {
    kNone,
    kWorthwhile,  // as above
    kAll,         // every text is tried: what DUMP gives is Redis' own, byte for byte
  };
  explicit Compressor(Effort effort) : effort_(effort) {}

  // Appends the text as a compressed string. False: nothing was appended, it is to be written plainly.
  bool Append(std::string& out, std::string_view text);

 private:
  // In vain in a row, and how many are then passed over for each that is tried.
  static constexpr std::uint8_t kInVain = 32;
  static constexpr std::uint8_t kPassedOver = 7;

  struct Kind {
    std::uint8_t in_vain = 0;
    std::uint8_t passed_over = 0;
  };

  Effort effort_;
  std::array<Kind, 33> kinds_{};  // by the number of bits of the size
  std::string scratch_;
};

}  // namespace data
