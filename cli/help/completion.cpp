#include "cli/help/describe.hpp"

#include <functional>

namespace echelon::cli {

namespace {

using visitor = std::function<void(const command_entry&)>;

/// `x` and all below it.
void each(const command_entry& x, const visitor& f) {
  f(x);
  for (const auto& inner : x.commands)
    each(inner, f);
}

std::string last_word(const std::string& x) {
  return x.substr(x.rfind(' ') == std::string::npos ? 0 : x.rfind(' ') + 1);
}

std::string joined(const std::vector<std::string>& words, const char* by = " ") {
  std::string text;
  for (const auto& x : words)
    text += (text.empty() ? "" : by) + x;
  return text;
}

/// In single quotes, for any shell. `odd` get a backslash first.
std::string quoted(const std::string& x, const std::string& odd = "") {
  std::string to = "'";
  for (const char c : x) {
    if (odd.find(c) != std::string::npos) to += '\\';
    if (c == '\'')
      to += "'\\''";
    else
      to += c;
  }
  return to + '\'';
}

bool is_file(const option_entry& x) {
  return x.value == "PATH";
}

std::string bash(const command_entry& all) {
  std::string paths, values, words;
  each(all, [&](const command_entry& x) {
    if (!x.name.empty()) paths += (paths.empty() ? "" : "|") + quoted(x.name);
    std::vector<std::string> own;
    std::string positional; // What stands by itself.
    for (const auto& inner : x.commands)
      own.push_back(last_word(inner.name));
    for (const auto& o : x.options) {
      if (o.positional) {
        if (is_file(o)) positional = "; files";
        for (const auto& word : o.words)
          own.push_back(word);
        continue;
      }
      own.insert(own.end(), o.names.begin(), o.names.end());
      if (o.value.empty()) continue;
      std::string patterns;
      for (const auto& name : o.names)
        patterns += (patterns.empty() ? "" : "|") + quoted(x.name + ':' + name);
      values += "    " + patterns + ") "
                + (is_file(o)        ? "files"
                   : o.words.empty() ? ":"
                                     : "words " + quoted(joined(o.words)))
                + "; return ;;\n";
    }
    words += "    " + quoted(x.name) + ") words " + quoted(joined(own)) + positional + " ;;\n";
  });
  return "# Completes `echelon` in bash: source it, or put it where bash-completion looks.\n"
         "_echelon() {\n"
         "  local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} path= i\n"
         "  words() { mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -W \"$1\" -- "
         "\"$current\"); }\n"
         "  files() { compopt -o filenames 2>/dev/null; mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < "
         "<(compgen -f -- \"$current\"); }\n"
         "  COMPREPLY=()\n"
         "  for ((i = 1; i < COMP_CWORD; ++i)); do\n"
         "    case \"${path:+$path }${COMP_WORDS[i]}\" in\n"
         "    "
         + paths
         + ") path=\"${path:+$path }${COMP_WORDS[i]}\" ;;\n"
           "    esac\n"
           "  done\n"
           "  case \"$path:$before\" in\n"
         + values
         + "  esac\n"
           "  case \"$path\" in\n"
         + words
         + "  esac\n"
           "}\n"
           "complete -F _echelon echelon\n";
}

std::string zsh_action(const option_entry& x) {
  if (is_file(x)) return "_files";
  return x.words.empty() ? " " : '(' + joined(x.words) + ')';
}

std::string zsh(const command_entry& all) {
  std::string text =
      "#compdef echelon\n# Completes `echelon` in zsh: put it as _echelon where $fpath looks.\n";
  each(all, [&](const command_entry& x) {
    std::string name = "_echelon";
    for (const char c : x.name.empty() ? x.name : ' ' + x.name)
      name += c == ' ' ? '_' : c;
    text += name + "() {\n";
    std::string options;
    int position = 0;
    for (const auto& o : x.options) {
      if (o.positional) {
        options +=
            " \\\n    "
            + quoted(std::to_string(++position) + ':' + o.names.front() + ':' + zsh_action(o));
        continue;
      }
      for (const auto& n : o.names) {
        const auto value = o.value.empty() ? "" : ':' + o.value + ':' + zsh_action(o);
        options += " \\\n    " + quoted(n) + quoted('[' + o.about + ']', "")
                   + (value.empty() ? "" : quoted(value));
      }
    }
    if (x.commands.empty()) {
      text += "  _arguments" + options + "\n}\n";
      return;
    }
    std::string list, cases;
    for (const auto& inner : x.commands) {
      const auto word = last_word(inner.name);
      list += ' ' + quoted(word + ':' + inner.about);
      cases += "    " + word + ") " + name + '_' + word + " ;;\n";
    }
    text += "  local line state\n  local -a commands\n  _arguments -C" + options
            + " \\\n    '1:command:->command' '*::argument:->rest'\n  case $state in\n"
              "  command) commands=("
            + list
            + "); _describe command commands ;;\n"
              "  rest) case $words[1] in\n"
            + cases + "    esac ;;\n  esac\n}\n";
  });
  return text
         + "if [[ $funcstack[1] == _echelon ]]; then _echelon \"$@\"; else compdef _echelon "
           "echelon; fi\n";
}

std::string fish(const command_entry& all) {
  std::string text =
      "# Completes `echelon` in fish: put it as echelon.fish where $fish_complete_path looks.\n"
      "complete -c echelon -f\n";
  each(all, [&](const command_entry& x) {
    std::string seen, inner_names;
    std::string rest = x.name;
    while (!rest.empty()) {
      const auto blank = rest.find(' ');
      seen += (seen.empty() ? "" : "; and ") + std::string{"__fish_seen_subcommand_from "}
              + rest.substr(0, blank);
      rest = blank == std::string::npos ? "" : rest.substr(blank + 1);
    }
    for (const auto& inner : x.commands)
      inner_names += ' ' + last_word(inner.name);
    auto here = seen;
    if (!inner_names.empty())
      here += (here.empty() ? "" : "; and ") + std::string{"not __fish_seen_subcommand_from"}
              + inner_names;
    const auto start = "complete -c echelon -n " + quoted(here.empty() ? "true" : here);
    for (const auto& inner : x.commands)
      text += start + " -a " + last_word(inner.name) + " -d " + quoted(inner.about) + '\n';
    for (const auto& o : x.options) {
      const auto value = is_file(o)        ? " -F"
                         : o.words.empty() ? std::string{}
                                           : " -a " + quoted(joined(o.words));
      if (o.positional) {
        if (!value.empty()) text += start + value + '\n';
        continue;
      }
      text += start;
      for (const auto& n : o.names)
        text += n.rfind("--", 0) == 0 ? " -l " + n.substr(2) : " -s " + n.substr(1);
      if (!o.value.empty()) text += is_file(o) ? " -r" : " -x";
      text += value + " -d " + quoted(o.about) + '\n';
    }
  });
  return text;
}

} // namespace

std::string completion(const command_entry& all, const std::string& shell) {
  return shell == "bash" ? bash(all) : shell == "zsh" ? zsh(all) : fish(all);
}

} // namespace echelon::cli
