// The binary `echelon`: reads the command line and runs one subcommand.
#include "cli/accounts/command.hpp"
#include "cli/commands.hpp"
#include "cli/help/describe.hpp"
#include "providers/simulator/server.hpp"

#include <CLI/CLI.hpp>

#include <iostream>
#include <map>

int main(int argc, char** argv) {
  using namespace echelon::cli;
  CLI::App app{"echelon: an actor-based, distributed router for LLM requests"};
  app.set_version_flag("--version", version());
  app.require_subcommand(1);
  int code = 0;

  serve_options serving;
  auto* serve_command = app.add_subcommand("serve", "Run the router");
  serve_command->add_option("--config", serving.config, "Configuration: a file or a folder")
      ->type_name("PATH")
      ->required();
  serve_command->add_option("--listen", serving.listen,
                            "ADDRESS:PORT instead of server.listen; port 0: any free one");
  serve_command->add_option("--node", serving.node, "Name of this node, instead of cluster.node");
  serve_command->add_option("--cluster-listen", serving.cluster_listen,
                            "ADDRESS:PORT for the other nodes, instead of cluster.listen");
  serve_command->add_option("--seed", serving.seeds,
                            "ADDRESS:PORT of another node (repeatable), instead of cluster.seeds");
  serve_command->add_flag("--simulate", serving.simulate,
                          "Bind every provider to the built-in simulator");
  serve_command->add_flag("--watch", serving.watch, "Reload when the configuration's files change");
  serve_command->add_flag("--chaos", serving.chaos,
                          "Allow actors to be killed and disturbed through the admin API");
  serve_command
      ->add_option("--max-restarts", serving.max_restarts,
                   "Restarts of one actor within 10 s before all actors are started anew")
      ->capture_default_str();
  serve_command->add_flag("--log-json", serving.log_json, "Log as JSON lines");
  serve_command
      ->add_option("--log-level", serving.log_level, "trace, debug, info, warn, error or off")
      ->check(CLI::IsMember({"trace", "debug", "info", "warn", "error", "off"}));
  serve_command->callback([&] { code = serve(serving); });

  validate_options validating;
  auto* validate_command =
      app.add_subcommand("validate", "Check a configuration; exit 0, 1 (errors) or 2 (unreadable)");
  auto* print_schema = validate_command->add_flag(
      "--print-schema", validating.print_schema,
      "Print the format as a JSON Schema (draft 7) for editors, and check nothing");
  validate_command->add_flag("--print-effective", validating.print_effective,
                             "Print every value with the file and line that it comes from");
  validate_command->add_option("--config", validating.config, "Configuration: a file or a folder")
      ->type_name("PATH")
      ->excludes(print_schema);
  validate_command->add_flag("--strict", validating.strict, "Warnings count as errors");
  validate_command->add_flag("--simulate", validating.simulate,
                             "As for serve --simulate: no keys are needed");
  validate_command->add_option("--format", validating.format, "text, json or github")
      ->check(CLI::IsMember({"text", "json", "github"}));
  validate_command->add_flag_callback(
      "--json", [&] { validating.format = "json"; }, "As --format json");
  validate_command->callback([&] { code = validate(validating); });

  explain_options explaining;
  auto* explain_command =
      app.add_subcommand("explain", "Show in which order a target's candidates are tried, and why");
  explain_command->add_option("target", explaining.target, "Node, pool, group, group.tier or model")
      ->required();
  explain_command
      ->add_option("--config", explaining.config,
                   "Configuration: a file or a folder; without it a running router is asked")
      ->type_name("PATH");
  explain_command->add_option("--url", explaining.url, "Where the running router is")
      ->capture_default_str()
      ->envname("ECHELON_URL");
  explain_command->add_option("--token", explaining.token, "server.admin_token")
      ->envname("ECHELON_ADMIN_TOKEN");
  explain_command->add_flag("--simulate", explaining.simulate,
                            "As for serve --simulate: no keys are needed");
  explain_command->add_flag("--json", explaining.json, "As JSON");
  explain_command->callback([&] { code = explain(explaining); });

  call_options calling;
  auto* call_command =
      app.add_subcommand("call", "Send one prompt; exit 0, 1 (an error answer) or 2 (unreachable)");
  call_command->add_option("target", calling.target, "Node, pool, group, group.tier or model")
      ->required();
  call_command->add_option("prompt", calling.prompt,
                           "The user's message; without it standard input, on a terminal a "
                           "conversation");
  call_command->add_flag("--stream", calling.stream, "Print the answer as it comes");
  call_command->add_option("--fallback", calling.fallback, "Groups or tiers to try afterwards, a,b")
      ->delimiter(',');
  call_command->add_option("--url", calling.url, "Where the router is")
      ->capture_default_str()
      ->envname("ECHELON_URL");
  call_command->add_option("--key", calling.key, "Client API key")->envname("ECHELON_API_KEY");
  call_command->add_flag("--json", calling.json,
                         "Print the whole answer as JSON, a stream event by event");
  call_command->callback([&] { code = call(calling); });

  bench_options measuring;
  const CLI::AsNumberWithUnit as_seconds{
      std::map<std::string, double>{{"ms", 0.001}, {"s", 1}, {"m", 60}, {"h", 3600}},
      CLI::AsNumberWithUnit::CASE_SENSITIVE, "TIME"};
  auto* bench_command = app.add_subcommand(
      "bench", "Offer a load and measure; exit 0, 1 (requests failed) or 2 (unreachable)");
  bench_command->add_option("target", measuring.target,
                            "Node, pool, group, group.tier or model; without it the first of "
                            "/v1/models");
  bench_command->add_option("--url", measuring.url, "Where the router is")
      ->capture_default_str()
      ->envname("ECHELON_URL");
  bench_command
      ->add_option("--connections", measuring.connections, "Connections, so most requests at once")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000000));
  bench_command
      ->add_option("--rate", measuring.rate,
                   "Requests per second, due at fixed times whatever the router does; without it "
                   "each connection sends when it has its answer")
      ->check(CLI::Range(0.001, 1e7));
  bench_command->add_option("--for", measuring.seconds, "How long, such as 500ms, 10s, 5m")
      ->default_str("10s")
      ->transform(as_seconds)
      ->check(CLI::Range(0.001, 1e6));
  bench_command
      ->add_option("--timeout", measuring.timeout,
                   "Most that a request may take, from when it is due")
      ->default_str("60s")
      ->transform(as_seconds)
      ->check(CLI::Range(0.001, 1e6));
  bench_command->add_flag("--stream", measuring.stream,
                          "Streamed answers, with the time to the first token");
  bench_command->add_option("--prompt", measuring.prompt, "The user's message")
      ->capture_default_str();
  bench_command->add_option("--key", measuring.key, "Client API key")->envname("ECHELON_API_KEY");
  bench_command->add_option("--header", measuring.headers,
                            "Sent along, as 'NAME: VALUE'; may be given more than once");
  bench_command->add_flag("--json", measuring.json, "The report as JSON");
  bench_command->callback([&] { code = bench(measuring); });

  chaos_options disturbing;
  auto* chaos_command = app.add_subcommand(
      "chaos", "Disturb routers under load; exit 0, 1 (something was lost or over a limit) or 2");
  chaos_command->add_option("script", disturbing.script, "YAML file of an experiment");
  chaos_command->add_option("--for", disturbing.seconds, "How long, such as 30s, 30m (30s)")
      ->transform(as_seconds)
      ->check(CLI::Range(1.0, 1e6));
  chaos_command->add_option("--rate", disturbing.rate, "Requests per second to each target (10)")
      ->check(CLI::Range(0.1, 1e4));
  chaos_command->add_option("--nodes", disturbing.nodes, "Routers to start; several: a cluster (1)")
      ->check(CLI::Range(1, 9));
  chaos_command->add_option("--seed", disturbing.seed, "Of what is at random (1)");
  chaos_command->add_option("--times", disturbing.times,
                            "Strikes of each level of actors, each node and the upstreams");
  chaos_command->add_option("--faults", disturbing.faults, "Those at random, a,b (all)")
      ->delimiter(',');
  chaos_command->add_flag("--full-disk", disturbing.full_disk,
                          "What the routers log cannot be written");
  chaos_command->add_option("--json", disturbing.json, "File for the report as JSON");
  chaos_command->add_option("--html", disturbing.html, "File for the report as a page");
  chaos_command->add_option("--svg", disturbing.svg, "File for its plot alone");
  chaos_command->add_option("--url", disturbing.url,
                            "A router that runs with --chaos, instead of own ones");
  chaos_command->add_option("--target", disturbing.targets,
                            "With --url: what is asked (repeatable)");
  chaos_command->add_option("--token", disturbing.token, "server.admin_token")
      ->envname("ECHELON_ADMIN_TOKEN");
  chaos_command->callback([&] { code = chaos(disturbing); });

  status_options showing;
  auto* status_command = app.add_subcommand("status", "Show every actor of a running router");
  status_command->add_option("--url", showing.url, "Where the router is")
      ->capture_default_str()
      ->envname("ECHELON_URL");
  status_command->add_option("--token", showing.token, "server.admin_token")
      ->envname("ECHELON_ADMIN_TOKEN");
  status_command->add_flag("--watch", showing.watch,
                           "Again and again until interrupted; on a terminal in place");
  status_command->add_option("--every", showing.every, "With --watch: how often, such as 500ms, 1s")
      ->default_str("1s")
      ->transform(as_seconds)
      ->check(CLI::Range(0.05, 86400.0));
  status_command->add_flag("--json", showing.json, "As JSON");
  status_command->callback([&] { code = status(showing); });

  std::string listen = "127.0.0.1:9090";
  std::string script;
  auto* simulate_command =
      app.add_subcommand("simulate", "Run fake OpenAI, Anthropic and Gemini upstreams");
  simulate_command->add_option("--listen", listen, "ADDRESS:PORT; port 0: any free one")
      ->capture_default_str();
  simulate_command->add_option("--script", script, "YAML or JSON file of scripted faults")
      ->type_name("PATH");
  bool simulator_json = false;
  simulate_command->add_flag("--json", simulator_json, "Tell the address as JSON");
  simulate_command->callback(
      [&] { code = echelon::providers::run_simulator(listen, script, simulator_json); });

  import_options importing;
  auto* import_command = app.add_subcommand("import", "Convert the configuration of another router")
                             ->require_subcommand(1);
  auto* litellm_command = import_command->add_subcommand(
      "litellm", "Convert LiteLLM's proxy configuration; warns of what has no counterpart");
  litellm_command->add_option("file", importing.file, "LiteLLM's config.yaml")
      ->type_name("PATH")
      ->required();
  litellm_command
      ->add_option("--output,-o", importing.output, "Where to write; without it to standard output")
      ->type_name("PATH");
  litellm_command->add_flag("--json", importing.json,
                            "The configuration, and what does not map, as JSON");
  litellm_command->callback([&] { code = import_litellm(importing); });

  add_accounts_commands(app, code);
  std::string shell;
  auto* completion_command =
      app.add_subcommand("completion", "Print a script that completes these commands in a shell");
  completion_command->add_option("shell", shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  completion_command->callback([&] { std::cout << completion(describe(app), shell); });
  auto* manual_command = app.add_subcommand("manual", "Print the manual page, for man(1)");
  manual_command->callback([&] { std::cout << manual(describe(app)); });

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const auto result = app.exit(error);
    return result == 0 ? 0 : 2;
  } catch (const std::exception& error) {
    std::cerr << "echelon: " << error.what() << '\n';
    return 1;
  }
  return code;
}
