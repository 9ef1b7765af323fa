#include "replication/base/text.h"

#include <doctest/doctest.h>

using namespace base;

TEST_CASE("text: an integer is the whole text, without plus, spaces or leading zeros") {
  CHECK(ParseInt<int>("42") == 42);
  CHECK(ParseInt<int>("-7") == -7);
  CHECK(ParseInt<std::uint16_t>("65535") == 65535);
  for (const char* bad : {"", "+1", " 1", "1 ", "01", "-0", "1.5", "0x10", "99999999999999999999", "-"}) {
    CAPTURE(bad);
    CHECK_FALSE(ParseInt<long long>(bad).has_value());
  }
  CHECK_FALSE(ParseInt<std::uint16_t>("65536").has_value());
}

TEST_CASE("text: memory sizes know decimal and binary units") {
  CHECK(ParseMemory("100") == 100);
  CHECK(ParseMemory("1k") == 1000);
  CHECK(ParseMemory("1KB") == 1024);
  CHECK(ParseMemory("2gb") == 2ULL << 30);
  CHECK_FALSE(ParseMemory("gb").has_value());
  CHECK_FALSE(ParseMemory("1tb").has_value());
  CHECK_FALSE(ParseMemory("99999999999999999gb").has_value());
}

TEST_CASE("text: globs match as KEYS does") {
  CHECK(GlobMatch("*", ""));
  CHECK(GlobMatch("h?llo", "hello"));
  CHECK(GlobMatch("h*llo", "heeeello"));
  CHECK(GlobMatch("h[ae]llo", "hallo"));
  CHECK_FALSE(GlobMatch("h[^e]llo", "hello"));
  CHECK(GlobMatch("h[a-b]llo", "hbllo"));
  CHECK(GlobMatch("h\\*llo", "h*llo"));
  CHECK_FALSE(GlobMatch("h\\*llo", "hxllo"));
  CHECK(GlobMatch("__key*__:*", "__keyspace@0__:x"));
  CHECK(GlobMatch("ABC", "abc", true));
  CHECK_FALSE(GlobMatch("abc", "abcd"));
  CHECK_FALSE(GlobMatch("", "a"));
}

TEST_CASE("text: a glob of many stars against a long text ends soon") {
  const std::string text(20000, 'a');
  CHECK_FALSE(GlobMatch("a*a*a*a*a*a*a*a*a*a*b", text));
}

TEST_CASE("text: quoted words survive a round trip, whatever bytes they hold") {
  std::string all;
  for (int i = 0; i < 256; ++i) all.push_back(static_cast<char>(i));
  for (const std::string& word : {std::string(""), std::string("plain"), std::string("two words"), all,
                                  std::string("#hash"), std::string("a\"b\\c")}) {
    const auto words = SplitWords("x " + QuoteWord(word) + " y");
    REQUIRE(words.has_value());
    REQUIRE(words->size() == 3);
    CHECK((*words)[1] == word);
  }
  CHECK_FALSE(SplitWords("a \"b").has_value());
  CHECK_FALSE(SplitWords("'a'b").has_value());
}

TEST_CASE("text: control characters are found") {
  CHECK(HasControlCharacters("a\nb"));
  CHECK(HasControlCharacters(std::string("\x7f")));
  CHECK_FALSE(HasControlCharacters("caf\xc3\xa9"));
}
