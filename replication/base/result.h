// Result<T>: a value, or the reason why there is none.
#pragma once

#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace base {

// A code exists only when some caller does something different on seeing it; the rest is text.
enum class ErrorCode {
  kInvalid,     // malformed input: tell whoever sent it
  kOutOfRange,  // well formed, but outside what we hold (an offset, a length): fall back or refuse
  kNotFound,    // a named thing does not exist
  kIncomplete,  // more bytes are needed: wait for them, or call it truncated when there are no more
  kIo,          // the system refused: the text carries its reason
};

struct Error {
  ErrorCode code = ErrorCode::kInvalid;
  std::string text;  // one line, no newline, fit to be shown to the user
};

template <class T>
using Result = tl::expected<T, Error>;

inline tl::unexpected<Error> Fail(ErrorCode code, std::string text) {
  return tl::unexpected<Error>(Error{code, std::move(text)});
}

}  // namespace base
