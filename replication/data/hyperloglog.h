// HyperLogLog: how many different elements were seen, in 12 KiB at most. A string, byte for byte as Redis keeps it.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace data::hll {

inline constexpr int kIndexBits = 14;
inline constexpr std::size_t kRegisters = std::size_t{1} << kIndexBits;
// Beyond it, sparse ones become dense: the default of hll-sparse-max-bytes.
inline constexpr std::size_t kSparseBytes = 3000;
inline constexpr int kRankBits = 64 - kIndexBits;  // of a hash, behind the index

using Registers = std::array<std::uint8_t, kRegisters>;

enum class Change { kNone, kChanged, kDamaged };

// Without any elements, sparse.
std::string Empty();
// Has it the head and, when dense, the size of one? What is in it may yet be damaged.
bool IsOne(std::string_view text);
bool IsDense(std::string_view text);

// Sparse ones become dense beyond `sparse_bytes`. The cached count is left as it is. Source: PFADD.
Change Add(std::string& text, std::string_view element, std::size_t sparse_bytes);
// Raises a register to `rank`, if it is lower.
Change Raise(std::string& text, std::size_t index, std::uint8_t rank, std::size_t sparse_bytes);
// False when it is damaged.
bool MakeDense(std::string& text);
// Raises `into` to what is here; false when it is damaged.
bool Merge(std::string_view text, Registers& into);
// Nothing when it is damaged.
std::optional<Registers> RegistersOf(std::string_view text);

std::uint64_t Estimate(const Registers& registers);

// The count is kept in the head until something changes.
std::optional<std::uint64_t> CachedCount(std::string_view text);
void CacheCount(std::string& text, std::uint64_t count);
void ForgetCount(std::string& text);

// The runs of a sparse one, as PFDEBUG DECODE prints them; nothing when it is damaged.
std::optional<std::string> RunsText(std::string_view text);

}  // namespace data::hll
