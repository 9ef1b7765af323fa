// Everything that a sentinel knows. Plain data: the functions that change it are in the files named for what they do.
#pragma once

#include <algorithm>
#include <array>
#include <deque>
#include <functional>
#include <initializer_list>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "replication/base/boxed.h"
#include "replication/base/ids.h"
#include "replication/base/random.h"
#include "replication/base/time.h"
#include "replication/serve/session.h"
#include "sentinel/core/claim.h"
#include "sentinel/core/decision.h"
#include "sentinel/core/handover_state.h"
#include "sentinel/core/info_report.h"
#include "sentinel/core/link.h"
#include "sentinel/core/member_state.h"
#include "sentinel/core/rights_state.h"
#include "sentinel/core/scripts.h"
#include "sentinel/core/timers.h"

namespace sentinel {

// What answers and silence say of one watched thing.
struct Liveness {
  base::MonoTime proof_at{};  // the last proof of life: +PONG, -LOADING, -MASTERDOWN; creation at first
  std::optional<base::MonoTime> waiting_since;  // when the oldest PING without acceptable answer was sent
  std::optional<base::MonoTime> pinged_at;      // the last PING sent
  std::optional<base::MonoTime> answered_at;    // the last answer of any sort to a PING
  std::optional<base::MonoTime> down_since;     // subjectively down
  bool script_kill_sent = false;
  bool down() const { return down_since.has_value(); }
};

// Why a master counts as down here. Only silence is weighed against its replicas' testimony (A9).
enum class DownCause : std::uint8_t {
  kNone,
  kSilence,
  kErrors,   // it answers PING, with errors that are no proof of life: MISCONF, BUSY, NOAUTH
  kRefused,  // its port refuses connections: fast-fail
  kRoleMismatch,
  kReboot,
  kEmptied,  // it came back with less than its replicas hold (A8)
};

// A master or a replica: two connections, INFO, hello.
struct DataNode {
  InstanceId id = InstanceId::kNone;
  base::Endpoint address;  // numeric host
  std::string hostname;    // as announced or configured, when it was a name

  Link command{LinkKind::kCommand};
  Link pubsub{LinkKind::kPubSub};
  Liveness liveness;

  InfoReport info;
  std::string info_text;                        // as received, for INFO-CACHE
  std::optional<base::MonoTime> info_at;        // when `info` arrived
  std::optional<base::MonoTime> info_asked_at;  // an INFO is under way since
  Role role_reported = Role::kUnknown;
  base::MonoTime role_reported_at{};             // since when it reports this role
  std::optional<base::MonoTime> hello_heard_at;  // any hello through this node, ours included
  std::optional<base::MonoTime> hello_sent_at;   // the last of ours that it acknowledged
  Conduct conduct;
  NameRecord name_record;
  Foreign foreign;
};

// Where a replica stands in the reconfiguration that follows a promotion.
enum class Reconfiguration : std::uint8_t { kNone, kSent, kInProgress, kDone };

struct Replica : DataNode {
  Reconfiguration reconfiguration = Reconfiguration::kNone;
  std::optional<base::MonoTime> reconfiguration_at;  // of the last change of it
  base::MonoTime master_changed_at{};                // since when INFO names this master
  base::MonoTime up_since{};                         // when it was last down, or first known

  // The two reads of a candidate (A5); both asked for after the master's `reads_since`. When offsets still move, they
  // are the last two of several.
  struct Read {
    base::MonoTime at{};
    InfoReport info;
  };
  base::Boxed<Read> first_read;
  base::Boxed<Read> second_read;

  // While its master is silent towards us (A9). `mark`: the read from which growth is counted.
  struct Witness {
    std::optional<base::MonoTime> mark_at;       // when that read was asked for
    base::Offset mark = -1;                      // slave_read_repl_offset then
    std::optional<base::MonoTime> testified_at;  // the later read of the last pair that showed growth
    std::optional<base::MonoTime> read_at;       // when the last read that has arrived was asked for
  };
  Witness witness;

