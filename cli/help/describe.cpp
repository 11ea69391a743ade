#include "cli/help/describe.hpp"

#include <CLI/CLI.hpp>

namespace echelon::cli {

namespace {

/// Of `TEXT:{json,text}`.
std::vector<std::string> words_of(const std::string& type) {
  const auto from = type.find('{'), to = type.rfind('}');
  std::vector<std::string> found;
  if (from == std::string::npos || to == std::string::npos || to < from) return found;
  auto list = type.substr(from + 1, to - from - 1);
  for (;;) {
    const auto comma = list.find(',');
    found.push_back(list.substr(0, comma));
    if (comma == std::string::npos) return found;
    list.erase(0, comma + 1);
  }
}

option_entry entry_of(const CLI::Option& x) {
  option_entry to;
  to.positional = x.get_positional();
  for (const auto& name : x.get_lnames())
    to.names.push_back("--" + name);
  for (const auto& name : x.get_snames())
    to.names.push_back('-' + name);
  if (to.positional) to.names = {x.get_name(true)};
  const auto type = x.get_type_name();
  if (x.get_items_expected_max() > 0) {
    to.value = type.substr(0, type.find_first_of(": "));
    to.words = words_of(type);
  }
  to.about = x.get_description();
  to.preset = x.get_default_str();
  to.environment = x.get_envname();
  to.required = x.get_required();
  return to;
}

command_entry entry_of(const CLI::App& x, const std::string& name) {
  command_entry to;
  to.name = name;
  to.about = x.get_description();
  for (const auto* option : x.get_options([](const CLI::Option*) { return true; }))
    to.options.push_back(entry_of(*option));
  for (const auto* inner : x.get_subcommands([](const CLI::App*) { return true; }))
    to.commands.push_back(
        entry_of(*inner, name.empty() ? inner->get_name() : name + ' ' + inner->get_name()));
  return to;
}

} // namespace

command_entry describe(const CLI::App& app) {
  return entry_of(app, "");
}

} // namespace echelon::cli
