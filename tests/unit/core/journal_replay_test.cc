// Loading a journal while clients are there already.
#include <doctest/doctest.h>

#include <string>

#include "replication/core/journal.h"
#include "replication/core/journal_scan.h"
#include "replication/data/crc64.h"
#include "replication/resp/reply_writer.h"
#include "tests/unit/core/world.h"

using namespace replication;

namespace {

struct Quiet : base::Log {
  void Write(base::LogLevel, std::string_view) override {}
};

}  // namespace

// Sentinels greet a node whether it has loaded its data or not.
TEST_CASE("journal: what is published while it is loaded gets no place in its history") {
  World world;  // for the clock
  Quiet log;
  Host host;
  Settings settings;
  settings.appendonly = true;
  Node node(settings, 1, log, host, world.now);

  std::string stream;
  resp::AppendCommand(stream, {"SET", "key", "value"});
  IncrHead head;
  head.history.replid.hex = std::string(40, 'a');
  std::string file = RenderIncrHead(head);
  IndexRecord record;
  record.position = file.size();
  record.offset = head.first;
  record.length = stream.size();
  record.checksum = ChecksumOf(record, data::Crc64(0, stream));
  file += stream;
  IncrScanner scanner(RenderIndexRecord(record));
  scanner.Feed(file);
  const IncrVerdict verdict = scanner.Finish();
  REQUIRE(verdict.ours);

  Manifest manifest;
  manifest.incrs.push_back({"appendonly.aof.1.incr.aof", 1, JournalFile::Type::kIncr});
  node.KnowJournalFolder("folder", manifest, 2);
  node.BeginJournalLoading(file.size(), world.now);
  node.OnJournalFile("appendonly.aof.1.incr.aof", &verdict);
  REQUIRE(node.OnJournalBytes(file, world.now));
  const ClientId sentinel = node.OnClient("127.0.0.1:1", "127.0.0.1:2", world.now);
  node.OnClientBytes(sentinel, "PUBLISH __sentinel__:hello greeting\r\n", world.now);
  CHECK(node.clients().Find(sentinel)->out == ":0\r\n");
  REQUIRE(node.EndJournalFile(world.now));
  JournalFound found;
  found.manifest = manifest;
  found.next_seq = 2;
  REQUIRE(node.EndJournalLoading(found, world.now));
  node.Start(world.now);
  CHECK(node.state().applied == head.first + static_cast<Offset>(stream.size()) - 1);
  CHECK(node.state().history.replid2 == head.history.replid);
  CHECK(node.state().history.second_offset == node.state().applied + 1);
}
