// The numbers of the RDB format, for its writer and its reader.
// Source: the RDB files of running servers; spec: RDB FORMAT.
#pragma once

#include <cstddef>
#include <cstdint>

namespace data::rdb {

inline constexpr int kWriteVersion = 10;    // the newest that Redis 7.0 loads
inline constexpr int kNewestReadable = 12;  // Redis 7.4

// What begins an item that is no key. Smaller numbers are types of values.
enum Opcode : std::uint8_t {
  kSlotInfo = 244,
  kFunction2 = 245,
  kFunctionPreview = 246,
  kModuleAux = 247,
  kIdle = 248,
  kFreq = 249,
  kAux = 250,
  kResizeDb = 251,
  kExpireMs = 252,
  kExpireSeconds = 253,
  kSelectDb = 254,
  kEnd = 255,
};

// Types of values.
inline constexpr std::uint8_t kTypeString = 0;
inline constexpr std::uint8_t kTypeList = 1;           // number of elements; each element
inline constexpr std::uint8_t kTypeSet = 2;            // number of members; each member
inline constexpr std::uint8_t kTypeZsetText = 3;       // up to Redis 3.2: scores as text
inline constexpr std::uint8_t kTypeHash = 4;           // number of fields; each field and its value
inline constexpr std::uint8_t kTypeZset = 5;           // number of members; each with its score, the highest first
inline constexpr std::uint8_t kTypeHashZipmap = 9;     // up to Redis 2.4
inline constexpr std::uint8_t kTypeListZiplist = 10;   // up to Redis 3.0: one string
inline constexpr std::uint8_t kTypeSetIntset = 11;     // one string: the intset
inline constexpr std::uint8_t kTypeZsetZiplist = 12;   // up to Redis 6.2
inline constexpr std::uint8_t kTypeHashZiplist = 13;   // up to Redis 6.2
inline constexpr std::uint8_t kTypeListZiplists = 14;  // up to Redis 6.2: number of pieces; each a ziplist
inline constexpr std::uint8_t kTypeStream = 15;        // up to Redis 6.2: nodes, the last id, groups
inline constexpr std::uint8_t kTypeHashListpack = 16;  // one string: the listpack
inline constexpr std::uint8_t kTypeZsetListpack = 17;  // one string: the listpack
inline constexpr std::uint8_t kTypeListPieces = 18;    // number of pieces; each its form (PieceForm) and a string
inline constexpr std::uint8_t kTypeStream2 = 19;       // with the first id, the greatest deleted one, and counts
inline constexpr std::uint8_t kTypeSetListpack = 20;   // of Redis 7.2, read alone

inline constexpr std::uint8_t kTypeStream3 = 21;  // of Redis 7.2, read alone: with when a consumer was active

// What a piece of a list is: an element by itself, or a listpack.
enum PieceForm : std::uint8_t { kOneElement = 1, kPacked = 2 };

// In place of the length of a score's text.
inline constexpr std::uint8_t kScoreNan = 253;
inline constexpr std::uint8_t kScoreInfinity = 254;
inline constexpr std::uint8_t kScoreMinusInfinity = 255;

// The two upper bits of the first byte of a length.
enum LengthForm : std::uint8_t { kSixBits = 0, kFourteenBits = 1, kLong = 2, kEncoded = 3 };
inline constexpr std::uint8_t kLength32 = 0x80;  // four bytes follow, most significant first
inline constexpr std::uint8_t kLength64 = 0x81;  // eight bytes

// The lower six bits of an encoded string.
enum StringForm : std::uint8_t { kInt8 = 0, kInt16 = 1, kInt32 = 2, kLzf = 3 };

inline constexpr std::size_t kHeaderBytes = 9;  // "REDIS" and four digits
inline constexpr std::size_t kChecksumBytes = 8;

}  // namespace data::rdb
