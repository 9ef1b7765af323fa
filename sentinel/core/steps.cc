#include "sentinel/core/steps.h"

#include <utility>

#include "sentinel/core/links.h"

namespace sentinel {

void OpenSteps(State& state, Master& master, const base::Now& now, Actions& out) {
  Link& link = master.steps;
  if (link.stage != Link::Stage::kDown || master.address.host.empty()) return;
  if (master.steps_id == InstanceId::kNone) {
    master.steps_id = InstanceId{++state.last_instance};
    state.instances[master.steps_id] = InstanceRef{InstanceRef::Kind::kMaster, &master, nullptr, nullptr};
  }
  link.id = LinkId{++state.last_link};
  link.stage = Link::Stage::kConnecting;
  link.attempted_at = now.mono;
  state.links[link.id] = master.steps_id;
  out.push_back(Connect{link.id, link.kind, master.address});
}

void CloseSteps(State& state, Master& master, Actions& out) {
  if (master.steps_id == InstanceId::kNone) return;
  if (master.steps.stage != Link::Stage::kDown) {
    out.push_back(Disconnect{master.steps.id});
    state.links.erase(master.steps.id);
  }
  state.timers.CancelAll(master.steps_id);
  state.instances.erase(master.steps_id);
  master.steps_id = InstanceId::kNone;
  master.steps = Link{LinkKind::kSteps};
}

bool SayStep(State& /*state*/, Master& master, StepKind step, std::vector<std::string> words, ChangeNumber change,
             const base::Now& now, Actions& out) {
  if (!master.steps.up()) return false;
  Handover& handover = master.failover.handover;
  ++handover.open;
  if (!handover.silent_since) handover.silent_since = now.mono;
  SendOne(master.steps, Command{Request::kStep, master.name, static_cast<std::uint64_t>(step), std::move(words)},
          change, out);
  return true;
}

void SayIgnored(State& /*state*/, Master& master, std::vector<std::string> words, ChangeNumber change, Actions& out) {
  if (!master.steps.up()) return;
  SendOne(master.steps, Command{Request::kIgnored, master.name, 0, std::move(words)}, change, out);
}

bool HelloWithheld(const Master& master, const Watched& to) {
  if (to.is_master() && master.failover.handover.running()) return true;
  return master.settling && master.settling->node == to.id && master.steps.up();
}

}  // namespace sentinel
