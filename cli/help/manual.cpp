#include "cli/help/describe.hpp"

#include <functional>
#include <map>

namespace echelon::cli {

namespace {

/// Text as roff takes it.
std::string plain(const std::string& x) {
  std::string to;
  if (!x.empty() && (x.front() == '.' || x.front() == '\'')) to = "\\&";
  for (const char c : x) {
    if (c == '\\')
      to += "\\e";
    else if (c == '-')
      to += "\\-";
    else
      to += c;
  }
  return to;
}

std::string bold(const std::string& x) {
  return "\\fB" + plain(x) + "\\fR";
}

std::string italic(const std::string& x) {
  return "\\fI" + plain(x) + "\\fR";
}

std::string synopsis(const command_entry& x) {
  std::string text = ".B echelon " + plain(x.name) + '\n';
  bool optional = false;
  for (const auto& o : x.options) {
    if (o.positional)
      text += o.required ? italic(o.names.front()) + '\n' : '[' + italic(o.names.front()) + "]\n";
    else if (o.required)
      text += bold(o.names.front()) + ' ' + italic(o.value) + '\n';
    else
      optional = true;
  }
  if (optional) text += "[\\fIoptions\\fR]\n";
  return text;
}

std::string entry(const option_entry& x) {
  std::string text = ".TP\n";
  for (const auto& name : x.names)
    text += (name == x.names.front() ? "" : ", ") + (x.positional ? italic(name) : bold(name));
  if (!x.positional && !x.value.empty()) text += ' ' + italic(x.value);
  text += '\n' + plain(x.about);
  if (!x.preset.empty()) text += " (default: " + plain(x.preset) + ')';
  if (!x.words.empty()) {
    text += ". One of";
    for (const auto& word : x.words)
      text += (word == x.words.front() ? " " : ", ") + bold(word);
  }
  if (!x.environment.empty()) text += ". Else from " + bold(x.environment);
  return text + ".\n";
}

} // namespace

std::string manual(const command_entry& all) {
  std::string text =
      "'\\\" Made by `echelon manual`.\n.TH ECHELON 1 \"\" \"echelon " ECHELON_VERSION
      "\" \"User Commands\"\n.SH NAME\nechelon \\- "
      + plain(all.about.substr(all.about.find(": ") + 2)) + "\n.SH SYNOPSIS\n";
  std::string commands;
  std::map<std::string, std::string> variables;
  bool first = true;
  const std::function<void(const command_entry&)> add = [&](const command_entry& x) {
    if (x.commands.empty()) {
      if (!first) text += ".br\n";
      first = false;
      text += synopsis(x);
      commands += ".SS echelon " + plain(x.name) + '\n' + plain(x.about) + ".\n";
    }
    for (const auto& o : x.options) {
      const bool help = !o.names.empty() && o.names.front() == "--help";
      if (x.commands.empty() && !help) commands += entry(o);
      if (!o.environment.empty()) variables[o.environment] = o.about;
    }
    for (const auto& inner : x.commands)
      add(inner);
  };
  add(all);
  text += ".SH DESCRIPTION\n"
          "A router for LLM calls, built of actors. It stands between applications and LLM "
          "providers, speaks OpenAI's and\n"
          "Anthropic's APIs, keeps limits exactly, retries and falls back as configured. Every "
          "command explains itself with\n"
          ".BR \\-\\-help .\n.SH COMMANDS\n"
          + commands + ".SH ENVIRONMENT\n";
  for (const auto& [name, about] : variables)
    text += ".TP\n" + bold(name) + '\n' + plain(about) + ", where its option is not given.\n";
  text += ".TP\n\\fBNO_COLOR\\fR\nNot empty: nothing is printed in colour.\n"
          ".SH FILES\n.TP\n\\fI/etc/echelon/\\fR\nThe configuration of the packaged service.\n"
          ".SH EXIT STATUS\n0: all went well; 1: an answer was an error, or a file has errors; 2: "
          "wrong options, an unreadable\n"
          "file or an unreachable router.\n"
          ".SH SEE ALSO\nThe documents in \\fI/usr/share/doc/echelon/\\fR.\n";
  return text;
}

} // namespace echelon::cli
