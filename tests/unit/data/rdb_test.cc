#include <doctest/doctest.h>
#include <fmt/format.h>

#include <fstream>
#include <iterator>

#include "replication/data/crc64.h"
#include "replication/data/data_digest.h"
#include "replication/data/hash_value.h"
#include "replication/data/rdb_reader.h"
#include "replication/data/rdb_writer.h"
#include "replication/data/snapshot.h"
#include "tests/unit/data/data_support.h"

using namespace data;
using namespace std::string_literals;

namespace {

std::string Golden(const std::string& name) {
  std::ifstream file(std::string(VIGIL_SOURCE_DIR) + "/tests/golden/" + name, std::ios::binary);
  REQUIRE(file.good());
  return {std::istreambuf_iterator<char>(file), {}};
}

// The whole keyspace as a file.
std::string Write(Keyspace& keyspace, const RdbHead& head = {}, RdbOptions options = {}) {
  const auto snapshot = Snapshot::Begin(keyspace);
  RdbEncoder encoder(options);
  std::string out;
  encoder.Begin(head, snapshot->functions(), snapshot->databases(), out);
  Batch batch;
  bool more = true;
  while (more) {
    more = snapshot->Step(10, 1000, batch);
    encoder.Append(batch, out);
  }
  encoder.End(out);
  CHECK(encoder.bytes() == out.size());
  CHECK(encoder.keys() == keyspace.TotalSize());
  return out;
}

// Empty text: loaded completely.
std::string Load(Keyspace& keyspace, std::string_view file, std::size_t piece = 1 << 20) {
  RdbReader reader(keyspace);
  for (std::size_t at = 0; at < file.size(); at += piece) {
    const auto taken = reader.Feed(file.substr(at, piece));
    if (!taken) return taken.error().text;
  }
  const auto finished = reader.Finish();
  return finished ? "" : finished.error().text;
}

// A file of version 10 around `body`, without a checksum.
std::string File(std::string_view body) {
  return "REDIS0010"s + std::string(body) + "\xff"s + std::string(8, '\0');
}

// The bytes that the encoder writes for one value, behind the key "k".
std::string Encoded(const std::string& value, bool compress = true) {
  Keyspace keyspace(1);
  Put(keyspace, 0, "k", value);
  const std::string file =
      Write(keyspace, {},
            {.compress = compress ? Compressor::Effort::kWorthwhile : Compressor::Effort::kNone, .checksum = false});
  const std::string before = "\xfe\x00\xfb\x01\x00\x00\x01k"s;
  const std::size_t at = file.find(before);
  REQUIRE(at != std::string::npos);
  return file.substr(at + before.size(), file.size() - at - before.size() - 9);
}

}  // namespace

TEST_CASE("rdb: a file of redis-server 7.0.15 is read, every string form of it") {
  for (const std::size_t piece : {1U, 7U, 100000U}) {
    Keyspace keyspace(16);
    RdbReader reader(keyspace);
    const std::string file = Golden("strings.rdb");
    for (std::size_t at = 0; at < file.size(); at += piece) {
      const std::string_view bytes = std::string_view(file).substr(at, piece);
      REQUIRE(reader.Feed(bytes) == bytes.size());
      REQUIRE(reader.offset() == at + bytes.size());
    }
    REQUIRE(reader.complete());
    CHECK(Get(keyspace, 0, "empty") == "");
    CHECK(Get(keyspace, 0, "text") == "hello world");
    CHECK(Get(keyspace, 0, "int8") == "-12");
    CHECK(Get(keyspace, 0, "int16") == "3000");
    CHECK(Get(keyspace, 0, "int32") == "-2147483648");
    CHECK(Get(keyspace, 0, "int33") == "2147483648");
    CHECK(Get(keyspace, 0, "int64") == "-9223372036854775808");
    CHECK(keyspace.Find(0, "int64")->encoding() == Encoding::kInt);
    CHECK(Get(keyspace, 0, "not-int") == "007");
    CHECK(Get(keyspace, 0, "12345") == "a key that is a number");
    CHECK(Get(keyspace, 0, "") == "the empty key");
    CHECK(Get(keyspace, 0, "lzf").size() == 600);
    CHECK(Get(keyspace, 0, "large").substr(2990) == "0123456789");
    CHECK(Get(keyspace, 0, "binary").size() == 256);
    CHECK(keyspace.Find(0, "expires")->expires_at() == 4102444800123);
    CHECK(Get(keyspace, 9, "elsewhere") == "9");
    CHECK(keyspace.TotalSize() == 18);
    // What DEBUG DIGEST of that server said.
    CHECK(DataDigest(keyspace) == "a9cc1f8027937225928545e7bb3172f984f5d137");

    const RdbFacts& facts = reader.facts();
    CHECK(facts.version == 10);
    CHECK(facts.checksummed);
    CHECK(facts.keys_loaded == 18);
    CHECK(facts.aux.at("redis-ver") == "7.0.15");
    REQUIRE(facts.replication.has_value());
    CHECK(facts.replication->stream_db == 9);
    CHECK(facts.replication->id == "dff93ad4b1ad0d37ca4e1fcf270823d4378108a7");
    CHECK(facts.replication->offset == 5086300);
    REQUIRE(keyspace.functions().size() == 1);
    CHECK(keyspace.functions()[0].starts_with("#!lua name=golden\n"));
  }
}

