// The `sentinel ...` lines of `<config>.vigil`, as rows: what a stock redis-sentinel would refuse to start with.
// One row per setting: it is read, written and set with SENTINEL SET in this one place.
//
// Source: spec/decisions.md A13.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "replication/base/time.h"
#include "sentinel/core/state.h"

namespace sentinel {

// Where a row's render function puts its lines. `arguments` is what follows "sentinel <name>", each quoted if needed
// with base::QuoteWord.
class VigilLines {
 public:
  virtual ~VigilLines() = default;
  virtual void Put(std::string_view arguments) = 0;
};

struct VigilDirective {
  // `words` begin with the row's name; all others are without control characters. Empty, or why the line is refused;
  // nothing has been changed then. For a row of a master words[1] is its name.
  using Load = std::string (*)(State& state, const std::vector<std::string>& words, const base::Now& now);
  using LoadMaster = std::string (*)(State& state, Master& master, const std::vector<std::string>& words,
                                     const base::Now& now);
  // Puts the line or lines; none while the setting has its default. Called for every save, and for each master: cheap.
  using Render = void (*)(const State& state, VigilLines& lines);
  using RenderMaster = void (*)(const State& state, const Master& master, VigilLines& lines);

  std::string_view name;  // lower case; no name of a stock directive
  std::size_t min_words;  // the name included
  std::size_t max_words;
  Load load;  // these two, for what holds for the whole sentinel;
  Render render;
  LoadMaster load_master;  // or these two, for what belongs to a master
  RenderMaster render_master;
  // SENTINEL SET <master> <name> <value> ...: `load_master` is called with {name, master, values...}, on an empty
  // master first, to check. Needs min_words == max_words. A row that can be set is one that an operator writes by
  // hand, so it says in `usage` what it takes.
  bool settable;
  std::string_view usage;  // "<ms>"
};

// Sorted by name.
std::span<const VigilDirective> VigilDirectives();
// Null when there is no such row. `name` in lower case.
const VigilDirective* FindVigilDirective(std::string_view name);

}  // namespace sentinel