  base::Boxed<FormerMaster> former;
};

// A promise given to a candidate. `candidate` is empty after a restart: the epoch alone prevents a second vote.
struct Vote {
  base::Epoch epoch;
  base::RunId candidate;
  ChangeNumber change = 0;  // durable from this change on
};

// What one peer last said of one master.
struct Opinion {
  bool down = false;
  std::optional<base::MonoTime> at;  // of its last answer or push
  std::optional<base::MonoTime> asked_at;
  std::uint64_t asking = 0;  // serial of the question that is under way; 0: none
  Vote vote;                 // as it told us; `change` has no meaning here
  // It finds the master's port refusing (fast-fail), since when, as it last said.
  std::optional<base::MonoTime> refused_at;
  // The address that it claims at our own config epoch, when that is another one than ours: told once (A11).
  base::Endpoint conflict;
  // How many sentinels vote for this master as it counts them, itself included. Only asked of stock ones, and only
  // while one that we have forgotten may still count there.
  std::optional<int> voters_there;
  std::optional<base::MonoTime> conflict_at;  // of its last such claim
};

// Another sentinel. One link serves all masters that we have in common.
struct Peer {
  InstanceId id = InstanceId::kNone;
  base::RunId run_id;
  base::Endpoint address;
  std::string hostname;
  Link command{LinkKind::kCommand};
  Liveness liveness;
  base::Millis down_after{30000};  // the shortest of the masters that it watches with us
  std::optional<base::MonoTime> hello_heard_at;
  // Extensions that it speaks, asked on every connection (A1). Empty: stock, or not known yet.
  std::set<std::string> words;
  bool words_asked = false;
  bool words_known = false;
  // What it was when we last knew: an unreachable one may be either.
  enum class Make : std::uint8_t { kUnknown, kOurs, kStock };
  Make make = Make::kUnknown;
  // It has said good-bye: its silence from then on is no alarm, until it has answered on a later connection.
  std::optional<base::MonoTime> left_at;
  Conduct conduct;
  NameRecord name_record;
  base::Epoch claimed_epoch;  // the newest that it named and that we did not believe (A11)
  bool ours() const { return !words.empty(); }
};

enum class Stage : std::uint8_t {
  kNone,
  kWaitStart,      // standing for election
  kSelectReplica,  // elected (or forced): waiting for the candidates' reads
  kSendPromotion,  // last look, then SLAVEOF NO ONE
  kWaitPromotion,  // until INFO says that it is a master
  kReconfigure,    // promoted and durable; the others are being re-pointed
  kUpdateConfig,   // the end of it
};
// "none", "wait_start", "select_slave" ...: the words of SENTINEL MASTER.
std::string_view StageWord(Stage stage);

// Some sentinels, each once. Smaller than a set where there are two of them for each master, nearly always empty.
class Voices {
 public:
  Voices() = default;
  Voices(std::initializer_list<base::RunId> ids) : ids_(ids) {}
  void insert(const base::RunId& id) {
    if (std::ranges::find(ids_, id) == ids_.end()) ids_.push_back(id);
  }
  std::size_t size() const { return ids_.size(); }
  bool empty() const { return ids_.empty(); }
  auto begin() const { return ids_.begin(); }
  auto end() const { return ids_.end(); }

