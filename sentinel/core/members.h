// Who is watched: masters, their replicas, and the other sentinels.
//
// Source: spec/sentinel.md 1.2 (MONITOR, REMOVE, RESET), 2.10 (reset-and-change-address).
#pragma once

#include <string>
#include <string_view>

#include "replication/base/result.h"
#include "sentinel/core/action.h"
#include "sentinel/core/state.h"

namespace sentinel {

// Begins to watch what the settings named: gives ids to instances that have none, connects, sets deadlines. Start()
// calls it for every master that LoadSettings has put into the state: that code fills in plain fields only
// (name, address, hostname, epochs, replicas by address, sentinels by id, state.peers with their addresses).
void WatchMaster(State& state, Master& master, const base::Now& now, Actions& out);

// SENTINEL MONITOR: adds and watches a new master, announces +monitor, saves. The reply promises
// state.newest_change. Errors carry the text of the reply: "ERR Duplicate master name." and the like.
struct NewMaster {
  std::string name;
  base::Endpoint address;  // numeric
  std::string hostname;    // when it was given as a name
  int quorum = 1;
};
base::Result<Master*> AddMaster(State& state, const NewMaster& wanted, const base::Now& now, Actions& out);

// SENTINEL REMOVE: announces -monitor, forgets the master, its replicas, and the peers that watch nothing else with
// us; saves. `master` is gone afterwards.
void RemoveMaster(State& state, Master& master, Actions& out);

// SENTINEL RESET of one master: forgets replicas, peers, tombstones and any failover in progress, reconnects, announces
// +reset-master. Does not save (as stock); what it forgot is saved with the next change.
void ResetMaster(State& state, Master& master, const base::Now& now, Actions& out);

// Adds a replica learned from INFO (or the old master after a switch): announces +slave, saves. Null when it is
// known already.
Replica* AddReplica(State& state, Master& master, const base::Endpoint& address, const base::Now& now, Actions& out);

// Adds another sentinel of `master`, learned from a hello: announces nothing, saves; the caller says what it was.
Peer& AddPeer(State& state, Master& master, const base::RunId& id, const base::Endpoint& address, const base::Now& now,
              Actions& out);
// Forgets a peer under one master; closes its link when that was the last one.
void RemovePeer(State& state, Master& master, const base::RunId& id, Actions& out);

// Forgets a replica that is not being promoted. Nothing when it is not known.
void RemoveReplica(State& state, Master& master, const base::Endpoint& address, Actions& out);

// down-after-milliseconds and the like have changed: deadlines are computed afresh.
void SettingsChanged(State& state, Master& master, const base::Now& now, Actions& out);
// auth-pass, auth-user (of a master) or sentinel-user, sentinel-pass (null) have changed: the connections
// concerned are made anew.
void CredentialsChanged(State& state, Master* master, const base::Now& now, Actions& out);

// Installs the address that a finished failover or a newer configuration gives: the old master becomes a replica,
// replicas are watched afresh, the failover is over, a dead old master stays down. Announces the replicas (+slave); the
// caller has announced +switch-master. `leader` brought it; `change` is what an answer that names the new address rests
// on.
void SwitchAddress(State& state, Master& master, const base::Endpoint& to, const base::RunId& leader,
                   ChangeNumber change, const base::Now& now, Actions& out);

}  // namespace sentinel
