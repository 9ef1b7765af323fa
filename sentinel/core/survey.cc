#include "sentinel/core/survey.h"

#include <fmt/format.h>

#include <algorithm>

#include "replication/base/text.h"
#include "sentinel/core/conflict.h"
#include "sentinel/core/extensions.h"
#include "sentinel/core/hello.h"
#include "sentinel/core/links.h"
#include "sentinel/core/names.h"
#include "sentinel/core/numeric_host.h"
#include "sentinel/core/quorum.h"
#include "sentinel/core/roles.h"

namespace sentinel {
namespace {

using Kind = ReplyValue::Kind;

void AskOne(State& state, Master& master, Peer& peer, Actions& out) {
  Link& link = peer.command;
  if (!link.up() || link.pending >= kMaxPending) return;
  const std::uint64_t serial = master.survey.serial;
  if (peer.words.contains(std::string(kConfiguration))) {
    SendOne(link, Command{Request::kSurvey, master.name, serial, {"SENTINEL", "CONFIGURATION", master.name}}, 0, out);
    return;
  }
  SendOne(link, Command{Request::kSurveyMaster, master.name, serial, {"SENTINEL", "MASTER", master.name}}, 0, out);
  SendOne(link, MakeQuestion(state, master, Request::kSurveyVote, serial, base::Epoch{}, true), 0, out);
}

std::optional<base::Epoch> EpochOf(const ReplyValue& value) {
  if (value.kind == Kind::kInteger && value.integer >= 0) {
    return base::Epoch{static_cast<std::uint64_t>(value.integer)};
  }
  const auto number = base::ParseInt<std::uint64_t>(value.text);
  if (value.kind != Kind::kString || !number) return std::nullopt;
  return base::Epoch{*number};
}

// [ip, port, config epoch, vote epoch, reaches]
bool TakeOurs(const ReplyValue& reply, SurveyAnswer& answer) {
  if (reply.kind != Kind::kArray || reply.elements.size() < 5) return false;
  const auto port = base::ParsePort(reply.elements[1].text);
  const auto config = EpochOf(reply.elements[2]);
  const auto vote = EpochOf(reply.elements[3]);
  if (!port || !config || !vote || reply.elements[0].text.empty()) return false;
  answer.address = base::Endpoint{CanonicalHost(reply.elements[0].text), *port};
  answer.config_epoch = *config;
  answer.vote_epoch = *vote;
  answer.reaches = reply.elements[4].kind == Kind::kInteger && reply.elements[4].integer == 1;
  answer.config_known = answer.vote_known = true;
  return true;
}

// "field value field value ..." of a stock sentinel.
bool TakeStock(const ReplyValue& reply, SurveyAnswer& answer) {
  if (reply.kind != Kind::kArray) return false;
  std::string flags, role;
  bool epoch_known = false;
  for (std::size_t i = 0; i + 1 < reply.elements.size(); i += 2) {
    const std::string& field = reply.elements[i].text;
    const std::string& value = reply.elements[i + 1].text;
    if (field == "ip") answer.address.host = CanonicalHost(value);
    if (field == "port") answer.address.port = base::ParsePort(value).value_or(0);
    if (field == "flags") flags = value;
    if (field == "role-reported") role = value;
    if (field == "config-epoch") {
      const auto epoch = EpochOf(reply.elements[i + 1]);
      if (!epoch) return false;
      answer.config_epoch = *epoch;
      epoch_known = true;
    }
  }
  if (answer.address.empty() || !epoch_known) return false;
  // While it leads, a stock sentinel shows the old address beside the new config epoch.
  answer.settled = flags.find("failover_in_progress") == std::string::npos;
  answer.reaches =
      role == "master" && flags.find("s_down") == std::string::npos && flags.find("disconnected") == std::string::npos;
  answer.config_known = true;
  return true;
}

}  // namespace

void BeginSurvey(State& state, Master& master, const base::Now& now, Actions& out) {
  master.survey = Survey{};
  master.survey.serial = ++state.last_serial;
  master.survey.asked_at = now.mono;
  for (const auto& [id, opinion] : master.sentinels) {
    if (Peer* peer = FindPeer(state, id)) AskOne(state, master, *peer, out);
  }
}

void TakeSurvey(State& state, Peer& peer, const Command& asked, const ReplyValue& reply, const base::Now& now,
                Actions& out) {
  Master* master = FindMaster(state, asked.master);
  if (master == nullptr || master->survey.serial != asked.serial) return;
  const auto opinion = master->sentinels.find(peer.run_id);
  if (opinion == master->sentinels.end()) return;
  SurveyAnswer& answer = master->survey.answers[peer.run_id];
  bool understood = false;
  if (asked.request == Request::kSurvey) {
    understood = TakeOurs(reply, answer);
  } else if (asked.request == Request::kSurveyMaster) {
    understood = TakeStock(reply, answer);
  } else if (const auto vote = ParseAnswer(reply)) {
    answer.vote_epoch = vote->epoch;
    answer.vote_known = understood = true;
  }
  if (!understood || !answer.complete()) return;
  // Like a hello's: what could not be a host comes to stand nowhere, and a name stands for the node that we know by it.
  if (!MayBeHost(state, answer.address.host)) {
    master->survey.answers.erase(peer.run_id);
    return;
  }
  answer.address = KnownAs(*master, answer.address);
  const base::Endpoint current = AddressOf(state, *master).endpoint;
  if (answer.settled && answer.config_epoch > master->config_epoch) {
    Hello hello;
    hello.run_id = peer.run_id;
    hello.master_name = master->name;
    hello.master = answer.address;
    hello.config_epoch = answer.config_epoch;
    if (BelieveEpoch(state, peer.run_id, answer.config_epoch, now, out)) {
      TakeConfiguration(state, *master, opinion->second, hello, now, out);
      if (hello.master != current) return;  // another address: what was asked about is no more
    }
  }
  for (auto& [address, replica] : master->replicas) {
    if (replica.former) CorrectReplica(state, *master, replica, now, out);
  }
  SurveyOfConflict(state, *master, now, out);
}

AddressAgreement AgreementOn(const State& state, const Master& master) {
  AddressAgreement agreement;
  agreement.newer_vote = master.vote.epoch > master.config_epoch;
  const base::Endpoint current = AddressOf(state, master).endpoint;
  for (const auto& [id, answer] : master.survey.answers) {
    if (!answer.complete() || !master.sentinels.contains(id)) continue;
    agreement.newer_vote |= answer.vote_epoch > master.config_epoch;
    const bool agrees = answer.settled && answer.address == current;
    agreement.agree += agrees && answer.config_epoch >= master.config_epoch;
  }
  return agreement;
}

OwnConfiguration ConfigurationOf(const State& state, const Master& master) {
  const CurrentAddress address = AddressOf(state, master);
  OwnConfiguration own;
  own.answer.address = address.endpoint;
  own.answer.config_epoch = master.config_epoch;
  own.answer.vote_epoch = master.vote.epoch;
  const bool published = address.endpoint != master.address;  // a promoted replica: it was seen as a master
  own.answer.reaches = published || (!master.liveness.down() && master.command.up() && master.info_at &&
                                     master.role_reported == Role::kMaster);
  own.answer.config_known = own.answer.vote_known = true;
  own.change = std::max({address.change, master.address_change, master.vote.change});
  return own;
}

}  // namespace sentinel
