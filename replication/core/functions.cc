#include "replication/core/functions.h"

#include <fmt/format.h>

#include <utility>

#include "replication/base/text.h"
#include "replication/core/script_libraries.h"
#include "replication/core/state.h"

namespace replication {
namespace {

using base::ErrorCode;
using base::Fail;
using base::Result;

constexpr base::Millis kPatience{500};

}  // namespace

Functions::~Functions() = default;

Result<std::string> Functions::Load(std::string_view text, bool replace, LibraryHost& host) {
  auto head = ParseLibraryHead(text);
  if (!head) return tl::unexpected(head.error());
  const bool exists = libraries_.contains(head->name);
  if (exists && !replace) return Fail(ErrorCode::kInvalid, fmt::format("Library '{}' already exists", head->name));
  auto functions = engine().LoadLibrary(text.substr(head->begins_at), host);
  if (!functions) return tl::unexpected(functions.error());
  std::string error;
  if (functions->empty()) error = "No functions registered";
  for (const RegisteredFunction& function : *functions) {
    const auto found = by_name_.find(base::ToLower(function.name));
    if (found == by_name_.end() || found->second.first == head->name) continue;
    error = fmt::format("Function {} already exists", function.name);
    break;
  }
  if (!error.empty()) {
    for (const RegisteredFunction& function : *functions) engine_->Forget(function);
    return Fail(ErrorCode::kInvalid, error);
  }
  if (exists) Delete(head->name);
  Insert(head->name, Library{.text = std::string(text), .functions = std::move(*functions)});
  return head->name;
}

Result<Functions> Functions::LoadAll(std::span<const std::string> texts, LibraryHost& host) {
  Functions all;
  for (const std::string& text : texts) {
    if (const auto loaded = all.Load(text, false, host); !loaded) return tl::unexpected(loaded.error());
  }
  return all;
}

Result<void> Functions::Add(const Functions& other, bool replace, LibraryHost& host) {
  for (const auto& [name, library] : other.libraries_) {
    if (!replace && libraries_.contains(name)) {
      return Fail(ErrorCode::kInvalid, fmt::format("Library {} already exists", name));
    }
  }
  for (const auto& [name, library] : other.libraries_) {
    for (const RegisteredFunction& function : library.functions) {
      const auto found = by_name_.find(base::ToLower(function.name));
      if (found != by_name_.end() && !other.libraries_.contains(found->second.first)) {
        return Fail(ErrorCode::kInvalid, fmt::format("Function {} already exists", function.name));
      }
    }
  }
  std::vector<std::pair<std::string, Library>> added;
  for (const auto& [name, library] : other.libraries_) {
    const std::size_t begins_at = ParseLibraryHead(library.text)->begins_at;
    auto functions = engine().LoadLibrary(std::string_view(library.text).substr(begins_at), host);
    if (!functions) {
      for (const auto& each : added) {
        for (const RegisteredFunction& function : each.second.functions) engine_->Forget(function);
      }
      return tl::unexpected(functions.error());
    }
    added.emplace_back(name, Library{.text = library.text, .functions = std::move(*functions)});
  }
  for (const auto& each : added) Delete(each.first);
  for (auto& [name, library] : added) Insert(name, std::move(library));
  return {};
}

void Functions::Insert(const std::string& name, Library library) {
  for (std::size_t i = 0; i < library.functions.size(); ++i) {
    by_name_.try_emplace(base::ToLower(library.functions[i].name), name, i);
  }
  libraries_.emplace(name, std::move(library));
}

bool Functions::Delete(const std::string& name) {
  const auto found = libraries_.find(name);
  if (found == libraries_.end()) return false;
  for (const RegisteredFunction& function : found->second.functions) {
    by_name_.erase(base::ToLower(function.name));
    engine_->Forget(function);
  }
  libraries_.erase(found);
  return true;
}

void Functions::Flush() {
  libraries_.clear();
  by_name_.clear();
  engine_.reset();
}

const RegisteredFunction* Functions::Find(std::string_view name) const {
  const auto found = by_name_.find(base::ToLower(name));
  if (found == by_name_.end()) return nullptr;
  return &libraries_.at(found->second.first).functions[found->second.second];
}

std::vector<std::string> Functions::Texts() const {
  std::vector<std::string> texts;
  for (const auto& [name, library] : libraries_) texts.push_back(library.text);
  return texts;
}

ScriptEngine& Functions::engine() {
  if (engine_ == nullptr) engine_ = std::make_unique<ScriptEngine>(ScriptEngine::For::kFunctions);
  return *engine_;
}

std::uint64_t Functions::text_memory() const {
  std::uint64_t bytes = 0;
  for (const auto& [name, library] : libraries_) {
    bytes += name.size() + library.text.size();
    for (const RegisteredFunction& function : library.functions) bytes += sizeof function + function.name.size();
  }
  return bytes;
}

LoadingHost::LoadingHost(NodeState& state) : state_(state), began_at_(state.host.ReadClock()) {}

void LoadingHost::Log(int level, std::string_view text) {
  state_.Say(static_cast<base::LogLevel>(level), text);
}

bool LoadingHost::MayGoOn() {
  return state_.host.ReadClock() - began_at_ < kPatience;
}

Result<void> UseFunctions(NodeState& state, const std::vector<std::string>& texts) {
  LoadingHost host(state);
  auto loaded = Functions::LoadAll(texts, host);
  if (!loaded) return tl::unexpected(loaded.error());
  state.functions = std::move(*loaded);
  return {};
}

Result<LibraryHead> ParseLibraryHead(std::string_view text) {
  const auto fail = [](std::string message) { return Fail(ErrorCode::kInvalid, std::move(message)); };
  if (!text.starts_with("#!")) return fail("Missing library metadata");
  const std::size_t end = text.find('\n');
  if (end == std::string_view::npos) return fail("Invalid library metadata");
  const auto words = base::SplitWords(text.substr(0, end));
  if (!words || words->empty()) return fail("Invalid library metadata");
  LibraryHead head{.name = {}, .begins_at = end};
  bool named = false;
  for (std::size_t i = 1; i < words->size(); ++i) {
    constexpr std::string_view kName = "name=";
    const std::string& option = (*words)[i];
    if (!base::EqualsIgnoreCase(std::string_view(option).substr(0, kName.size()), kName)) {
      return fail(fmt::format("Invalid metadata value given: {}", option));
    }
    if (std::exchange(named, true)) return fail("Invalid metadata value, name argument was given multiple times");
    head.name = option.substr(kName.size());
  }
  if (!named) return fail("Library name was not given");
  if (!IsFunctionName(head.name)) return fail(std::string(kBadFunctionName));
  const std::string engine = words->front().substr(2);
  if (!base::EqualsIgnoreCase(engine, "lua")) return fail(fmt::format("Engine '{}' not found", engine));
  return head;
}

}  // namespace replication
