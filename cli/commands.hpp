/// The subcommands of `echelon`. Each returns the process's exit code.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace echelon::cli {

inline constexpr const char* default_url = "http://127.0.0.1:8080";

/// One line: the version, the commit (a `+` after it: with changes), the compiler, the kind of
/// build.
std::string version();

struct serve_options {
  std::string config;
  std::string listen; ///< Empty: as configured.
  // Of the cluster; empty: as configured.
  std::string node, cluster_listen;
  std::vector<std::string> seeds;
  bool simulate = false, chaos = false, log_json = false, watch = false;
  std::string log_level = "info";
  unsigned max_restarts = 10; ///< Of one actor within 10 s before all are started anew.
};
int serve(const serve_options& options);

struct validate_options {
  std::string config;
  bool strict = false, simulate = false, print_schema = false, print_effective = false;
  std::string format = "text"; ///< text, json, github.
};
int validate(const validate_options& options);

struct explain_options {
  std::string target, config;
  bool simulate = false, json = false;
  std::string url = "http://127.0.0.1:8080", token;
};
int explain(const explain_options& options);

struct call_options {
  /// `prompt` empty: a conversation on a terminal, else all of standard input.
  std::string target, prompt, url = default_url, key;
  std::vector<std::string> fallback;
  bool stream = false, json = false;
};
/// Exit codes: 0 answered, 1 the router answered with an error, 2 it cannot be reached.
int call(const call_options& options);

struct bench_options {
  std::string target; ///< Empty: the first one that the router lists.
  std::string url = default_url, key, prompt = "Say hello.";
  std::vector<std::string> headers; ///< `NAME: VALUE` each, beside those that are ours.
  std::size_t connections = 16;
  double rate = 0; ///< Requests per second; 0: as fast as answers come.
  double seconds = 10, timeout = 60;
  bool stream = false, json = false;
};
/// Exit codes: 0 every request went well, 1 some failed, 2 the router cannot be reached, or an
/// option is wrong.
int bench(const bench_options& options);

struct chaos_options {
  std::string script; ///< Empty: none.
  // What is not given is as in the script, or the default: zero, or nothing.
  double seconds = 0, rate = 0;
  std::size_t nodes = 0;
  std::optional<std::uint64_t> seed, times;
  std::vector<std::string> faults;
  bool full_disk = false;
  std::string json, html, svg; ///< Files to write; empty: none.
  std::string url, token;      ///< A router that runs already; empty: own ones.
  std::vector<std::string> targets;
};
/// Disturbs routers under load. Exit codes: 0 nothing was lost, leaked or over a limit; 1 something
/// was; 2 there is no such experiment, or nothing to disturb.
int chaos(const chaos_options& options);

struct status_options {
  std::string url = default_url, token;
  bool watch = false, json = false;
  double every = 1; ///< Seconds, with `watch`.
};
int status(const status_options& options);

struct import_options {
  std::string file, output; ///< Output empty: standard output.
  bool json = false;        ///< An object with `config` (null with errors) and `diagnostics`.
};
/// LiteLLM's configuration as one of ours; what does not map is told on standard error. Exit codes:
/// 0 written, 1 the file has errors, 2 a file cannot be read or written.
int import_litellm(const import_options& options);

} // namespace echelon::cli
