#include "replication/data/set_value.h"

#include <utility>

#include "replication/base/check.h"
#include "replication/base/text.h"

namespace data {
namespace {

// Up to here a set that is no intset is packed. Redis 7.0 has a table for these and calls it "hashtable"; ours is
// called so too, but takes a quarter of the memory. (The limits are those of Redis 7.2, which packs them as well.)
constexpr std::size_t kPackedMembers = 128;
constexpr std::size_t kPackedBytes = 64;

std::optional<std::int64_t> AsInteger(std::string_view text) {
  if (text.empty() || text.size() > 20) return std::nullopt;
  return base::ParseInt<std::int64_t>(text);
}

}  // namespace

SetView::SetView(Packing packing, std::string_view bytes) {
  if (packing == Packing::kIntset) {
    numbers_.emplace(bytes);
  } else {
    VIGIL_CHECK(packing == Packing::kListpack);
    packed_.emplace(bytes);
  }
}

SetView::SetView(const Entry& entry) {
  VIGIL_CHECK(entry.type() == ValueType::kSet);
  if (entry.encoding() == Encoding::kTree) {
    tree_ = static_cast<const FieldTree*>(&entry.tree());
  } else {
    *this = SetView(entry.packing(), entry.Packed());
  }
}

std::uint64_t SetView::size() const {
  if (numbers_) return numbers_->size();
  return packed_ ? packed_->size() : tree_->size();
}

bool SetView::Contains(std::string_view member) const {
  if (numbers_) {
    const auto number = AsInteger(member);
    return number && numbers_->Contains(*number);
  }
  if (packed_) return packed_->Find(member) != packed_->End();
  return tree_->Find(member).has_value();
}

std::string_view SetView::AtRank(std::uint64_t rank, IntText& buffer) const {
  if (numbers_) return Digits(numbers_->At(rank), buffer);
  if (packed_) return packed_->Get(packed_->At(static_cast<std::int64_t>(rank))).Text(buffer);
  return tree_->AtRank(rank).field;
}

SetEditor::SetEditor(Contents& contents, const Keyspace& keyspace) : contents_(contents), keyspace_(keyspace) {
  if (contents_.tree != nullptr) {
    form_ = Form::kTree;
    tree_ = static_cast<FieldTree*>(contents_.tree.get());
  } else if (contents_.packed.empty()) {
    return;
  } else if (contents_.packing == Packing::kIntset) {
    numbers_ = Intset(std::move(contents_.packed));
  } else {
    form_ = Form::kListpack;
    pack_ = Listpack(std::move(contents_.packed));
  }
}

SetEditor::~SetEditor() {
  contents_.packing = form_ == Form::kIntset ? Packing::kIntset : Packing::kListpack;
  if (form_ == Form::kIntset) contents_.packed = numbers_.Take();
  if (form_ == Form::kListpack) contents_.packed = pack_.Take();
}

SetView SetEditor::view() const {
  switch (form_) {
    case Form::kIntset:
      return SetView(numbers_.view());
    case Form::kListpack:
      return SetView(pack_.view());
    case Form::kTree:
      break;
  }
  return SetView(*tree_);
}

bool SetEditor::Fits(std::string_view member, std::size_t members) const {
  return members <= kPackedMembers && member.size() <= kPackedBytes;
}

void SetEditor::LeaveIntset(std::string_view next) {
  if (!Fits(next, view().size() + 1)) return GrowTree();
  const SetView numbers = view();
  numbers.ForEach([this](std::string_view member) { pack_.Append(member); });
  form_ = Form::kListpack;
}

void SetEditor::GrowTree() {
  auto tree = std::make_unique<FieldTree>(keyspace_.field_hash());
  view().ForEach([&tree](std::string_view member) { tree->Set(member, {}); });
  tree_ = tree.get();
  contents_.tree = std::move(tree);
  form_ = Form::kTree;
}

bool SetEditor::Add(std::string_view member) {
  if (form_ == Form::kIntset) {
    if (const auto number = AsInteger(member)) {
      if (!numbers_.Add(*number)) return false;
      if (view().size() > keyspace_.limits().set_intset) LeaveIntset({});
      return true;
    }
    LeaveIntset(member);
  }
  if (form_ == Form::kListpack) {
    if (view().Contains(member)) return false;
    if (Fits(member, view().size() + 1)) {
      pack_.Append(member);
      return true;
    }
    GrowTree();
  }
  return tree_->Set(member, {});
}

bool SetEditor::Erase(std::string_view member) {
  switch (form_) {
    case Form::kIntset: {
      const auto number = AsInteger(member);
      return number && numbers_.Erase(*number);
    }
    case Form::kListpack: {
      const auto at = pack_.view().Find(member);
      if (at == pack_.view().End()) return false;
      pack_.Erase(at);
      return true;
    }
    case Form::kTree:
      break;
  }
  return tree_->Erase(member);
}

std::optional<Contents> SetFromIntset(std::string bytes, const Keyspace& keyspace) {
  const IntsetView numbers(bytes);
  if (numbers.size() == 0) return std::nullopt;
  Contents contents;
  if (numbers.size() <= keyspace.limits().set_intset) {
    contents.packing = Packing::kIntset;
    contents.packed = std::move(bytes);
    return contents;
  }
  {
    SetEditor set(contents, keyspace);
    SetView(numbers).ForEach([&set](std::string_view member) { set.Add(member); });
  }
  return contents;
}

}  // namespace data
