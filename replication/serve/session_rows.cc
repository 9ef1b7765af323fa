#include <fmt/format.h>

#include <array>

#include "replication/base/text.h"
#include "replication/serve/session_handlers.h"

namespace serve {
namespace {

// Arity, flags and categories are those that COMMAND INFO of redis-server 7.0.15 gives (SETINFO: 7.2).
constexpr std::uint32_t kEntrance = kNoScript | kLoading | kStale | kFast | kNoAuth | kAllowBusy;
constexpr std::uint32_t kAnytime = kLoading | kStale;
constexpr std::uint32_t kOwn = kNoScript | kLoading | kStale;
constexpr std::uint32_t kOthers = kAdmin | kNoScript | kLoading | kStale;
constexpr std::uint32_t kListen = kPubsub | kNoScript | kLoading | kStale;
constexpr std::uint32_t kAsk = kPubsub | kLoading | kStale;

// The row of a container: stands for its subcommands in COMMAND, and is asked for itself only where a program has
// left all of them out.
void OnlyWithSubcommand(Server&, Client&, const Words& words, const base::Now&, resp::ReplyWriter& reply) {
  reply.Error(fmt::format("ERR unknown subcommand '{}'.", words.size() > 1 ? words[1].substr(0, 128) : ""));
}

void Help(Server& server, Client&, const Words& words, const base::Now&, resp::ReplyWriter& reply) {
  ReplyHelp(server.commands, base::ToLower(words[0]), reply);
}

constexpr std::uint32_t kRights = kAdmin | kNoScript | kLoading | kStale;
constexpr std::uint32_t kOpen = kNoScript | kLoading | kStale;

constexpr SessionCommand Acl(std::string_view name, int arity, std::uint32_t flags, std::string_view usage,
                             std::string_view summary, SessionHandler handler) {
  return {{name, arity, flags, {}, 0, "server", summary, usage}, handler};
}

constexpr std::array kCommands = {
    Acl("acl", -2, 0, "", "Who may do what", &OnlyWithSubcommand),
    Acl("acl|cat", -2, kOpen, "[<category>]", "List the categories, or the commands of one", &ShowCategories),
    Acl("acl|deluser", -3, kRights, "<username> [<username> ...]", "Remove users and close their connections",
        &DeleteUsers),
    Acl("acl|dryrun", -4, kRights, "<username> <command> [<arg> ...]",
        "Tell whether a user may run a command, without running it", &DryRun),
    Acl("acl|genpass", -2, kOpen, "[<bits>]", "Make up a password, of 256 bits unless told otherwise",
        &GeneratePassword),
    Acl("acl|getuser", 3, kRights, "<username>", "Show what a user may do", &GetUser),
    Acl("acl|help", 2, kAnytime, "", "Explain the subcommands", &Help),
    Acl("acl|list", 2, kRights, "", "Show all users as in a file of users", &ListUsers),
    Acl("acl|load", 2, kRights, "", "Take the users from the file of users", &LoadUsers),
    Acl("acl|log", -2, kRights, "[<count>|RESET]", "Show who was refused what, or forget it", &ShowRefusals),
    Acl("acl|save", 2, kRights, "", "Write the users into the file of users", &SaveUsers),
    Acl("acl|setuser", -3, kRights, "<username> [<rule> ...]", "Make a user, or change what one may do", &SetUser),
    Acl("acl|users", 2, kRights, "", "List the names of all users", &ShowUserNames),
    Acl("acl|whoami", 2, kOpen, "", "Tell the user of this connection", &WhoAmI),
    SessionCommand{
        {"hello", -1, kEntrance, {}, kCatConnection, "connection", "Agree on the protocol and introduce oneself"},
        &Hello},
    SessionCommand{{"auth", -2, kEntrance, {}, kCatConnection, "connection", "Prove who one is"}, &Auth},
    SessionCommand{{"ping", -1, kFast, {}, kCatConnection, "connection", "Ask for a sign of life"}, &Ping},
    SessionCommand{{"echo", 2, kFast | kAnytime, {}, kCatConnection, "connection", "Give the argument back"}, &Echo},
    SessionCommand{{"quit", -1, kEntrance, {}, kCatConnection, "connection", "Close the connection after the reply"},
                   &Quit},
    SessionCommand{{"reset", 1, kEntrance, {}, kCatConnection, "connection", "Make the connection as good as new"},
                   &Reset},
    SessionCommand{{"time", 1, kFast | kAnytime, {}, 0, "server", "Tell the server's wall clock"}, &Time},

    SessionCommand{{"command", -1, kAnytime, {}, kCatConnection, "server", "Describe all commands"}, &Command},
    SessionCommand{{"command|count", 2, kAnytime, {}, kCatConnection, "server", "Count the commands"}, &Command},
    SessionCommand{{"command|info",
                    -2,
                    kAnytime,
                    {},
                    kCatConnection,
                    "server",
                    "Describe the named commands, or all",
                    "[<command-name> ...]"},
                   &Command},
    SessionCommand{{"command|docs",
                    -2,
                    kAnytime,
                    {},
                    kCatConnection,
                    "server",
                    "Document the named commands, or all",
                    "[<command-name> ...]"},
                   &Command},
    SessionCommand{{"command|list",
                    -2,
                    kAnytime,
                    {},
                    kCatConnection,
                    "server",
                    "List the names of commands",
                    "[FILTERBY MODULE <module>|ACLCAT <category>|PATTERN <pattern>]"},
                   &Command},
    SessionCommand{{"command|getkeys",
                    -4,
                    kAnytime,
                    {},
                    kCatConnection,
                    "server",
                    "Tell which words of a command are keys",
                    "<full-command>"},
                   &Command},
    SessionCommand{{"command|getkeysandflags",
                    -4,
                    kAnytime,
                    {},
                    kCatConnection,
                    "server",
                    "Tell which words of a command are keys, and what it does with them",
                    "<full-command>"},
                   &Command},
    SessionCommand{{"command|help", 2, kAnytime, {}, kCatConnection, "server", "Explain the subcommands"}, &Help},

    SessionCommand{{"client", -2, 0, {}, 0, "connection", "What concerns the connections of clients"},
                   &OnlyWithSubcommand},
    SessionCommand{{"client|id", 2, kOwn, {}, kCatConnection, "connection", "Tell this connection's id"}, &GetClientId},
    SessionCommand{{"client|info", 2, kOwn, {}, kCatConnection, "connection", "Describe this connection"},
                   &GetClientInfo},
    SessionCommand{{"client|list",
                    -2,
                    kOthers,
                    {},
                    kCatConnection,
                    "connection",
                    "Describe connections, one a line",
                    "[TYPE NORMAL|MASTER|REPLICA|PUBSUB] [ID <client-id> ...]"},
                   &ListClients},
    SessionCommand{{"client|kill",
                    -3,
                    kOthers,
                    {},
                    kCatConnection,
                    "connection",
                    "Close the connections that fit all options; SKIPME spares this one and is YES by default",
                    "<ip:port>|[ID <client-id>] [ADDR <ip:port>] [LADDR <ip:port>] "
                    "[TYPE NORMAL|MASTER|REPLICA|PUBSUB] [USER <username>] [SKIPME YES|NO]"},
                   &KillClient},
    SessionCommand{{"client|setname", 3, kOwn, {}, kCatConnection, "connection", "Name this connection", "<name>"},
                   &SetClientName},
    SessionCommand{{"client|getname", 2, kOwn, {}, kCatConnection, "connection", "Tell this connection's name"},
                   &GetClientName},
    SessionCommand{{"client|setinfo",
                    4,
                    kOwn,
                    {},
                    kCatConnection,
                    "connection",
                    "Tell the server which client library this is",
                    "LIB-NAME|LIB-VER <value>"},
                   &SetClientInfo},
    SessionCommand{{"client|reply",
                    3,
                    kOwn,
                    {},
                    kCatConnection,
                    "connection",
                    "Choose whether replies are sent on this connection",
                    "ON|OFF|SKIP"},
                   &SetClientReplies},
    SessionCommand{{"client|no-evict",
                    3,
                    kOthers,
                    {},
                    kCatConnection,
                    "connection",
                    "Spare this connection when clients are evicted",
                    "ON|OFF"},
                   &SetClientNoEvict},
    SessionCommand{{"client|help", 2, kAnytime, {}, kCatConnection, "connection", "Explain the subcommands"}, &Help},

    SessionCommand{{"subscribe", -2, kListen, {}, 0, "pubsub", "Listen to channels"}, &Subscribe},
    SessionCommand{{"unsubscribe", -1, kListen, {}, 0, "pubsub", "Stop listening to channels"}, &Unsubscribe},
    SessionCommand{{"psubscribe", -2, kListen, {}, 0, "pubsub", "Listen to all channels that match patterns"},
                   &SubscribePatterns},
    SessionCommand{{"punsubscribe", -1, kListen, {}, 0, "pubsub", "Stop listening to patterns"}, &UnsubscribePatterns},
    SessionCommand{{"ssubscribe", -2, kListen, {1, -1, 1}, 0, "pubsub", "Listen to shard channels"}, &SubscribeShards},
    SessionCommand{{"sunsubscribe", -1, kListen, {1, -1, 1}, 0, "pubsub", "Stop listening to shard channels"},
                   &UnsubscribeShards},
    SessionCommand{{"publish", 3, kAsk | kFast | kMayReplicate, {}, 0, "pubsub", "Say something on a channel"},
                   &Publish},
    SessionCommand{
        {"spublish", 3, kAsk | kFast | kMayReplicate, {1, 1, 1}, 0, "pubsub", "Say something on a shard channel"},
        &PublishShard},

    SessionCommand{{"pubsub", -2, 0, {}, 0, "pubsub", "Who listens to what"}, &OnlyWithSubcommand},
    SessionCommand{
        {"pubsub|channels", -2, kAsk, {}, 0, "pubsub", "List the channels that somebody listens to", "[<pattern>]"},
        &ListChannels},
    SessionCommand{{"pubsub|numsub",
                    -2,
                    kAsk,
                    {},
                    0,
                    "pubsub",
                    "Count the listeners of channels, patterns left out",
                    "[<channel> ...]"},
                   &CountSubscribers},
    SessionCommand{{"pubsub|numpat", 2, kAsk, {}, 0, "pubsub", "Count the patterns that somebody listens to"},
                   &CountPatterns},
    SessionCommand{{"pubsub|shardchannels",
                    -2,
                    kAsk,
                    {},
                    0,
                    "pubsub",
                    "List the shard channels that somebody listens to",
                    "[<pattern>]"},
                   &ListShardChannels},
    SessionCommand{{"pubsub|shardnumsub",
                    -2,
                    kAsk,
                    {},
                    0,
                    "pubsub",
                    "Count the listeners of shard channels",
                    "[<shardchannel> ...]"},
                   &CountShardSubscribers},
    SessionCommand{{"pubsub|help", 2, kAnytime, {}, 0, "pubsub", "Explain the subcommands"}, &Help},
};

}  // namespace

std::span<const SessionCommand> SessionCommands() {
  return kCommands;
}

}  // namespace serve
