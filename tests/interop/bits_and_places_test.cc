// Bitmaps, HyperLogLogs and places of ours and of stock redis-server 7.0.15: equal replies, equal bytes.
#include <cstdlib>

#include "tests/interop/side_by_side.h"

using namespace support;

namespace {

const std::vector<std::string> kLines = {"enable-debug-command yes", "save \"\""};

class Requests {
 public:
  explicit Requests(std::uint64_t seed) : random_(seed) {}

  Request operator()() {
    switch (random_.Below(20)) {
      case 0:
      case 1:
        return {"SETBIT", Bits(), Offset(), Pick({"0", "1", "1", "2"})};
      case 2:
        return {"GETBIT", Bits(), Offset()};
      case 3:
        return Joined({"BITCOUNT", Bits()}, Range());
      case 4:
        return Joined({"BITPOS", Bits(), Pick({"0", "1", "2"})}, Range());
      case 5:
        return {"BITOP", Pick({"AND", "OR", "XOR"}), Bits(), Bits(), Bits()};
      case 6:
      case 7: {
        Request words = {Pick({"BITFIELD", "BITFIELD", "BITFIELD_RO"}), Bits()};
        for (std::uint64_t n = random_.Below(4); n > 0; --n) words = Joined(std::move(words), Field());
        return words;
      }
      case 8:
        return random_.Chance(0.5) ? Request{"DEL", Pick({Bits(), Hll(), Places()})}
                                   : Request{"SETRANGE", Bits(), "5", "\xff\xf0"};
      case 9:
      case 10:
      case 11: {
        Request words = {"PFADD", Hll()};
        const std::uint64_t range = random_.Chance(0.5) ? 200 : 100000;
        for (std::uint64_t n = random_.Below(random_.Chance(0.2) ? 300 : 10); n > 0; --n) {
          words.push_back(fmt::format("{}", random_.Below(range)));
        }
        return words;
      }
      case 12:
        return random_.Chance(0.5) ? Request{"PFCOUNT", Hll()} : Request{"PFCOUNT", Hll(), Hll()};
      case 13:
        return {"PFMERGE", Hll(), Hll(), Hll()};
      case 14:
        return {"GET", Hll()};
      case 15:
      case 16: {
        Request words = {"GEOADD", Places()};
        for (std::uint64_t n = 1 + random_.Below(6); n > 0; --n) {
          words = Joined(std::move(words), {Longitude(), Latitude(), Name()});
        }
        return words;
      }
      case 17:
        return random_.Chance(0.5) ? Request{"GEOPOS", Places(), Name()}
                                   : Request{"GEODIST", Places(), Name(), Name(), Unit()};
      case 18: {
        const bool store = random_.Chance(0.3);
        Request words = {store ? "GEOSEARCHSTORE" : "GEOSEARCH"};
        if (store) words.push_back(Places());
        words.push_back(Places());
        words = Joined(std::move(words), random_.Chance(0.5) ? Request{"FROMMEMBER", Name()}
                                                             : Request{"FROMLONLAT", Longitude(), Latitude()});
        words = Joined(std::move(words), random_.Chance(0.5) ? Request{"BYRADIUS", Length(), Unit()}
                                                             : Request{"BYBOX", Length(), Length(), Unit()});
        return Joined(std::move(words), Options(!store));
      }
      default: {
        Request words = {"GEORADIUS", Places(), Longitude(), Latitude(), Length(), Unit()};
        if (random_.Chance(0.3)) return Joined(std::move(words), {Pick({"STORE", "STOREDIST"}), "stored"});
        return Joined(std::move(words), Options(true));
      }
    }
  }

 private:
  static Request Joined(Request words, const Request& more) {
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
  std::string Pick(const Request& words) { return words[random_.Below(words.size())]; }
  std::string Bits() { return fmt::format("bits:{}", random_.Below(4)); }
  std::string Hll() { return fmt::format("hll:{}", random_.Below(5)); }
  std::string Places() { return fmt::format("places:{}", random_.Below(3)); }
  std::string Name() { return fmt::format("m{}", random_.Below(100)); }
  std::string Offset() {
    return random_.Chance(0.1) ? Pick({"-1", "4294967296", "x", "#3"}) : fmt::format("{}", random_.Below(300));
  }
  std::string Number() { return Pick({"0", "1", "-1", "2", "5", "-5", "30", "100", "-100", "x"}); }
  Request Range() {
    switch (random_.Below(4)) {
      case 0:
        return {};
      case 1:
        return {Number()};
      case 2:
        return {Number(), Number()};
      default:
        return {Number(), Number(), Pick({"BIT", "byte"})};
    }
  }
  Request Field() {
    const std::string type = Pick({"u1", "u8", "i8", "u63", "i64", "u64", "u13", "i5"});
    const std::string value =
        random_.Chance(0.2) ? Pick({"9223372036854775807", "-9223372036854775808", "x"}) : Number();
    switch (random_.Below(4)) {
      case 0:
        return {"GET", type, Offset()};
      case 1:
        return {"SET", type, Offset(), value};
      case 2:
        return {"INCRBY", type, Offset(), value};
      default:
        return {"OVERFLOW", Pick({"WRAP", "SAT", "FAIL"})};
    }
  }
  // Around one town mostly.
  double Coordinate(double most, double town) {
    const double share = static_cast<double>(random_.Below(2000001)) / 1000000.0 - 1;
    return random_.Chance(0.6) ? town + share : share * most;
  }
  std::string Longitude() { return fmt::format("{:.6f}", Coordinate(180, 11)); }
  std::string Latitude() { return fmt::format("{:.6f}", Coordinate(85, 41)); }
  std::string Length() { return fmt::format("{}", random_.Below(random_.Chance(0.5) ? 200 : 20000)); }
  std::string Unit() { return Pick({"km", "km", "mi", "m", "FT"}); }
  Request Options(bool with) {
    Request words;
    if (with && random_.Chance(0.3)) words.emplace_back("WITHDIST");
    if (with && random_.Chance(0.2)) words.emplace_back("WITHHASH");
    if (with && random_.Chance(0.2)) words.emplace_back("WITHCOORD");
    if (random_.Chance(0.4)) words.push_back(Pick({"ASC", "DESC"}));
    if (random_.Chance(0.3)) words = Joined(std::move(words), {"COUNT", Pick({"1", "3", "50"})});
    if (!words.empty() && words.back() == "50") words.emplace_back("ANY");
    return words;
  }

  base::Random random_;
};

}  // namespace

TEST_CASE("bits and places: random commands get the replies of stock and leave the same data") {
  Cluster cluster;
  Member& stock = cluster.AddNode(Make::kStock, nullptr, kLines);
  Member& ours = cluster.AddNode(Make::kOurs, nullptr, kLines);
  const int requests = std::getenv("VIGIL_LONG_TRIALS") != nullptr ? 200000 : 6000;
  CompareReplies(stock, ours, requests, Requests(15));
}

TEST_CASE("bits and places: random load leaves master and replica equal, ours and stock") {
  CheckReplicated(Make::kOurs, Make::kStock, kLines, Requests(16));
  CheckReplicated(Make::kStock, Make::kOurs, kLines, Requests(17));
}