 private:
  std::vector<base::RunId> ids_;
};

// A question to all peers whose answers are counted once: the last look (A4), a pre-vote (A3).
struct Poll {
  std::uint64_t serial = 0;  // 0: none is under way
  base::MonoTime asked_at{};
  base::Epoch epoch;
  Voices yes;
  Voices no;
  Voices not_yet;  // of a pre-vote: asked again in a moment
};

struct Failover {
  Stage stage = Stage::kNone;
  base::Epoch epoch;         // the epoch in which we stand
  std::uint64_t serial = 0;  // names the attempt in questions and answers; never reused
  bool forced = false;       // asked for by an operator: no election
  // The only candidate: of an operator's TO, or the one that a dead leader has promoted (A6b).
  base::Endpoint target;
  std::optional<base::MonoTime> deadline;  // of an operator's TIMEOUT: for what comes before the hand-over
  Handover handover;                       // of an operator's failover while the master works
  Mend mend = Mend::kNone;                 // we stand to bring to an end what another began
  bool settles = false;                    // not a failover: the winner says which of two addresses it is (A11)
  base::MonoTime started_at{};
  base::MonoTime stage_at{};
  InstanceId promoted = InstanceId::kNone;
  bool slaveof_sent = false;  // the irreversible command is out
  ChangeNumber change = 0;    // the durable change that the present stage rests on
  Poll last_look;
  base::Millis poll_delay{0};                 // between two INFOs to the promoted replica
  std::optional<base::MonoTime> answered_at;  // when the first candidate had answered twice
  bool waiting_announced = false;             // +failover-waiting-for-replicas has been said
  bool active() const { return stage != Stage::kNone; }
};

// Somebody else leads, or our vote is given away: until when we leave the field to them (A3).
struct Field {
  base::RunId leader;
  base::Epoch epoch;
  base::MonoTime until{};
  base::MonoTime since{};  // of its first claim: LEADING does not prolong it beyond failover-timeout
};

inline constexpr base::Millis kDefaultTestimonyTimeout{30000};

// What a silent master's replicas say for it (A9).
struct Testimony {
  std::optional<base::MonoTime> asked_at;  // the last round of reads; nothing while the master answers
  std::optional<base::MonoTime> seen_at;   // the first testimony in this silence: testimony-timeout counts from here
  bool announced = false;                  // +testimony-hold has been said
  bool spent = false;                      // testimony-timeout has passed in this silence
};

// An established connection to the master was lost, and its port refuses new ones (fast-fail).
struct Refusal {
  std::optional<base::MonoTime> since;      // without interruption
  std::optional<base::MonoTime> told_at;    // long enough: our peers were told so, last at this moment
  std::optional<base::MonoTime> agreed_at;  // a quorum of ours sees the same: the master counts as down
};

struct Master : DataNode {
  std::string name;
  int quorum = 1;
  base::Millis down_after{30000};
  base::Millis failover_timeout{180000};
  int parallel_syncs = 1;
  base::Millis reboot_down_after{0};                          // 0: off
  base::Millis fast_fail{0};                                  // 0: off
  base::Millis testimony_timeout = kDefaultTestimonyTimeout;  // 0: testimony is an event only
  bool offset_first = false;                                  // candidates are compared by offset before priority
  std::string auth_user;
  std::string auth_pass;
  std::string notification_script;
  std::string reconfig_script;
  std::map<std::string, std::string> renamed_commands;  // upper case -> what to send

  base::Epoch config_epoch;         // the version of `address`
  ChangeNumber address_change = 0;  // what an answer that names `address` rests on
  Vote vote;                        // ours
  // We may have voted up to this epoch and not know it: the election clock when we began to watch this master, by file
  // or by order.
  base::Epoch vote_floor;
  DownCause down_cause = DownCause::kNone;
  std::optional<base::MonoTime> objective_down_since;
  Testimony testimony;
  Refusal refusal;
  std::optional<base::MonoTime> reboot_seen_at;  // its run id changed, and it has not said +PONG since

  Failover failover;
  base::Boxed<Field> field;
  // Candidates are being read since then: objective down, or an operator's failover.
  std::optional<base::MonoTime> reads_since;
  // Who brought the present address, and when: while it lives, re-pointing the replicas is its business.
  base::RunId led_by;
  std::optional<base::MonoTime> switched_at;
  // What a leader of ours said that it promotes, until an address is agreed: a successor takes the same (A3).
  base::Endpoint led_replica;
  std::vector<base::MonoTime> recent_failovers;  // for the back-off from the third within 60 s on
  base::Millis retry_delay{0};                   // of a split election: doubles up to 10 s
  base::MonoTime stand_after{};                  // no attempt before: retry or back-off
  Poll pre_vote;
  Survey survey;
  base::Boxed<Restart> restart;
  EmptyMasterPolicy empty_master = EmptyMasterPolicy::kFailover;
  base::Boxed<Divergence> divergence;  // of the last former master that was demoted
  // The replica to which an attempt of ours that came to nothing has sent SLAVEOF NO ONE: it is re-pointed as soon
  // as the address of a newer epoch is known.
  base::Endpoint stray;