TEST_CASE("rdb: collections of redis-server 7.0.15 and of earlier ones are read, every encoding of them") {
  struct Case {
    const char* file;
    const char* digest;  // of the server that wrote or loaded it
  };
  for (const Case& c : {Case{"hashes.rdb", "b4bc8ba3c2035b4e042b2649cfe5e1098f157ff6"},
                        Case{"sets.rdb", "fe8618b55eaadfb9333fe11e46f69d36fb14bc44"},
                        Case{"lists.rdb", "901f584af17951da84005d4a2112fd7478312842"},
                        Case{"old_lists.rdb", "14f472bf56716e211c7b5284aa0e5df45ac6a512"},
                        Case{"sorted_sets.rdb", "ed5ded930406534968f973277ac60280f8a5e388"},
                        Case{"old_sorted_sets.rdb", "8390353fd8aa12d521d7313789f492670a21fffa"},
                        Case{"old_hashes.rdb", "2e69284a504fe6825ef703a48a223ca3b0cc1dcd"}}) {
    for (const std::size_t piece : {1U, 7U, 100000U}) {
      CAPTURE(c.file);
      CAPTURE(piece);
      Keyspace keyspace(16);
      CHECK(Load(keyspace, Golden(c.file), piece) == "");
      CHECK(DataDigest(keyspace) == c.digest);
      Keyspace copy(16);
      CHECK(Load(copy, Write(keyspace), piece) == "");
      CHECK(DataDigest(copy) == c.digest);
    }
  }
}

TEST_CASE("rdb: what is written is read again, compressed or not, checksummed or not") {
  base::Random random(11);
  Keyspace keyspace(4);
  Model model;
  for (int i = 0; i < 5000; ++i) ChangeSomething(keyspace, model, random, 2000);
  keyspace.set_functions({"#!lua name=a\n" + std::string(100, 'x'), "#!lua name=b"});
  RdbHead head{.created_at = 1700000000, .used_memory = 12345, .replication = std::nullopt};
  head.replication = RdbReplication{.stream_db = 3,
                                    .id = std::string(40, 'e'),
                                    .offset = 987654321012,
                                    .data_end = 987654321000,
                                    .selections = RdbSelections{2, 987654321004, 987654321008}};
  std::size_t sizes[2];
  for (const bool compress : {true, false}) {
    for (const bool checksum : {true, false}) {
      const std::string file = Write(
          keyspace, head,
          {.compress = compress ? Compressor::Effort::kWorthwhile : Compressor::Effort::kNone, .checksum = checksum});
      sizes[compress ? 1 : 0] = file.size();
      Keyspace copy(4);
      RdbReader reader(copy);
      REQUIRE(reader.Feed(file) == file.size());
      REQUIRE(reader.complete());
      CHECK(ContentsOf(copy) == model);
      CHECK(DataDigest(copy) == DataDigest(keyspace));
      CHECK(copy.functions() == keyspace.functions());
      CHECK(reader.facts().checksummed == checksum);
      CHECK(reader.facts().aux.at("ctime") == "1700000000");
      CHECK(reader.facts().aux.at("used-mem") == "12345");
      CHECK(reader.facts().replication->offset == 987654321012);
      CHECK(reader.facts().replication->stream_db == 3);
      CHECK(reader.facts().replication->data_end == 987654321000);
      CHECK(reader.facts().replication->selections == RdbSelections{2, 987654321004, 987654321008});
    }
  }
  CHECK(sizes[1] < sizes[0] / 2);
}

