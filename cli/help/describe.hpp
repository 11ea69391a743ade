/// The commands and their options as data: what completions and the manual page are made of.
#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace echelon::cli {

struct option_entry {
  std::vector<std::string> names; ///< `--output`, `-o`; of a positional one its name alone.
  bool positional = false;
  std::string value;              ///< What it takes, such as `PATH`; empty: nothing.
  std::vector<std::string> words; ///< The values that it may have; empty: any.
  std::string about, preset, environment;
  bool required = false;
};

struct command_entry {
  std::string name; ///< All of it: `import litellm`; empty: the program's own options.
  std::string about;
  std::vector<option_entry> options;
  std::vector<command_entry> commands;
};

/// What `app` was told, in its order.
[[nodiscard]] command_entry describe(const CLI::App& app);

/// A script for `bash`, `zsh` or `fish` that completes the commands of `all`.
[[nodiscard]] std::string completion(const command_entry& all, const std::string& shell);

/// The manual page, for man(1).
[[nodiscard]] std::string manual(const command_entry& all);

} // namespace echelon::cli
