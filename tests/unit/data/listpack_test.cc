#include "replication/data/listpack.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <deque>
#include <limits>
#include <string>
#include <vector>

using data::CheckListpack;
using data::IntText;
using data::Listpack;
using data::ListpackView;

namespace {

std::vector<std::string> Elements(const Listpack& pack) {
  std::vector<std::string> out;
  IntText buffer;
  const ListpackView view = pack.view();
  for (const data::PackedElement element : view) out.emplace_back(element.Text(buffer));
  return out;
}

std::vector<std::string> ElementsFromBehind(const Listpack& pack) {
  std::vector<std::string> out;
  IntText buffer;
  const ListpackView view = pack.view();
  for (auto at = view.End(); at != view.Begin();) {
    at = view.Previous(at);
    out.insert(out.begin(), std::string(view.Get(at).Text(buffer)));
  }
  return out;
}

std::string Hex(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) {
    constexpr char kDigits[] = "0123456789abcdef";
    out.push_back(kDigits[static_cast<unsigned char>(c) >> 4]);
    out.push_back(kDigits[static_cast<unsigned char>(c) & 15]);
  }
  return out;
}

// Texts as collections hold them: short and long ones, numbers of every width, and what only looks like a number.
rc::Gen<std::string> AnyElement() {
  const auto number = rc::gen::map(rc::gen::pair(rc::gen::arbitrary<std::int64_t>(), rc::gen::inRange(0, 63)),
                                   [](const auto& drawn) { return std::to_string(drawn.first >> drawn.second); });
  const auto sized = rc::gen::map(
      rc::gen::pair(rc::gen::element<std::size_t>(0, 1, 62, 63, 64, 65, 126, 127, 128, 4094, 4095, 4096, 16383, 16384),
                    rc::gen::inRange('a', 'z')),
      [](const auto& drawn) { return std::string(drawn.first, static_cast<char>(drawn.second)); });
  const auto odd = rc::gen::element<std::string>("", "-0", "007", "+1", " 1", "1 ", "9223372036854775808", "1e3");
  return rc::gen::oneOf(number, rc::gen::arbitrary<std::string>(), sized, odd);
}

}  // namespace

TEST_CASE("listpack: each encoding has the bytes that redis-server writes") {
  // The bodies of DUMP payloads of lists and hashes on redis-server 7.0.15.
  struct Case {
    std::string text;
    std::string body;
  };
  const std::vector<Case> cases = {
      {"", "8001"},
      {"a", "816102"},
      {"0", "0001"},
      {"127", "7f01"},
      {"128", "c08002"},
      {"-1", "dfff02"},
      {"4095", "cfff02"},
      {"-4096", "d00002"},
      {"4096", "f1001003"},
      {"-32768", "f1008003"},
      {"32768", "f200800004"},
      {"-8388608", "f200008004"},
      {"8388608", "f30000800005"},
      {"2147483648", "f4000000800000000009"},
      {"-9223372036854775808", "f4000000000000008009"},
      {"-0", "822d3003"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.text);
    Listpack pack;
    pack.Append(c.text);
    const std::string bytes = Hex(pack.view().bytes());
    CHECK(bytes.substr(12, bytes.size() - 14) == c.body);
    CHECK(CheckListpack(pack.view().bytes()));
  }
}

TEST_CASE("listpack: any elements are read back, from both ends") {
  CHECK(rc::check([] {
    const auto texts = *rc::gen::container<std::vector<std::string>>(AnyElement());
    Listpack pack;
    for (const std::string& text : texts) pack.Append(text);
    RC_ASSERT(pack.size() == texts.size());
    RC_ASSERT(Elements(pack) == texts);
    RC_ASSERT(ElementsFromBehind(pack) == texts);
    RC_ASSERT(CheckListpack(pack.view().bytes()).has_value());
  }));
}