TEST_CASE("rdb: the packed sets of redis-server 7.2 are read") {
  Listpack members;
  for (const char* member : {"a", "12", ""}) members.Append(member);
  const std::string blob = members.Take();
  Keyspace keyspace(1);
  CHECK(Load(keyspace, File("\x14\x01k"s + static_cast<char>(blob.size()) + blob)) == "");
  CHECK(ValueText(*keyspace.Find(0, "k")) == SetText({"", "12", "a"}));
  // A set without members is a mistake of old servers: such a key does not exist.
  const std::string empty = Listpack().Take();
  Keyspace none(1);
  CHECK(Load(none, File("\x14\x01k"s + static_cast<char>(empty.size()) + empty)) == "");
  CHECK(Load(none, File("\x02\x01k\x00"s)) == "");
  CHECK(Load(none, File("\x0b\x01k\x08\x02\x00\x00\x00\x00\x00\x00\x00"s)) == "");
  CHECK(none.TotalSize() == 0);
}

TEST_CASE("rdb: lists in damaged pieces are refused, and those in empty pieces left out") {
  const std::string empty = Listpack().Take();
  const std::string piece = "\x02"s + static_cast<char>(empty.size()) + empty;
  Keyspace none(1);
  CHECK(Load(none, File("\x12\x01k\x02"s + piece + piece)) == "");
  CHECK(none.TotalSize() == 0);
  Keyspace keyspace(1);
  CHECK(Load(keyspace, File("\x12\x01k\x02"s + piece + "\x01\x01v"s)) == "");
  CHECK(ValueText(*keyspace.Find(0, "k")) == ListText({"v"}));
  Keyspace bad(1);
  CHECK(Load(bad, File("\x12\x01k\x01\x03\x01v"s)) == "rdb: offset 13: unknown form 3 of a piece of a list");
  Keyspace worse(1);
  CHECK(Load(worse, File("\x12\x01k\x01\x02\x03xyz"s)) == "rdb: offset 14: listpack: byte 0: impossible size");
}

TEST_CASE("rdb: a large value is given away in pieces, and the checksum is right") {
  Keyspace keyspace(1);
  keyspace.Change(keyspace.Find(0, "h"), "h", ValueType::kHash, [&](data::Contents& contents) {
    HashEditor hash(contents, keyspace);
    for (int i = 0; i < 50000; ++i) hash.Set(fmt::format("field:{}", i), fmt::format("value:{}", i * 7));
    return true;
  });
  const auto snapshot = Snapshot::Begin(keyspace);
  RdbEncoder encoder({.compress = Compressor::Effort::kNone});
  std::string file;
  std::string out;
  std::size_t longest = 0;
  const auto give = [&] {
    longest = std::max(longest, out.size());
    file += out;
    out.clear();
  };
  encoder.Begin({}, {}, snapshot->databases(), out);
  Batch batch;
  while (snapshot->Step(10, 1000, batch)) encoder.Append(batch, out, give);
  encoder.Append(batch, out, give);
  encoder.End(out);
  give();
  CHECK(file.size() > 1'000'000);
  CHECK(longest < RdbEncoder::kPiece + 1000);
  Keyspace copy(1);
  CHECK(Load(copy, file, 4096) == "");
  CHECK(DataDigest(copy) == DataDigest(keyspace));
}

TEST_CASE("rdb: each value gets the shortest form that redis-server 7.0 would give it") {
  CHECK(Encoded("") == "\x00"s);
  CHECK(Encoded("abc") ==
        "\x03"
        "abc");
  CHECK(Encoded("-128") == "\xc0\x80"s);
  CHECK(Encoded("127") == "\xc0\x7f"s);
  CHECK(Encoded("128") == "\xc1\x80\x00"s);
  CHECK(Encoded("-32769") == "\xc2\xff\x7f\xff\xff"s);
  CHECK(Encoded("2147483648") ==
        "\x0a"
        "2147483648");
  CHECK(Encoded("01") ==
        "\x02"
        "01");
  CHECK(Encoded(std::string(63, 'a'), false) == "\x3f" + std::string(63, 'a'));
  CHECK(Encoded(std::string(64, 'a'), false) == "\x40\x40" + std::string(64, 'a'));
  CHECK(Encoded(std::string(16383, 'a'), false).substr(0, 3) ==
        "\x7f\xff"
        "a");
  CHECK(Encoded(std::string(16384, 'a'), false).substr(0, 6) ==
        "\x80\x00\x00\x40\x00"
        "a"s);
  CHECK(Encoded(std::string(100, 'a')).substr(0, 1) == "\xc3");
  CHECK(Encoded(std::string(20, 'a')) == "\x14" + std::string(20, 'a'));
}

