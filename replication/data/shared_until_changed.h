// A value that copies share until one of them changes it, also when another thread reads a copy.
#pragma once

#include <utility>

#include "replication/base/owners.h"

namespace data {

template <class T>
class SharedUntilChanged {
 public:
  SharedUntilChanged() : held_(new Held) {}
  SharedUntilChanged(const SharedUntilChanged& other) : held_(other.held_) { held_->owners.Add(); }
  SharedUntilChanged& operator=(SharedUntilChanged other) noexcept {
    std::swap(held_, other.held_);
    return *this;
  }
  ~SharedUntilChanged() {
    if (held_->owners.Drop()) delete held_;
  }

  const T& operator*() const { return held_->value; }
  const T* operator->() const { return &held_->value; }
  const T* get() const { return &held_->value; }
  // To change it: nobody else has this one. O(its copy) when it was shared. Earlier references may hang.
  T& Own() {
    if (!held_->owners.Sole()) *this = SharedUntilChanged(held_->value);
    return held_->value;
  }

 private:
  struct Held {
    base::Owners owners;
    T value{};
  };

  explicit SharedUntilChanged(const T& value) : held_(new Held) { held_->value = value; }

  Held* held_;
};

}  // namespace data
