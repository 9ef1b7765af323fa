// What Redis has and a node of ours has nothing of: clusters and modules. Clients and monitors ask for both all the
// same, and get the answers of a server on which they are off.
#include <array>

#include "replication/base/text.h"
#include "replication/core/server_commands.h"

namespace replication {
namespace {

void NoCluster(NodeState&, NodeClient&, const resp::Words&, const Now&, resp::ReplyWriter& reply) {
  reply.Error("ERR This instance has cluster support disabled");
}

void NoModules(NodeState&, NodeClient&, const resp::Words&, const Now&, resp::ReplyWriter& reply) {
  reply.Array(0);
}

void Help(NodeState& state, NodeClient&, const resp::Words& words, const Now&, resp::ReplyWriter& reply) {
  serve::ReplyHelp(state.server.commands, base::ToLower(words[0]), reply);
}

using namespace serve;

constexpr std::string_view kOff = "Refused: there are no clusters here";

constexpr NodeCommand Off(std::string_view name, int arity, std::uint32_t flags, std::uint32_t categories,
                          std::string_view usage = {}) {
  return NodeCommand{{name, arity, flags, {}, categories | kCatSlow, "cluster", kOff, usage}, &NoCluster};
}
constexpr NodeCommand Asks(std::string_view name, int arity, std::string_view usage = {}) {
  return Off(name, arity, kStale, 0, usage);
}
constexpr std::uint32_t kAdminCategories = kCatAdmin | kCatDangerous;
constexpr NodeCommand Tells(std::string_view name, int arity, std::string_view usage = {}) {
  return Off(name, arity, kAdmin | kStale, kAdminCategories, usage);
}
constexpr NodeCommand Changes(std::string_view name, int arity, std::string_view usage = {}) {
  return Off(name, arity, kAdmin | kStale | kNoAsyncLoading, kAdminCategories, usage);
}

constexpr std::array kRows = {
    NodeCommand{{"asking", 1, kFast, {}, kCatFast | kCatConnection, "cluster", kOff}, &NoCluster},
    NodeCommand{{"cluster", -2, 0, {}, 0, "cluster", "A container for what concerns clusters"}, &OnlyWithSubcommand},
    Changes("cluster|addslots", -3, "<slot> [<slot> ...]"),
    Changes("cluster|addslotsrange", -4, "(<start-slot> <end-slot>) [(<start-slot> <end-slot>) ...]"),
    Changes("cluster|bumpepoch", 2),
    Tells("cluster|count-failure-reports", 3, "<node-id>"),
    Asks("cluster|countkeysinslot", 3, "<slot>"),
    Changes("cluster|delslots", -3, "<slot> [<slot> ...]"),
    Changes("cluster|delslotsrange", -4, "(<start-slot> <end-slot>) [(<start-slot> <end-slot>) ...]"),
    Changes("cluster|failover", -2, "[FORCE|TAKEOVER]"),
    Changes("cluster|flushslots", 2),
    Changes("cluster|forget", 3, "<node-id>"),
    Asks("cluster|getkeysinslot", 4, "<slot> <count>"),
    Off("cluster|help", 2, kLoading | kStale, 0),
    Asks("cluster|info", 2),
    Asks("cluster|keyslot", 3, "<key>"),
    Asks("cluster|links", 2),
    Changes("cluster|meet", -4, "<ip> <port> [<cluster_bus_port>]"),
    Asks("cluster|myid", 2),
    Asks("cluster|nodes", 2),
    Tells("cluster|replicas", 3, "<node-id>"),
    Changes("cluster|replicate", 3, "<node-id>"),
    Off("cluster|reset", -2, kAdmin | kNoScript | kStale, kAdminCategories, "[HARD|SOFT]"),
    Changes("cluster|saveconfig", 2),
    Changes("cluster|set-config-epoch", 3, "<config-epoch>"),
    Changes("cluster|setslot", -4, "<slot> (IMPORTING <node-id>|MIGRATING <node-id>|NODE <node-id>|STABLE)"),
    Asks("cluster|shards", 2),
    Tells("cluster|slaves", 3, "<node-id>"),
    Asks("cluster|slots", 2),
    NodeCommand{{"module", -2, 0, {}, 0, "server", "A container for what concerns modules"}, &OnlyWithSubcommand},
    NodeCommand{{"module|help", 2, kLoading | kStale, {}, kCatSlow, "server", "Prints this help"}, &Help},
    NodeCommand{{"module|list",
                 2,
                 kAdmin | kNoScript,
                 {},
                 kAdminCategories | kCatSlow,
                 "server",
                 "Lists the loaded modules: there are none"},
                &NoModules},
    NodeCommand{{"readonly", 1, kLoading | kStale | kFast, {}, kCatFast | kCatConnection, "cluster", kOff}, &NoCluster},
    NodeCommand{{"readwrite", 1, kLoading | kStale | kFast, {}, kCatFast | kCatConnection, "cluster", kOff},
                &NoCluster},
};

}  // namespace

std::span<const NodeCommand> AbsentCommands() {
  return kRows;
}

}  // namespace replication