TEST_CASE("rdb: bytes behind the end belong to somebody else") {
  Keyspace keyspace(1);
  Put(keyspace, 0, "k", "v");
  const std::string file = Write(keyspace);
  Keyspace copy(1);
  RdbReader reader(copy);
  REQUIRE(reader.Feed(file.substr(0, 50)) == 50);
  CHECK(reader.Feed(file.substr(50) + "*1\r\n$4\r\nPING\r\n") == file.size() - 50);
  CHECK(reader.complete());
  CHECK(reader.offset() == file.size());
  CHECK(reader.Feed("more") == 0);
}

TEST_CASE("rdb: a master leaves out keys whose time has come, a replica keeps them") {
  Keyspace keyspace(1);
  Put(keyspace, 0, "old", "v", 1000);
  Put(keyspace, 0, "due", "v", 2000);
  Put(keyspace, 0, "new", "v", 2001);
  Put(keyspace, 0, "ever", "v");
  const std::string file = Write(keyspace);
  Keyspace master(1);
  RdbReader master_reader(master, {.drop_expired = true, .now = 2000});
  REQUIRE(master_reader.Feed(file));
  CHECK(master.TotalSize() == 2);
  CHECK(master_reader.facts().keys_expired == 2);
  Keyspace replica(1);
  RdbReader replica_reader(replica, {.drop_expired = false, .now = 2000});
  REQUIRE(replica_reader.Feed(file));
  CHECK(replica.TotalSize() == 4);
}

TEST_CASE("rdb: headers of versions 1 to 12 are accepted, and old files end without a checksum") {
  for (int version = 0; version <= 14; ++version) {
    CAPTURE(version);
    std::string file = fmt::format("REDIS{:04}", version) + "\xfe\x00\x00\x01k\x01v\xff"s;
    if (version >= 5) file += std::string(8, '\0');
    Keyspace keyspace(1);
    const std::string error = Load(keyspace, file);
    if (version >= 1 && version <= 12) {
      CHECK(error == "");
      CHECK(Get(keyspace, 0, "k") == "v");
    } else {
      CHECK(error == fmt::format("rdb: offset 0: version {} is not supported, only 1 to 12", version));
    }
  }
}

TEST_CASE("rdb: old expiries, idle times, frequencies and slots are read over") {
  Keyspace keyspace(1);
  CHECK(Load(keyspace, File("\xfd\x10\x00\x00\x00\x00\x01"
                            "a\x01v\xf8\x05\x00\x01"
                            "b\x01v\xf9\x07\x00\x01"
                            "c\x01v\xf4\x01\x02\x03"s)) == "");
  CHECK(keyspace.TotalSize() == 3);
  CHECK(keyspace.Find(0, "a")->expires_at() == 16000);
  CHECK(keyspace.Find(0, "b")->expires_at() == kNever);
}

