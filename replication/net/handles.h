// What the files of this folder share: the state behind a uv_loop_t, and addresses. Not for others.
#pragma once

#include <uv.h>

#include <functional>
#include <set>

#include "replication/base/ids.h"
#include "replication/base/result.h"

namespace net {

class Handles;

// Stands behind uv_loop_t::data of every Loop.
struct LoopState {
  std::set<Handles*> open;
  // The loop is being destroyed: libuv still calls back for requests that end with their handles, but whoever
  // asked for them must not hear of it any more.
  bool ending = false;
  // Loop::Post().
  std::function<void(std::function<void()>)> post;
};

inline LoopState& StateOf(uv_loop_t* loop) {
  return *static_cast<LoopState*>(loop->data);
}

// Base of what holds libuv handles for an object of this folder (its owner). libuv closes a handle only in a later
// turn, so this outlives the owner, also when the owner is destroyed by a callback that is still running here. It
// deletes itself when the owner is gone and all handles are closed, whichever comes last; so the loop may go first.
class Handles {
 public:
  explicit Handles(uv_loop_t* loop);
  Handles(const Handles&) = delete;
  Handles& operator=(const Handles&) = delete;

  // The owner is gone; by default the handles are closed now. Call once and touch nothing afterwards.
  void Release();
  // The same, but the handles stay open until CloseNow(): there is still something to do.
  void Orphan();
  void CloseNow();

  bool closing() const { return closing_; }
  uv_loop_t* loop() const { return loop_; }

 protected:
  virtual ~Handles();
  // Calls CloseOne() for every handle that is open.
  virtual void CloseAll() = 0;

  // Sets handle->data; must follow each uv_..._init().
  void Adopt(uv_handle_t* handle);
  template <class Uv>
  void Adopt(Uv* handle) {
    Adopt(reinterpret_cast<uv_handle_t*>(handle));
  }
  void CloseOne(uv_handle_t* handle);
  template <class Uv>
  void CloseOne(Uv* handle) {
    CloseOne(reinterpret_cast<uv_handle_t*>(handle));
  }

  // From handle->data.
  template <class Derived>
  static Derived& Of(const void* data) {
    return *static_cast<Derived*>(static_cast<Handles*>(const_cast<void*>(data)));
  }

 private:
  void DeleteIfDone();

  uv_loop_t* loop_;
  bool owned_ = true;
  bool closing_ = false;
  int open_ = 0;
};

// A numeric address. Error kInvalid when `host` is a name.
base::Result<sockaddr_storage> ToSocketAddress(const base::Endpoint& endpoint);
base::Endpoint FromSocketAddress(const sockaddr_storage& address);

// "bind 127.0.0.1:6379: address already in use".
base::Error SystemError(const char* what, const base::Endpoint& where, int status);

}  // namespace net
