#include "sentinel/core/numeric_host.h"

#include <arpa/inet.h>
#include <doctest/doctest.h>

#include <utility>

using namespace sentinel;

TEST_CASE("numeric host: addresses are told from names") {
  for (const char* host : {"127.0.0.1", "255.255.255.255", "::1", "::", "fe80::1%eth0", "2001:db8::7:0:1",
                           "1:2:3:4:5:6:7:8", "::ffff:127.0.0.1", "fe80::1%br-lan.7"}) {
    CHECK_MESSAGE(IsNumericHost(host), host);
  }
  for (const char* host :
       {"", "localhost", "127.0.0.256", "127.0.0", "1.2.3.4.5", "01.2.3.4", "db.example", "1::2::3", "1:2:3:4:5:6:7",
        "1:2:3:4:5:6:7:8:9", "12345::", "g::1", "-1.2.3.4", ":::", "::1%", "::1%a b", "::1%a,b", "::1%a\nb"}) {
    CHECK_MESSAGE(!IsNumericHost(host), host);
  }
}

TEST_CASE("numeric host: an address has one spelling, that of inet_ntop; names and IPv4 stay as they are") {
  const std::pair<const char*, const char*> spellings[] = {
      {"0:0:0:0:0:0:0:1", "::1"},
      {"0000:0000::0001", "::1"},
      {"0:0:0:0:0:0:0:0", "::"},
      {"2001:DB8:0:0:8:800:200C:417A", "2001:db8::8:800:200c:417a"},
      {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
      {"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},
      {"1:0:0:2:3:0:0:4", "1::2:3:0:0:4"},
      {"1:2:3:4:5:6:0:0", "1:2:3:4:5:6::"},
      {"1:2:3:4:5:6::8", "1:2:3:4:5:6:0:8"},
      {"::FFFF:7f00:1", "::ffff:127.0.0.1"},
      {"0:0:0:0:0:ffff:10.0.0.1", "::ffff:10.0.0.1"},
      {"::1.2.3.4", "::1.2.3.4"},
      {"::2", "::2"},
      {"FE80:0::1%eth0", "fe80::1%eth0"},
      {"127.0.0.1", "127.0.0.1"},
      {"DB.Example", "DB.Example"},
      {"1::2::3", "1::2::3"},
      {"", ""},
  };
  for (const auto& [written, canonical] : spellings) {
    CHECK(CanonicalHost(written) == canonical);
    in6_addr parsed{};
    char text[INET6_ADDRSTRLEN];
    if (inet_pton(AF_INET6, written, &parsed) == 1) {
      CHECK(CanonicalHost(written) == inet_ntop(AF_INET6, &parsed, text, sizeof text));
    }
  }
}
