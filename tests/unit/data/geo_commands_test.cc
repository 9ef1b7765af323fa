#include <doctest/doctest.h>

#include "tests/unit/data/command_support.h"

using data::Runner;

// Replies and effects as redis-server 7.0.15 gives them; the differential test compares many more.

TEST_CASE("geo commands: places are scores, and replicas get a ZADD") {
  Runner node;
  CHECK(node.Run("GEOADD Sicily 13.361389 38.115556 Palermo 15.087269 37.502669 Catania") == ":2\r\n");
  CHECK(node.TakeEffects() == "0 zadd Sicily 3479099956230698 Palermo 3479447370796909 Catania");
  CHECK(node.Run("GEODIST Sicily Palermo Catania") == "$11\r\n166274.1516\r\n");
  CHECK(node.Run("GEODIST Sicily Palermo Catania km") == "$8\r\n166.2742\r\n");
  CHECK(node.Run("GEODIST Sicily Palermo None") == "$-1\r\n");
  CHECK(node.Run("GEOHASH Sicily Palermo None") == "*2\r\n$11\r\nsqc8b49rny0\r\n$-1\r\n");
  CHECK(node.Run("GEOPOS Sicily Palermo None") ==
        "*2\r\n*2\r\n$20\r\n13.36138933897018433\r\n$20\r\n38.11555639549629859\r\n*-1\r\n");
  CHECK(node.Run("GEOADD Sicily 200 0 x") == "-ERR invalid longitude,latitude pair 200.000000,0.000000\r\n");
  CHECK(node.Run("GEOADD Sicily NX XX 0 0 x") == "-ERR syntax error\r\n");
}

TEST_CASE("geo commands: searching circles and boxes, and storing what was found") {
  Runner node;
  node.Run("GEOADD Sicily 13.361389 38.115556 Palermo 15.087269 37.502669 Catania");
  node.TakeEffects();
  CHECK(node.Run("GEORADIUS Sicily 15 37 200 km ASC") == "*2\r\n$7\r\nCatania\r\n$7\r\nPalermo\r\n");
  CHECK(node.Run("GEORADIUSBYMEMBER_RO Sicily Palermo 1 m WITHHASH") ==
        "*1\r\n*2\r\n$7\r\nPalermo\r\n:3479099956230698\r\n");
  CHECK(node.Run("GEOSEARCH Sicily FROMLONLAT 15 37 BYBOX 400 400 km DESC COUNT 1 WITHDIST") ==
        "*1\r\n*2\r\n$7\r\nPalermo\r\n$8\r\n190.4424\r\n");
  CHECK(node.Run("GEOSEARCH none FROMMEMBER x BYRADIUS 1 m") == "*0\r\n");
  CHECK(node.Run("GEOSEARCH Sicily FROMMEMBER x BYRADIUS 1 m") == "-ERR could not decode requested zset member\r\n");
  CHECK(node.Run("GEOSEARCH Sicily BYRADIUS 1 m COUNT 1 ANY") ==
        "-ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for GEOSEARCH\r\n");
  CHECK(node.Run("GEORADIUS Sicily 15 37 200 km WITHDIST STORE d") ==
        "-ERR STORE option in GEORADIUS is not compatible with WITHDIST, WITHHASH and WITHCOORD options\r\n");
  CHECK(node.Run("GEORADIUS_RO Sicily 15 37 200 km STORE d") == "-ERR syntax error\r\n");
  CHECK(node.TakeEffects() == "");
  CHECK(node.Run("GEOSEARCHSTORE d Sicily FROMLONLAT 15 37 BYRADIUS 200 km STOREDIST") == ":2\r\n");
  CHECK(node.Run("GEORADIUS Sicily 0 0 1 m STORE d") == ":0\r\n");
  CHECK(node.Run("EXISTS d") == ":0\r\n");
  CHECK(node.TakeEffects() ==
        "0 GEOSEARCHSTORE d Sicily FROMLONLAT 15 37 BYRADIUS 200 km STOREDIST | 0 GEORADIUS Sicily 0 0 1 m STORE d");
}

TEST_CASE("geo: members that are no places have the places that stock gives them") {
  Runner node;
  node.Run("ZADD g -1 a inf b");
  CHECK(node.Run("GEOHASH g a b") == "*2\r\n$11\r\nbp05b5048p0\r\n$11\r\n00bh0hbj200\r\n");
}

TEST_CASE("geo: on one meridian distances are those of stock to the last digit") {
  Runner node;
  node.Run("GEOADD g 180 1e-5 a");
  node.Run("GEOSEARCHSTORE d g FROMLONLAT 180 -85.05112878 BYRADIUS 1e8 MI STOREDIST");
  CHECK(node.Run("ZSCORE d a") == "$18\r\n5878.1382864044472\r\n");
}
