// Random commands on streams, for ours and for stock redis-server 7.0.15.
#pragma once

#include "tests/interop/side_by_side.h"

namespace support {

// Commands on a few streams and groups, mostly sensible ones.
class StreamRequests {
 public:
  // `timed`: ids and replies may depend on the clock, as XADD with "*" does.
  StreamRequests(std::uint64_t seed, bool timed) : random_(seed), timed_(timed) {}

  Request operator()() {
    switch (random_.Below(32)) {
      case 0:
        return {"XLEN", Key()};
      case 1:
      case 2:
        return Joined({Pick({"XRANGE", "XREVRANGE"}), Key(), End(), End()}, Maybe(0.5, {"COUNT", Number()}));
      case 3:
        return Joined({"XDEL", Key()}, Ids());
      case 4:
        return Joined({"XTRIM", Key()}, Trim());
      case 5:
        return Joined(Joined({"XSETID", Key(), random_.Chance(0.3) ? Id() : fmt::format("{}-0", clock_ / 3 + 1)},
                             Maybe(0.4, {"ENTRIESADDED", Number()})),
                      Maybe(0.4, {"MAXDELETEDID", Id()}));
      case 6:
      case 7:
        return Joined(Joined({"XGROUP", "CREATE", Key(), Group(), Pick({"$", "0", Id()})}, Maybe(0.3, {"MKSTREAM"})),
                      Maybe(0.3, {"ENTRIESREAD", Number()}));
      case 8:
        return Joined({"XGROUP", "SETID", Key(), Group(), Pick({"$", "0", Id()})},
                      Maybe(0.3, {"ENTRIESREAD", Number()}));
      case 9:
        return {"XGROUP", Pick({"CREATECONSUMER", "CREATECONSUMER", "DELCONSUMER"}), Key(), Group(), Consumer()};
      case 10:
        if (random_.Chance(0.3)) return {"XGROUP", "DESTROY", Key(), Group()};
        return {"XINFO", "GROUPS", Key()};
      case 11:
      case 12:
      case 13:
        return ReadGroup();
      case 14:
        return Streams(Joined({"XREAD"}, Maybe(0.6, {"COUNT", Number()})), {"$", Id(), Id(), Id(), ">"});
      case 15:
        return Joined({"XACK", Key(), Group()}, Ids());
      case 16: {
        Request words = {"XPENDING", Key(), Group()};
        if (random_.Chance(0.3)) return words;
        words = Joined(std::move(words), Maybe(0.3, {"IDLE", Pick({"0", "100000", "x"})}));
        return Joined(Joined(std::move(words), {End(), End(), Number()}), Maybe(0.4, {Consumer()}));
      }
      case 17:
      case 18:
        return Claim();
      case 19:
        return Joined(Joined({"XAUTOCLAIM", Key(), Group(), Consumer(), Pick({"0", "0", "100000", "x"}),
                              Pick({"0", "-", Id(), "(" + Id()})},
                             Maybe(0.5, {"COUNT", Number()})),
                      Maybe(0.3, {"JUSTID"}));
      case 20: {
        Request words = {"XINFO", "STREAM", Key()};
        if (random_.Chance(0.5)) words = Joined(Joined(std::move(words), {"FULL"}), Maybe(0.5, {"COUNT", Number()}));
        return words;
      }
      case 21:
        return {"XINFO", "CONSUMERS", Key(), Group()};
      case 22:
        return Other();
      default:
        return Add();
    }
  }