  Chronicle chronicle;  // what was decided, and why
  Pause pause;
  std::vector<Tombstone> forgotten;  // oldest first
  // Forgotten by peers, but alive or attached as far as we have heard: looked at again for some time.
  base::Boxed<std::vector<Tombstone>> forget_later;
  // Forgotten sentinels that a stock peer still counts: until SENTINEL RESET there our majority counts them too.
  int silent_voters = 0;
  // Until when the next failover is announced to be delayed: told once.
  std::optional<base::MonoTime> delay_told;
  bool replica_limit_told = false;
  bool sentinel_limit_told = false;
  // What a planned failover says to this master, or to the one that it has just replaced: on a link of its own, which
  // never carries a hello (A6). Its instance id leads here for as long as the link exists.
  Link steps{LinkKind::kSteps};
  InstanceId steps_id = InstanceId::kNone;
  base::Boxed<Settling> settling;
  bool classic_failover = false;  // `manual-failover classic`: a plain SENTINEL FAILOVER is not coordinated
  Mend mend = Mend::kNone;        // what somebody has to do here although the master answers (A6b)
  Rights rights;

  std::map<base::Endpoint, Replica> replicas;  // by announced address
  std::map<base::RunId, Opinion> sentinels;    // who else watches this master
};

// The periods that SENTINEL DEBUG shows and sets. Source: spec/sentinel.md 1.4.
struct Periods {
  base::Millis info{10000};
  base::Millis ping{1000};
  base::Millis ask{1000};
  base::Millis publish{2000};
  base::Millis default_down_after{30000};
  base::Millis default_failover_timeout{180000};
  base::Millis tilt_trigger{2000};
  base::Millis tilt_period{30000};
  base::Millis replica_reconf_timeout{10000};
  base::Millis min_link_reconnect{15000};
  base::Millis election_timeout{10000};
  base::Millis script_max_runtime{60000};
  base::Millis script_retry_delay{30000};
};

// What an instance id stands for. The pointers lead into the maps of the state, whose elements never move; whoever
// takes an element out of its map takes its id out of `instances` first.
struct InstanceRef {
  enum class Kind : std::uint8_t { kMaster, kReplica, kPeer };
  Kind kind = Kind::kMaster;
  Master* master = nullptr;    // kMaster, kReplica
  Replica* replica = nullptr;  // kReplica
  Peer* peer = nullptr;        // kPeer
};

inline constexpr std::string_view kDefaultHttpBind = "127.0.0.1";

struct State {
  explicit State(std::uint64_t seed) : random(seed) { server.mode = "sentinel"; }

  base::Random random;

  base::RunId my_id;
  ChangeNumber id_change = 0;  // what naming ourselves rests on: an id that is lost with a crash was never ours
  base::Epoch current_epoch;
  ChangeNumber epoch_change = 0;  // what a hello that names `current_epoch` rests on
  std::map<std::string, Master, std::less<>> masters;
  std::map<base::RunId, Peer> peers;

  // What we say about ourselves.
  std::uint16_t port = 26379;
  std::string announce_ip;  // empty: the local address of each link
  std::uint16_t announce_port = 0;
  bool resolve_hostnames = false;
  bool announce_hostnames = false;
  bool deny_scripts_reconfig = true;
  std::uint16_t http_port = 0;  // figures, health and state by HTTP; 0: nobody listens
  std::string http_bind{kDefaultHttpBind};
  std::string sentinel_user;
  std::string sentinel_pass;
  std::string config_path;  // for INFO
  std::string executable;
  std::int64_t process_id = 0;
  base::Now started{};
  Periods periods;

  // Durability (A10). A change of anything that the config file holds takes the next number.
  ChangeNumber newest_change = 0;
  ChangeNumber durable_change = 0;
  bool save_failing = false;
  std::set<std::string> finished;          // masters whose failover ends with this step: their address is switched last
  std::set<std::string> waiting_for_save;  // masters whose election waits for our own vote to be durable
  ChangeNumber NextChange() { return ++newest_change; }
  bool Durable(ChangeNumber change) const { return change <= durable_change; }