TEST_CASE("rdb: what cannot be kept or is damaged is refused with its offset and reason") {
  Keyspace keyspace(4);
  struct Case {
    std::string body;
    std::string error;
  };
  const std::vector<Case> cases = {
      {"\x63"s, "offset 9: unknown value type 99"},
      {"\x07"s, "offset 9: value type 7 (module) is not supported yet"},
      {"\xf7"s, "offset 9: data of modules is not supported"},
      {"\xf6"s, "offset 9: functions of a preview of Redis 7.0 are not supported"},
      {"\xfe\x04"s, "offset 9: database 4, but there are only 4"},
      {"\xfe\x82"s, "offset 10: a length cannot begin with 0x82"},
      {"\xfe\xc0"s, "offset 10: a string where a length should stand"},
      {"\x00\xc5"s, "offset 10: unknown string encoding 5"},
      {"\x00\x01k\xc3\x01\x50\x00"s, "offset 12: 1 compressed bytes cannot become 4096"},
      {"\x00\x01k\xc3\x03\x05\xff\xff\xff"s, "offset 12: damaged compressed string"},
      {"\x00\x81\x7f\xff\xff\xff\xff\xff\xff\xff"s, "offset 10: a string of 9223372036854775807 bytes is too long"},
      {"\x00\x01k\x01v\x00\x01k\x01w\xff"s + std::string(8, '\0'),
       "offset 19: before this the key \"k\" stands there twice"},
      {"\x04\x01k\x02\x01"
       "f\x01v\x01"
       "f\x01w"s,
       "offset 17: the field \"f\" stands there twice"},
      {"\x10\x01k\x03xyz"s, "offset 12: listpack: byte 0: impossible size"},
      {"\x0b\x01k\x03xyz"s, "offset 12: intset: byte 0: impossible size"},
      {"\x14\x01k\x03xyz"s, "offset 12: listpack: byte 0: impossible size"},
      {"\x02\x01k\x02\x01m\x01m"s, "offset 15: the member \"m\" stands there twice"},
      {"\x0d\x01k\x03xyz"s, "offset 12: ziplist: byte 0: wrong total size"},
      {"\x09\x01k\x04\x01\x05xy"s, "offset 12: zipmap: byte 1: an element does not end"},
      {"\x10\x01k\x09\x09\x00\x00\x00\x01\x00\x01\x01\xff"s,
       "offset 12: a hash with a field without value, or with one twice"},
  };
  for (const Case& bad : cases) {
    Keyspace fresh(4);
    CHECK(Load(fresh, "REDIS0010" + bad.body) == "rdb: " + bad.error);
  }
  Keyspace fresh(1);
  CHECK(Load(fresh, "RESIDUE10") == "rdb: offset 0: this is no RDB file");
  CHECK(Load(fresh, "*3\r\n$3\r\nSET") == "rdb: offset 0: this is no RDB file");
}

TEST_CASE("rdb: a wrong checksum is refused") {
  std::string file = Golden("strings.rdb");
  file.back() ^= 1;
  Keyspace keyspace(16);
  CHECK(Load(keyspace, file).find("offset 957: the checksum is") != std::string::npos);
}

TEST_CASE("rdb: a file cut off anywhere is incomplete, never complete and never a crash") {
  const std::string file = Golden("strings.rdb");
  for (std::size_t length = 0; length < file.size(); ++length) {
    CAPTURE(length);
    Keyspace keyspace(16);
    CHECK(Load(keyspace, file.substr(0, length)) ==
          fmt::format("rdb: offset {}: the file ends before its end mark", length));
  }
}

TEST_CASE("rdb: damaged files are refused or load something, but never crash") {
  const std::string original = Golden("strings.rdb");
  base::Random random(99);
  int loaded = 0;
  for (int i = 0; i < 6000; ++i) {
    CAPTURE(i);
    std::string file = original;
    for (std::uint64_t n = 1 + random.Below(4); n > 0; --n) {
      const std::size_t at = random.Below(file.size());
      switch (random.Below(4)) {
        case 0:
          file[at] = static_cast<char>(random.Next());
          break;
        case 1:
          file[at] = static_cast<char>(file[at] ^ (1 << random.Below(8)));
          break;
        case 2:
          file.erase(at, 1 + random.Below(5));
          break;
        default:
          file.insert(at, std::string(1 + random.Below(5), static_cast<char>(random.Next())));
          break;
      }
      if (file.empty()) file = "R";
    }
    // With the checksum in place every change is found out; without it the reader itself must stand firm.
    {
      Keyspace keyspace(16);
      if (file != original) CHECK(Load(keyspace, file, 64) != "");
    }
    if (file.size() > 8) file.replace(file.size() - 8, 8, 8, '\0');
    Keyspace keyspace(16);
    if (Load(keyspace, file, 1 + random.Below(500)).empty()) ++loaded;
    CHECK(keyspace.memory() < 64U << 20);
  }
  CHECK(loaded > 100);  // else the mutations are too coarse to test anything
}

TEST_CASE("digest: an empty data set has forty zeros, and databases, keys, values and expiries all count") {
  Keyspace keyspace(3);
  CHECK(DataDigest(keyspace) == std::string(40, '0'));
  Put(keyspace, 0, "k", "v");
  // As redis-server 7.0.15 answers DEBUG DIGEST after SET k v.
  CHECK(DataDigest(keyspace) == "264ccf65edec66bccfa7cc659414ccca432057d2");
  const std::string before = DataDigest(keyspace);
  keyspace.SetExpiry(keyspace.Find(0, "k"), 5);
  CHECK(DataDigest(keyspace) != before);
  keyspace.SetExpiry(keyspace.Find(0, "k"), kNever);
  CHECK(DataDigest(keyspace) == before);
  keyspace.SwapDb(0, 1);
  CHECK(DataDigest(keyspace) != before);
}