 private:
  static Request Joined(Request words, const Request& more) {
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
  Request Maybe(double chance, Request words) { return random_.Chance(chance) ? std::move(words) : Request{}; }
  std::string Pick(const Request& words) { return words[random_.Below(words.size())]; }
  std::string Key() {
    if (random_.Chance(0.03)) return "nokey";
    return Pick({"s1", "s1", "s2", "s2", "s3", "string"});
  }
  std::string Group() { return Pick({"g1", "g1", "g1", "g2", "gx"}); }
  std::string Consumer() { return Pick({"alice", "bob", "carl", "dan"}); }
  std::string Number() { return Pick({"0", "1", "2", "5", "10", "-1", "x", "100"}); }
  std::string Id() {
    if (random_.Chance(0.75)) return fmt::format("{}-{}", random_.Below(60), random_.Below(4));
    if (random_.Chance(0.6)) return fmt::format("{}", random_.Below(60));
    return Pick({"x", "-", "+", "0-0", "18446744073709551615-18446744073709551615", "1-", "-1", "1-x", "0", ""});
  }
  Request Ids() {
    Request ids;
    for (std::uint64_t n = 1 + random_.Below(4); n > 0; --n) ids.push_back(Id());
    return ids;
  }
  std::string End() { return Pick({"-", "+", Id(), "(" + Id()}); }
  std::string NewId() {
    if (timed_ && random_.Chance(0.3)) return "*";
    if (random_.Chance(0.05)) return Id();
    clock_ += random_.Below(3);
    if (random_.Chance(0.1)) return fmt::format("{}-*", clock_ / 3 + random_.Below(2));
    return fmt::format("{}-{}", clock_ / 3, random_.Below(6));
  }
  Request Trim() {
    Request words = {Pick({"MAXLEN", "MINID"})};
    const bool by_length = words[0] == "MAXLEN";
    if (random_.Chance(0.6)) words.push_back(Pick({"~", "="}));
    words.push_back(by_length ? Number() : Id());
    return Joined(std::move(words), Maybe(0.2, {"LIMIT", Number()}));
  }
  Request Add() {
    Request words = Joined({"XADD", Key()}, Maybe(0.1, {"NOMKSTREAM"}));
    if (random_.Chance(0.3)) words = Joined(std::move(words), Trim());
    words.push_back(NewId());
    for (std::uint64_t n = 1 + random_.Below(3); n > 0; --n) {
      words.push_back(Pick({"f", "g", "12", "h1", "h2"}));
      words.push_back(Pick({"v", "1", "-5", std::string(random_.Below(80), 'x')}));
    }
    if (random_.Chance(0.02)) words.pop_back();
    return words;
  }
  Request Streams(Request words, const Request& from) {
    const std::uint64_t count = 1 + random_.Below(2);
    words.emplace_back("STREAMS");
    for (std::uint64_t n = 0; n < count; ++n) words.push_back(Key());
    for (std::uint64_t n = random_.Chance(0.03) ? 1 : 0; n < count; ++n) words.push_back(Pick(from));
    return words;
  }
  Request ReadGroup() {
    Request words = Joined({"XREADGROUP", "GROUP", Group(), Consumer()}, Maybe(0.6, {"COUNT", Number()}));
    return Streams(Joined(std::move(words), Maybe(0.2, {"NOACK"})), {">", ">", ">", Id(), "0", "$"});
  }
  Request Claim() {
    Request words = Joined({"XCLAIM", Key(), Group(), Consumer(), Pick({"0", "0", "0", "100000", "x"})}, Ids());
    words = Joined(std::move(words), Maybe(0.2, {"IDLE", Pick({"0", "5000"})}));
    words = Joined(std::move(words), Maybe(0.2, {"TIME", Pick({"0", "1700000000000"})}));
    words = Joined(std::move(words), Maybe(0.3, {"RETRYCOUNT", Number()}));
    words = Joined(std::move(words), Maybe(0.3, {"FORCE"}));
    words = Joined(std::move(words), Maybe(0.3, {"JUSTID"}));
    return Joined(std::move(words), Maybe(0.2, {"LASTID", Id()}));
  }
  Request Other() {
    switch (random_.Below(8)) {
      case 0:
        return {"SET", "string", "text"};
      case 1:
        return {"COPY", Key(), "s3", "REPLACE"};
      case 2:
        return {"DEL", "s3"};
      case 3:
        return {"RENAME", "s3", "s2"};
      case 4:
        return {"TYPE", Key()};
      case 5:
        return {"EXPIRE", "s3", "1000"};
      default:
        return {"OBJECT", "ENCODING", Key()};
    }
  }

  base::Random random_;
  bool timed_;
  std::uint64_t clock_ = 3;
};

}  // namespace support
