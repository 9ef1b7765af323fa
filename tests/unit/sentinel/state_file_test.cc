#include "sentinel/edge/state_file.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <filesystem>
#include <vector>

#include "replication/net/loop.h"
#include "tests/support/process.h"

using sentinel::SavedTexts;
using sentinel::edge::StateFile;

namespace {

// One StateFile on a loop of its own; saves the texts that are set.
class Bed {
 public:
  explicit Bed(SavedTexts durable)
      : path(temp.path() + "/s.conf"),
        texts(durable),
        file(
            way_back, path, durable, [this] { return texts; },
            [this](sentinel::ChangeNumber, base::Result<void> result) {
              last = std::move(result);
              loop.Stop();
            }) {
    support::WriteTextFile(path, durable.config);
    if (!durable.vigil.empty()) support::WriteTextFile(path + ".vigil", durable.vigil);
  }
  ~Bed() { way_back->Close(); }

  base::Result<void> Save(SavedTexts next) {
    texts = std::move(next);
    file.Want(++change);
    loop.Run();
    return last;
  }
  std::string Config() const { return support::ReadTextFile(path); }
  std::string Vigil() const { return support::ReadTextFile(path + ".vigil"); }
  static ino_t Inode(const std::string& path) {
    struct stat about {};
    REQUIRE(stat(path.c_str(), &about) == 0);
    return about.st_ino;
  }

  support::TempDir temp;
  const std::string path;
  net::Loop loop;
  std::shared_ptr<host::WayBack> way_back = std::make_shared<host::WayBack>(loop);
  SavedTexts texts;
  base::Result<void> last;
  sentinel::ChangeNumber change = 0;
  StateFile file;
};

}  // namespace

TEST_CASE("state file: both files are replaced; one that did not change is left alone") {
  Bed bed({"a\n", ""});
  REQUIRE(bed.Save({"b\n", ""}));
  CHECK(bed.Config() == "b\n");
  CHECK_FALSE(std::filesystem::exists(bed.path + ".vigil"));  // nothing to say, no file

  REQUIRE(bed.Save({"c\n", "ours\n"}));
  CHECK(bed.Config() == "c\n");
  CHECK(bed.Vigil() == "ours\n");

  const ino_t config = Bed::Inode(bed.path);
  REQUIRE(bed.Save({"c\n", "more\n"}));
  CHECK(Bed::Inode(bed.path) == config);
  CHECK(bed.Vigil() == "more\n");
  const ino_t vigil = Bed::Inode(bed.path + ".vigil");
  REQUIRE(bed.Save({"d\n", "more\n"}));
  CHECK(bed.Config() == "d\n");
  CHECK(Bed::Inode(bed.path + ".vigil") == vigil);
}

TEST_CASE("state file: when ours cannot take its place, the save has failed, and is made whole later") {
  Bed bed({"a\n", ""});
  std::filesystem::create_directories(bed.path + ".vigil/in-the-way");
  CHECK_FALSE(bed.Save({"b\n", "ours\n"}));
  // sentinel.conf comes first: this is the newer one beside an older file, which is consistent.
  CHECK(bed.Config() == "b\n");
  std::filesystem::remove_all(bed.path + ".vigil");
  REQUIRE(bed.Save({"b\n", "ours\n"}));
  CHECK(bed.Config() == "b\n");
  CHECK(bed.Vigil() == "ours\n");
  for (const auto& entry : std::filesystem::directory_iterator(bed.temp.path())) {
    CHECK(entry.path().string().find(".tmp-") == std::string::npos);
  }
}
