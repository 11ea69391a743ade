// The subcommand `echelon chaos`.
#include "cli/chaos/run.hpp"
#include "cli/chaos/running.hpp"
#include "cli/chaos/stage.hpp"
#include "cli/commands.hpp"
#include "cli/descriptors.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <iostream>
#include <memory>
#include <stdexcept>

namespace echelon::cli {
namespace {

void write_file(const std::string& path, const std::string& text) {
  if (path.empty()) return;
  std::ofstream to{path};
  if (!(to << text).flush())
    throw std::runtime_error("cannot write " + path + "; is there room, and may we?");
}

experiment read(const chaos_options& options) {
  experiment x;
  if (!options.script.empty()) read_script(options.script, x);
  if (options.seconds > 0) x.seconds = options.seconds;
  if (options.rate > 0) x.rate = options.rate;
  if (options.nodes > 0) x.nodes = options.nodes;
  if (options.seed) x.seed = *options.seed;
  if (options.times) x.times = *options.times;
  if (!options.faults.empty()) x.faults = options.faults;
  x.full_disk = x.full_disk || options.full_disk;
  for (const auto& name : x.faults)
    if (find_fault(name) == nullptr) {
      std::string all;
      for (const auto& f : fault_kinds())
        all += (all.empty() ? "" : ", ") + std::string{f.name};
      throw std::runtime_error("unknown fault '" + name + "'; there are: " + all);
    }
  // Nothing is said: something of everything, about four in a second.
  if (x.strikes.empty() && x.times == 0)
    x.times = std::max<std::uint64_t>(1, static_cast<std::uint64_t>(x.seconds / 2));
  const bool elsewhere = !options.url.empty(), alone = x.nodes == 1;
  const auto in_a_node = [](const fault_kind& f) { return f.name != "drop"; };
  if (!elsewhere && alone)
    for (const auto& name : x.faults)
      if (!in_a_node(*find_fault(name)))
        throw std::runtime_error(name
                                 + " needs --nodes 2 or more: within one node no message is lost");
  if (x.faults.empty())
    for (const auto& f : fault_kinds()) {
      const bool possible = (f.who == victim::actor && (in_a_node(f) || (!elsewhere && !alone)))
                            || (!elsewhere && (f.who == victim::upstreams || !alone))
                            || (!elsewhere && f.name == "descriptors");
      if (possible) x.faults.emplace_back(f.name);
    }
  const auto actors_only = [](const fault_kind* f) { return f->who == victim::actor; };
  if (elsewhere
      && !(std::all_of(x.faults.begin(), x.faults.end(),
                       [&](const auto& f) { return actors_only(find_fault(f)); })
           && std::all_of(x.strikes.begin(), x.strikes.end(),
                          [&](const auto& s) { return actors_only(s.what); })))
    throw std::runtime_error("of a router by --url only actors can be struck; nodes and upstreams "
                             "are struck where `echelon chaos` starts them itself");
  if (elsewhere && options.targets.empty())
    throw std::runtime_error("--url needs --target: what is to be asked of that router");
  return x;
}

} // namespace

int chaos(const chaos_options& options) {
  std::signal(SIGPIPE, SIG_IGN);
  raise_descriptor_limit();
  try {
    const auto of = read(options);
    chaos_report report;
    if (options.url.empty()) {
      stage own{of};
      report = run_experiment(of, own);
      if (const auto wrong = own.close(); !wrong.empty()) report.complaints.push_back(wrong);
    } else {
      running_router there{options.url, options.token, options.targets};
      report = run_experiment(of, there);
    }
    constexpr auto replace = nlohmann::json::error_handler_t::replace;
    write_file(options.json, chaos_json(report).dump(2, ' ', false, replace) + '\n');
    write_file(options.html, chaos_html(report));
    write_file(options.svg, chaos_svg(report));
    std::cout << chaos_text(report);
    return report.good() ? 0 : 1;
  } catch (const std::exception& error) {
    std::cerr << "echelon chaos: " << error.what() << '\n';
    return 2;
  }
}

} // namespace echelon::cli