  // Both clocks as of the last step: they run side by side, unless one of them jumps.
  std::optional<base::Now> last_step;
  // Our own stalls: shown as TILT, never more than that.
  std::optional<base::MonoTime> tilt_since;
  std::uint64_t total_tilt = 0;

  bool check_invariants = false;  // after every step: for tests, O(state) each time

  Timers timers;
  std::optional<base::MonoTime> wake_at;  // what the edge was last told
  std::unordered_map<InstanceId, InstanceRef> instances;
  std::unordered_map<LinkId, InstanceId> links;  // which instance a live link belongs to
  std::uint64_t last_instance = 0;
  std::uint64_t last_link = 0;
  std::uint64_t last_serial = 0;

  serve::Server server;         // those who connected to us
  bool users_in_config = true;  // and not in a file of their own (aclfile)
  // SENTINEL SIMULATE-FAILURE: exit with code 99 at these moments of a failover that we lead.
  bool crash_after_election = false;
  bool crash_after_promotion = false;

  std::deque<ScriptJob> scripts;  // in the order in which they were queued

  // Announced in this step, and worth a line in a decision: master, event, payload (evidence.h).
  struct Remarkable {
    std::string master;
    std::string event;
    std::string payload;
  };
  std::vector<Remarkable> remarkable;
  // Masters whose decision waits for its address to be durable, to say how long that took.
  std::set<std::string> publishing;

  std::vector<RightsAsker> rights_askers;  // in the order in which they asked

  // Masters about which a hello waits for a save.
  std::set<std::string> hellos_owed;

  // What only the edge can know; empty in tests and in the simulator.
  std::function<bool(const std::string& path)> can_run;  // is this a script that may be executed?
  std::function<base::Result<std::string>(const std::string& path)> read_included;
  struct Machine {
    std::string system;  // "Linux 6.1.0-18-amd64 x86_64"
    std::size_t max_clients = 0;
    std::function<std::array<double, 6>()> cpu_seconds;  // sys, user, their children's sys, user, main thread's
  };
  Machine machine;
  struct Traffic {  // of those who connected to us
    std::uint64_t bytes_in = 0;
    std::uint64_t bytes_out = 0;
    std::uint64_t reads = 0;
    std::uint64_t writes = 0;
    std::uint64_t rejected = 0;  // beyond maxclients, or by protected mode
  };
  Traffic traffic;

  // Counters for INFO.
  std::uint64_t error_replies = 0;
  std::uint64_t commands_processed = 0;
  std::uint64_t connections_received = 0;
  std::uint64_t hellos_dropped = 0;     // malformed, or about a master that we do not watch
  std::uint64_t replicas_refused = 0;   // mentioned beyond kMaxReplicas
  std::uint64_t sentinels_refused = 0;  // introduced beyond kMaxSentinels
  std::uint64_t bad_replies = 0;        // too large, malformed, or asked for by nobody
  std::uint64_t auth_failures = 0;

  // We are leaving: good-byes that have not been acknowledged yet.
  std::optional<int> good_byes;
  std::optional<base::MonoTime> jump_announced_at;  // an epoch jump of somebody unknown (A11)
};

// Finding things; null when they are gone.
Master* FindMaster(State& state, std::string_view name);
const Master* FindMaster(const State& state, std::string_view name);
// The first master whose address this is; a promoted replica's does not count until the failover has ended.
Master* FindMasterByAddress(State& state, const base::Endpoint& address);
const Master* FindMasterByAddress(const State& state, const base::Endpoint& address);
Master* MasterOf(State& state, InstanceId id);  // of a master or replica
Replica* ReplicaOf(State& state, InstanceId id);
Peer* PeerOf(State& state, InstanceId id);
DataNode* DataNodeOf(State& state, InstanceId id);
Peer* FindPeer(State& state, const base::RunId& id);
const Peer* FindPeer(const State& state, const base::RunId& id);

// The address that clients should write to: the promoted replica's as soon as its promotion is ours to announce.
// `change` is what an answer that names it rests on.
struct CurrentAddress {
  base::Endpoint endpoint;
  ChangeNumber change = 0;
};
CurrentAddress AddressOf(const State& state, const Master& master);

}  // namespace sentinel
