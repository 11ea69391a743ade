// Scripts of experiments.
#include "cli/chaos/experiment.hpp"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <stdexcept>

namespace echelon::cli {
namespace {

class reader {
public:
  explicit reader(std::string path) : path_(std::move(path)) {}

  [[noreturn]] void fail(const YAML::Mark& at, const std::string& text) const {
    throw std::runtime_error(fmt::format("{}:{}:{}: {}", path_, at.line + 1, at.column + 1, text));
  }

  /// `node` is a map of no other keys than these.
  void check(const YAML::Node& node, const std::set<std::string>& keys) const {
    if (!node.IsMap()) fail(node.Mark(), "this must be a map");
    for (const auto& x : node) {
      const auto key = x.first.as<std::string>("");
      if (keys.count(key) == 0)
        fail(x.first.Mark(), fmt::format("unknown key '{}'; there are: {}", key,
                                         fmt::join(keys.begin(), keys.end(), ", ")));
    }
  }

  template <class T>
  void number(const YAML::Node& in, const char* key, T& to, double least, double most) const {
    const auto node = in[key];
    if (!node) return;
    double value = 0;
    if (!YAML::convert<double>::decode(node, value) || !(value >= least && value <= most)
        || (std::is_integral_v<T> && value != std::floor(value)))
      fail(node.Mark(), fmt::format("{} must be a {}number from {} to {}", key,
                                    std::is_integral_v<T> ? "whole " : "", least, most));
    to = static_cast<T>(value);
  }

  const fault_kind* fault(const YAML::Node& node) const {
    const auto name = node.IsScalar() ? node.as<std::string>() : std::string{};
    const auto* const found = find_fault(name);
    if (found != nullptr) return found;
    std::string all;
    for (const auto& x : fault_kinds())
      all += (all.empty() ? "" : ", ") + std::string{x.name};
    fail(node.Mark(), fmt::format("unknown fault '{}'; there are: {}", name, all));
  }

  strike read_strike(const YAML::Node& node) const {
    check(node, {"amount", "at", "fault", "for", "subject"});
    strike x;
    if (!node["at"] || !node["fault"]) fail(node.Mark(), "a strike needs at and fault");
    x.what = fault(node["fault"]);
    x.amount = x.what->usual;
    x.length = x.what->lasts ? 1 : 0;
    number(node, "at", x.at, 0, 1e6);
    number(node, "amount", x.amount, 0, 1e6);
    if (node["for"] && !x.what->lasts)
      fail(node["for"].Mark(), fmt::format("{} does not last", x.what->name));
    number(node, "for", x.length, 0.001, x.what->name == "pause" ? 60 : 1e6);
    if (const auto subject = node["subject"]; subject && subject.IsScalar())
      x.subject = subject.as<std::string>();
    if (x.subject.empty() != (x.what->who == victim::upstreams))
      fail(node.Mark(), x.subject.empty()
                            ? fmt::format("{} needs a subject: {}", x.what->name,
                                          x.what->who == victim::actor ? "the path of an actor"
                                                                       : "the name of a node")
                            : fmt::format("{} has no subject", x.what->name));
    return x;
  }

  void read(const YAML::Node& root, experiment& to) const {
    check(root, {"faults", "for", "full_disk", "max_restarts", "nodes", "rate", "seed", "strikes",
                 "times"});
    number(root, "for", to.seconds, 1, 1e6);
    number(root, "rate", to.rate, 0.1, 1e4);
    number(root, "nodes", to.nodes, 1, 9);
    number(root, "seed", to.seed, 0, 9e15);
    number(root, "times", to.times, 0, 1e6);
    number(root, "max_restarts", to.max_restarts, 0, 1e6);
    if (const auto x = root["full_disk"]; x && !YAML::convert<bool>::decode(x, to.full_disk))
      fail(x.Mark(), "full_disk must be true or false");
    if (const auto list = root["faults"]) {
      if (!list.IsSequence()) fail(list.Mark(), "faults must be a list");
      to.faults.clear();
      for (const auto& x : list)
        to.faults.emplace_back(fault(x)->name);
    }
    if (const auto list = root["strikes"]) {
      if (!list.IsSequence()) fail(list.Mark(), "strikes must be a list");
      for (const auto& x : list)
        to.strikes.push_back(read_strike(x));
    }
  }

private:
  std::string path_;
};

} // namespace

void read_script(const std::string& path, experiment& x) {
  const reader from{path};
  try {
    from.read(YAML::LoadFile(path), x);
  } catch (const YAML::BadFile&) {
    throw std::runtime_error(path + ": cannot be read; is there such a file?");
  } catch (const YAML::Exception& error) {
    from.fail(error.mark, error.msg);
  }
}

} // namespace echelon::cli
