#include "sentinel/core/numeric_host.h"

#include <doctest/doctest.h>

using namespace sentinel;

TEST_CASE("numeric host: addresses are told from names") {
  for (const char* host : {"127.0.0.1", "255.255.255.255", "::1", "::", "fe80::1%eth0", "2001:db8::7:0:1",
                           "1:2:3:4:5:6:7:8", "::ffff:127.0.0.1"}) {
    CHECK_MESSAGE(IsNumericHost(host), host);
  }
  for (const char* host : {"", "localhost", "127.0.0.256", "127.0.0", "1.2.3.4.5", "01.2.3.4", "db.example", "1::2::3",
                           "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "12345::", "g::1", "-1.2.3.4", ":::"}) {
    CHECK_MESSAGE(!IsNumericHost(host), host);
  }
}
