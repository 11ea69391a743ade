// router_settings and litellm_settings, and how a section is read.
#include "cli/import/litellm_reader.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace echelon::cli::litellm {

using config::yaml_node;
using config::yaml_ptr;

yaml_ptr section::take(const std::string& key) {
  known_.insert(key);
  if (node_->is != yaml_node::kind::map) return nullptr;
  for (const auto& [name, value] : node_->entries)
    if (name->text == key && value->is != yaml_node::kind::null) return value;
  return nullptr;
}

config::place section::where(const std::string& key) const {
  for (const auto& [name, value] : node_->entries)
    if (name->text == key) return name->at;
  return node_->at;
}

std::string section::text(const std::string& key) {
  const auto x = take(key);
  return x && x->is == yaml_node::kind::scalar ? x->text : std::string{};
}

std::optional<double> section::number(const std::string& key) {
  const auto value = text(key);
  if (value.empty()) return std::nullopt;
  char* end = nullptr;
  const double x = std::strtod(value.c_str(), &end);
  if (*end == '\0' && std::isfinite(x) && x >= 0) return x;
  out_.warn(where(key), "not-mapped", name_ + '.' + key + " is no number; left out");
  return std::nullopt;
}

std::optional<std::int64_t> section::whole(const std::string& key) {
  const auto x = number(key);
  if (!x) return std::nullopt;
  if (*x >= 1 && *x <= 2147483647) return static_cast<std::int64_t>(*x);
  out_.warn(where(key), "not-mapped", name_ + '.' + key + " is out of range; left out");
  return std::nullopt;
}

std::string section::reference(const std::string& key) {
  constexpr std::string_view prefix = "os.environ/";
  const auto value = text(key);
  if (value.rfind(prefix, 0) != 0) return value;
  return "${" + value.substr(prefix.size()) + '}';
}

std::string section::secret(const std::string& key, const std::string& variable) {
  const auto value = reference(key);
  if (value.empty() || value.rfind("${", 0) == 0) return value;
  out_.warn(where(key), "plain-secret",
            name_ + '.' + key + " holds a secret in plain, which is not taken over: set " + variable
                + " in the environment");
  return "${" + variable + '}';
}

void section::ignore(std::initializer_list<const char*> keys) {
  known_.insert(keys.begin(), keys.end());
}

void section::finish() {
  if (node_->is != yaml_node::kind::map) {
    out_.warn(node_->at, "not-mapped", name_ + " is no map; left out");
    return;
  }
  for (const auto& [name, value] : node_->entries)
    if (known_.count(name->text) == 0)
      out_.warn(name->at, "not-mapped",
                (name_.empty() ? "" : name_ + '.') + name->text
                    + " has no counterpart and is left out");
}

namespace {

class settings_reader {
public:
  settings_reader(section& in, proxy& to, config::diagnostics& out) : in_(in), to_(to), out_(out) {}

  /// `[{a: [b, c]}, ...]`, to `list` of each group.
  void fallbacks(const char* key, std::vector<std::string> model_group::*list) {
    const auto node = in_.take(key);
    if (!node) return;
    for (const auto& item : node->items)
      for (const auto& [from, all] : item->entries) {
        auto* group = find(from->text);
        if (group == nullptr) {
          missing(*from);
          continue;
        }
        for (const auto& x : all->items)
          add(*group, *x, list);
      }
  }

  /// `[a, b]`: after its own, every group goes on to these.
  void defaults(const char* key) {
    const auto node = in_.take(key);
    if (!node) return;
    for (const auto& x : node->items)
      for (auto& group : to_.groups)
        if (group.name != group_name(x->text)) add(group, *x, &model_group::fallbacks);
  }

  void aliases() {
    const auto node = in_.take("model_group_alias");
    if (!node) return;
    for (const auto& [name, value] : node->entries) {
      const auto* target = value.get();
      for (const auto& [key, inner] : value->entries)
        if (key->text == "model") target = inner.get();
      const auto as = group_name(name->text);
      if (find(target->text) == nullptr)
        missing(*target);
      else if (find(as) != nullptr || as.empty())
        out_.warn(name->at, "not-mapped", "the alias '" + as + "' is the name of a group already");
      else
        to_.aliases[as] = group_name(target->text);
      if (as != name->text)
        out_.warn(name->at, "renamed", "the alias '" + name->text + "' becomes '" + as + "'");
    }
  }

private:
  model_group* find(const std::string& name) {
    for (auto& x : to_.groups)
      if (x.name == group_name(name)) return &x;
    return nullptr;
  }

  void missing(const yaml_node& x) {
    out_.warn(x.at, "dangling-reference",
              "no deployment of '" + x.text + "' has been taken over; left out");
  }

  void add(model_group& group, const yaml_node& x, std::vector<std::string> model_group::*list) {
    const auto* other = find(x.text);
    if (other == nullptr) return missing(x);
    auto& all = group.*list;
    if (other != &group && std::find(all.begin(), all.end(), other->name) == all.end())
      all.push_back(other->name);
  }

  section& in_;
  proxy& to_;
  config::diagnostics& out_;
};

} // namespace

void read_settings(const yaml_ptr& node, const std::string& name, proxy& to,
                   config::diagnostics& out) {
  section in{node, name, out};
  settings_reader lists{in, to, out};
  lists.fallbacks("fallbacks", &model_group::fallbacks);
  lists.fallbacks("context_window_fallbacks", &model_group::on_overflow);
  lists.fallbacks("content_policy_fallbacks", &model_group::on_policy);
  lists.defaults("default_fallbacks");
  lists.aliases();
  if (const auto x = in.number("num_retries")) to.retries = static_cast<std::int64_t>(*x);
  if (const auto x = in.number("timeout"); x && *x > 0) to.timeout = *x;
  if (const auto x = in.number("request_timeout"); x && *x > 0) to.timeout = *x;
  if (const auto x = in.number("allowed_fails")) to.allowed_fails = static_cast<std::int64_t>(*x);
  if (const auto x = in.number("cooldown_time"); x && *x > 0) to.cooldown = *x;
  if (const auto x = in.number("retry_after")) to.retry_after = *x;
  // Models of a tier take turns by weight, as simple-shuffle does;
  if (const auto x = in.text("routing_strategy"); !x.empty() && x != "simple-shuffle")
    out.warn(in.where("routing_strategy"), "not-mapped",
             name + ".routing_strategy '" + x + "' becomes turns by weight");
  if (in.text("drop_params") == "false")
    out.warn(in.where("drop_params"), "not-mapped",
             name + ".drop_params: see server.strict for what a provider cannot express");
  in.ignore({"set_verbose", "enable_pre_call_checks"});
  in.finish();
}

} // namespace echelon::cli::litellm