TEST_CASE("listpack: insertions, replacements and erasures do what they do to a deque") {
  CHECK(rc::check([] {
    std::deque<std::string> model;
    Listpack pack;
    const int steps = *rc::gen::inRange(0, 60);
    for (int i = 0; i < steps; ++i) {
      const auto index = *rc::gen::inRange<std::size_t>(0, model.size() + 1);
      const auto at = pack.view().At(static_cast<std::int64_t>(index));
      const int what = *rc::gen::inRange(0, 4);
      if (what <= 1) {
        const std::string text = *AnyElement();
        pack.Insert(at, text);
        model.insert(model.begin() + static_cast<std::ptrdiff_t>(index), text);
      } else if (what == 2 && index < model.size()) {
        const std::string text = *AnyElement();
        pack.Replace(at, text);
        model[index] = text;
      } else if (what == 3) {
        const auto count = *rc::gen::inRange<std::size_t>(0, 5);
        const std::size_t erased = std::min(count, model.size() - index);
        pack.Erase(at, count);
        const auto from = model.begin() + static_cast<std::ptrdiff_t>(index);
        model.erase(from, from + static_cast<std::ptrdiff_t>(erased));
      }
      RC_ASSERT(CheckListpack(pack.view().bytes()).has_value());
      RC_ASSERT(pack.size() == model.size());
    }
    RC_ASSERT(Elements(pack) == std::vector<std::string>(model.begin(), model.end()));
  }));
}

TEST_CASE("listpack: indices count from either end") {
  Listpack pack;
  for (int i = 0; i < 10; ++i) pack.Append(std::to_string(i));
  const ListpackView view = pack.view();
  for (int i = 0; i < 10; ++i) {
    CHECK(view.Get(view.At(i)).integer == i);
    CHECK(view.Get(view.At(i - 10)).integer == i);
  }
  CHECK(view.At(10) == view.End());
  CHECK(view.At(-11) == view.End());
  CHECK(view.At(std::numeric_limits<std::int64_t>::max()) == view.End());
  CHECK(view.At(std::numeric_limits<std::int64_t>::min()) == view.End());
}

TEST_CASE("listpack: a field is found among fields, not among values") {
  Listpack pack;
  for (const char* text : {"one", "two", "two", "7", "7", "one"}) pack.Append(text);
  const ListpackView view = pack.view();
  CHECK(view.Find("two", view.Begin(), 2) == view.At(2));
  CHECK(view.Find("7", view.Begin(), 2) == view.At(4));
  CHECK(view.Find("two") == view.At(1));
  CHECK(view.Find("07") == view.End());
  CHECK(view.Find("three", view.Begin(), 2) == view.End());
}

TEST_CASE("listpack: more elements than the head can count are counted") {
  Listpack pack;
  for (int i = 0; i < 65534; ++i) pack.Append(std::int64_t{1});
  CHECK(pack.size() == 65534);
  for (int i = 0; i < 3; ++i) pack.Append(std::int64_t{2});
  CHECK(pack.size() == 65537);
  CHECK(pack.view().At(65536) != pack.view().End());
  CHECK(pack.view().At(65537) == pack.view().End());
  CHECK(CheckListpack(pack.view().bytes()));
  pack.Erase(pack.view().Begin(), 10);
  CHECK(pack.size() == 65527);
}

TEST_CASE("listpack: damaged bytes are refused, wherever the damage is") {
  CHECK(rc::check([] {
    Listpack pack;
    for (const std::string& text : *rc::gen::container<std::vector<std::string>>(AnyElement())) pack.Append(text);
    std::string bytes = pack.Take();
    const auto cut = *rc::gen::inRange<std::size_t>(0, bytes.size());
    RC_ASSERT(!CheckListpack(std::string_view(bytes).substr(0, cut)));
    // A changed byte either is noticed or leaves something that can be walked safely.
    bytes[cut] = *rc::gen::arbitrary<char>();
    if (!CheckListpack(bytes)) return;
    IntText buffer;
    const ListpackView view(bytes);
    std::size_t seen = 0;
    for (const data::PackedElement element : view) seen += element.Text(buffer).size();
    RC_ASSERT(seen <= 20 * bytes.size());
  }));
}
