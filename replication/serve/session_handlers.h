// The handlers behind session_rows.cc. Not for others.
#pragma once

#include "replication/serve/session.h"

namespace serve {

using Handler = void(Server& server, Client& client, const Words& words, const base::Now& now,
                     resp::ReplyWriter& reply);

// session.cc
Handler Hello, Auth, Ping, Echo, Quit, Reset, Time, Command;

// session_clients.cc
Handler GetClientId, GetClientInfo, ListClients, KillClient, SetClientName, GetClientName, SetClientInfo,
    SetClientReplies, SetClientNoEvict;

// session_acl.cc
Handler SetUser, GetUser, DeleteUsers, ListUsers, ShowUserNames, WhoAmI, ShowCategories, DryRun, GeneratePassword,
    ShowRefusals, LoadUsers, SaveUsers;

// session_pubsub.cc
Handler Subscribe, Unsubscribe, SubscribePatterns, UnsubscribePatterns, SubscribeShards, UnsubscribeShards, Publish,
    PublishShard, ListChannels, CountSubscribers, CountPatterns, ListShardChannels, CountShardSubscribers;

// Notes in ACL LOG that `client` was refused.
void LogRefusal(Server& server, const Client& client, std::string_view reason, std::string_view object,
                std::string_view user, const base::Now& now);

// Gives the client a name; an empty one takes it away. False, with the error replied, when it holds spaces or special
// characters: it is printed in the lines of CLIENT LIST.
bool Rename(Client& client, std::string_view name, resp::ReplyWriter& reply);

// SORT's patterns lead to keys that no one can name before: only who may read all keys may use them. Empty, or the
// reply's text.
std::string_view WhyNotBeyondItsKeys(const User& user, const CommandRow& row, const Words& words);

}  // namespace serve
