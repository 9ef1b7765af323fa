// What clients subscribe to and operators read: event names, their levels and their payloads, to the letter.
//
// Source: spec/sentinel.md 1.8.
#pragma once

#include <string>
#include <string_view>

#include "replication/base/log.h"
#include "sentinel/core/action.h"
#include "sentinel/core/state.h"

namespace sentinel {

// The host to show for an address: its name when it has one and `announce-hostnames yes`.
const std::string& ShownHost(const State& state, const base::Endpoint& address, const std::string& hostname);
// What nodes are told to follow: the name, when names are announced.
base::Endpoint ShownEndpoint(const State& state, const DataNode& node);
// The same for an address of one of the master's nodes; of any other as it is.
base::Endpoint ShownEndpoint(const State& state, const Master& master, const base::Endpoint& address);
// "127.0.0.1:6380", "[::1]:6380": the name of a replica.
std::string ReplicaName(const State& state, const Replica& replica);

// `<type> <name> <ip> <port>`, and for replicas and peers ` @ <master> <ip> <port>`.
std::string Describe(const State& state, const Master& master);
std::string Describe(const State& state, const Master& master, const Replica& replica);
std::string Describe(const State& state, const Master& master, const Peer& peer);

// kWarning for the events that also run a notification script, kDebug for those that are only logged.
base::LogLevel LevelOf(std::string_view event);

// Logs the event and publishes it on the channel of its name, unless it is a debug one. `about` is the master whose
// notification script it concerns; null when it is tied to none. Subscribers hear it when `change` is durable.
// O(subscribers of that name + patterns).
void AnnounceEvent(State& state, const Master* about, std::string_view event, std::string_view payload,
                   ChangeNumber change, Actions& out);

// +switch-master, and the reconfiguration script. Both nodes are still what they were.
void AnnounceSwitch(State& state, const Master& master, SwitchRole role, const base::Endpoint& from,
                    const base::Endpoint& to, ChangeNumber change, Actions& out);

// A line for the log alone.
void LogNotice(Actions& out, std::string text);

}  // namespace sentinel
