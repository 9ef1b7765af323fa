#include "replication/data/hash_value.h"

#include <utility>

#include "replication/base/check.h"

namespace data {

HashView::HashView(const Entry& entry) {
  VIGIL_CHECK(entry.type() == ValueType::kHash);
  if (entry.encoding() == Encoding::kTree) {
    tree_ = static_cast<const FieldTree*>(&entry.tree());
  } else {
    packed_.emplace(entry.Packed());
  }
}

std::optional<std::string_view> HashView::Find(std::string_view field, IntText& buffer) const {
  if (!packed_) return tree_->Find(field);
  const auto at = packed_->Find(field, packed_->Begin(), 2);
  if (at == packed_->End()) return std::nullopt;
  return packed_->Get(packed_->Next(at)).Text(buffer);
}

HashView::Item HashView::AtRank(std::uint64_t rank, Buffer& buffer) const {
  if (!packed_) {
    const FieldLeaf::Item item = tree_->AtRank(rank);
    return Item{item.field, item.value};
  }
  const auto at = packed_->At(static_cast<std::int64_t>(2 * rank));
  return Item{packed_->Get(at).Text(buffer.field), packed_->Get(packed_->Next(at)).Text(buffer.value)};
}

HashEditor::HashEditor(Contents& contents, const Keyspace& keyspace) : contents_(contents), keyspace_(keyspace) {
  if (contents_.tree != nullptr) {
    tree_ = static_cast<FieldTree*>(contents_.tree.get());
  } else if (!contents_.packed.empty()) {
    pack_ = Listpack(std::move(contents_.packed));
  }
}

HashEditor::~HashEditor() {
  contents_.packing = Packing::kListpack;
  if (tree_ == nullptr) contents_.packed = pack_.Take();
}

void HashEditor::Unpack() {
  auto tree = std::make_unique<FieldTree>(keyspace_.field_hash());
  HashView(pack_.view()).ForEach([&tree](std::string_view field, std::string_view value) { tree->Set(field, value); });
  tree_ = tree.get();
  contents_.tree = std::move(tree);
}

bool HashEditor::Set(std::string_view field, std::string_view value) {
  const PackingLimits& limits = keyspace_.limits();
  if (tree_ == nullptr && (field.size() > limits.hash_value || value.size() > limits.hash_value)) Unpack();
  if (tree_ != nullptr) return tree_->Set(field, value);

  const ListpackView view = pack_.view();
  const auto at = view.Find(field, view.Begin(), 2);
  if (at != view.End()) {
    pack_.Replace(view.Next(at), value);
    return false;
  }
  pack_.Append(field);
  pack_.Append(value);
  if (pack_.size() / 2 > limits.hash_entries) Unpack();
  return true;
}

bool HashEditor::Erase(std::string_view field) {
  if (tree_ != nullptr) return tree_->Erase(field);
  const ListpackView view = pack_.view();
  const auto at = view.Find(field, view.Begin(), 2);
  if (at == view.End()) return false;
  pack_.Erase(at, 2);
  return true;
}

std::optional<Contents> HashFromListpack(std::string packed, const Keyspace& keyspace) {
  const PackingLimits& limits = keyspace.limits();
  const ListpackView view(packed);
  const std::size_t elements = view.size();
  if (elements == 0 || elements % 2 != 0) return std::nullopt;

  bool stays = elements / 2 <= limits.hash_entries;
  auto tree = std::make_unique<FieldTree>(keyspace.field_hash());
  bool twice = false;
  HashView(view).ForEach([&](std::string_view field, std::string_view value) {
    stays = stays && field.size() <= limits.hash_value && value.size() <= limits.hash_value;
    if (!tree->Set(field, value)) twice = true;
  });
  if (twice) return std::nullopt;
  Contents contents;
  if (stays) {
    contents.packed = std::move(packed);
  } else {
    contents.tree = std::move(tree);
  }
  return contents;
}

}  // namespace data
