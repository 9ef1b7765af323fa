#include "replication/data/list_value.h"

#include <utility>

#include "replication/base/check.h"

namespace data {

ListView::ListView(const Entry& entry) {
  VIGIL_CHECK(entry.type() == ValueType::kList);
  if (entry.encoding() == Encoding::kTree) {
    tree_ = static_cast<const ListTree*>(&entry.tree());
  } else {
    packed_.emplace(entry.Packed());
  }
}

std::string_view ListView::At(std::uint64_t rank, IntText& buffer) const {
  if (packed_) return packed_->Get(packed_->At(static_cast<std::int64_t>(rank))).Text(buffer);
  const auto cursor = tree_->AtRank(rank);
  const ListpackView piece = cursor->view();
  return piece.Get(piece.At(static_cast<std::int64_t>(rank - cursor.rank()))).Text(buffer);
}

ListEditor::ListEditor(Contents& contents, const Keyspace& keyspace)
    : contents_(contents), limits_(ListLimits::Of(keyspace.limits().list_size)) {
  if (contents_.tree != nullptr) {
    tree_ = static_cast<ListTree*>(contents_.tree.get());
  } else if (!contents_.packed.empty()) {
    pack_ = Listpack(std::move(contents_.packed));
  }
}

ListEditor::~ListEditor() {
  contents_.packing = Packing::kListpack;
  if (tree_ == nullptr) contents_.packed = pack_.Take();
}

void ListEditor::Unpack() {
  auto tree = std::make_unique<ListTree>();
  tree_ = tree.get();
  contents_.tree = std::move(tree);
  if (pack_.size() > 0) tree_->AppendPack(std::move(pack_), limits_);
}

void ListEditor::UnpackIfLarge() {
  if (limits_.Exceeded(pack_.bytes(), pack_.size())) Unpack();
}

void ListEditor::Insert(std::uint64_t rank, std::string_view text) {
  // What alone is too large for a piece must not be copied with every change of what is packed.
  if (tree_ == nullptr && text.size() > limits_.bytes) Unpack();
  if (tree_ != nullptr) return tree_->Insert(rank, text, limits_);
  pack_.Insert(pack_.view().At(static_cast<std::int64_t>(rank)), text);
  UnpackIfLarge();
}

void ListEditor::Replace(std::uint64_t rank, std::string_view text) {
  if (tree_ == nullptr && text.size() > limits_.bytes) Unpack();
  if (tree_ != nullptr) return tree_->Replace(rank, text);
  pack_.Replace(pack_.view().At(static_cast<std::int64_t>(rank)), text);
  UnpackIfLarge();
}

void ListEditor::Erase(std::uint64_t rank, std::uint64_t count) {
  if (count == 0) return;
  if (tree_ != nullptr) return tree_->Erase(rank, count);
  pack_.Erase(pack_.view().At(static_cast<std::int64_t>(rank)), static_cast<std::size_t>(count));
}

void ListEditor::AppendPack(ListpackView pack) {
  if (pack.empty()) return;
  if (tree_ == nullptr && limits_.Exceeded(pack_.bytes() + pack.bytes().size(), pack_.size() + pack.size())) Unpack();
  if (tree_ != nullptr) {
    tree_->AppendPack(Listpack(std::string(pack.bytes())), limits_);
  } else {
    pack_.AppendAll(pack);
  }
}

}  // namespace data
