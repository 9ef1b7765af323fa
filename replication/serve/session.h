// The commands about the connection itself, the same in both programs: HELLO, AUTH, PING, CLIENT, COMMAND, SUBSCRIBE
// ...
#pragma once

#include <functional>
#include <span>
#include <string>

#include "replication/base/time.h"
#include "replication/serve/access.h"
#include "replication/serve/client.h"
#include "replication/serve/command_row.h"
#include "replication/serve/permission.h"
#include "replication/serve/pubsub.h"

namespace serve {

// What a RESP server of ours is made of, whatever it serves.
struct Server {
  // HELLO's answer.
  std::string mode = "standalone";  // or "sentinel"
  std::string role;                 // "master" or "replica"; empty: HELLO has no such field (sentinel)

  Clients clients;
  PubSub pubsub{clients};
  Access access;
  CommandTable commands;

  // The file of users (aclfile), when there is one. It is small and asked for by operators only, so ACL LOAD and SAVE
  // wait for the disk.
  struct UserFile {
    std::string path;  // for messages
    std::function<base::Result<std::string>()> read;
    std::function<base::Result<void>(std::string_view text)> write;
  };
  UserFile user_file;
  // Unpredictable bytes, for ACL GENPASS.
  std::function<std::string(std::size_t count)> entropy;

  Server() = default;
  Server(const Server&) = delete;  // pubsub refers to clients
  Server& operator=(const Server&) = delete;
};

// SUBSCRIBE and its family answer into client.out, where `reply` must end too.
using SessionHandler = void (*)(Server& server, Client& client, const Words& words, const base::Now& now,
                                resp::ReplyWriter& reply);
struct SessionCommand {
  CommandRow row;
  SessionHandler handler;
};

// The rows to put into a program's table; both programs may leave some out (a sentinel has no PUBSUB).
std::span<const SessionCommand> SessionCommands();

// The checks before any command: authentication, the user's rights, then what a RESP2 client in subscriber mode may do.
// Empty: go on; otherwise the reply's text ("NOAUTH Authentication required."). A refusal of rights is logged.
std::string MayRun(Server& server, Client& client, const CommandTable::Entry& entry, const Words& words,
                   const base::Now& now);

// The rights alone, once more, for a command that was queued in a transaction. Empty, or the reply's text.
std::string MayStillRun(Server& server, Client& client, const CommandTable::Entry& entry, const Words& words,
                        const base::Now& now);

const User& UserOf(const Server& server, const Client& client);

// A client has just come: it needs no AUTH where none is asked for, whatever is set later.
void Welcome(const Server& server, Client& client);

// Reads the file of users and puts its users in the place of all others; clients of users that are gone or changed are
// closed, `self` excepted, which is closed after its reply. Error kInvalid or kIo: nothing has changed.
base::Result<void> LoadUserFile(Server& server, Client* self);

// Puts `users` in the place of all, closing as LoadUserFile does.
void ReplaceUsers(Server& server, Access::Users users, Client* self);

// To be called after each command, with the length that client.out had before it: CLIENT REPLY OFF and SKIP take the
// reply back.
void TakeBackReply(Client& client, std::size_t length_before);

// One line of CLIENT LIST, without newline.
// Source: the CLIENT LIST documentation; field order as a running redis-server 7.0 prints it. Fields about memory and
// buffers that only the edge knows are 0, fd is -1; lib-name and lib-ver follow once CLIENT SETINFO has set them.
std::string DescribeClient(const Client& client, const base::Now& now);

// CLIENT KILL's and CLIENT LIST's filters over clients that the program holds. Kills all but `self` when skip_me.
// Returns how many are now closing.
struct KillFilter {
  ClientId id = 0;        // 0: any
  std::string_view addr;  // empty: any
  std::string_view laddr;
  std::string_view user;
  std::string_view type;  // normal, replica, slave, master, pubsub
  bool skip_me = true;
};
std::int64_t KillClients(Server& server, Client* self, const KillFilter& filter);

}  // namespace serve
