// What `vigil-node --journal list` and `show` print.
#pragma once

#include <string>
#include <vector>

#include "replication/core/journal_moments.h"

namespace replication {

// For people. `folder` is named as the caller did.
std::string RenderJournalList(const std::string& folder, const std::vector<JournalPart>& parts,
                              const std::vector<JournalChain>& chains);
// For programs: one object, one line.
std::string RenderJournalListJson(const std::vector<JournalPart>& parts, const std::vector<JournalChain>& chains);

// The line above those of RenderCommand().
std::string RenderCommandTitle();
// Time, the last moment before it, the moment behind it ('-' inside a transaction), database, words. What is no plain
// text is escaped, so that one command is one line. Unless `full`, long words and long commands are shortened.
std::string RenderCommand(const JournalCommand& command, bool full);
// One object, one line. A byte of a word is one character of it, U+0000 to U+00FF; nothing is shortened.
std::string RenderCommandJson(const JournalCommand& command);

// `text` as a string of JSON, in quotes, byte by byte.
std::string JsonBytes(std::string_view text);

}  // namespace replication
