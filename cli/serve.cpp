#include "cli/commands.hpp"

#include "cli/descriptors.hpp"
#include "cli/log_sink.hpp"
#include "cli/terminal.hpp"
#include "config/cluster_overrides.hpp"
#include "config/load.hpp"
#include "config/url.hpp"
#include "gateway/server.hpp"
#include "gateway/watch.hpp"
#include "providers/simulator/engine.hpp"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <csignal>
#include <iostream>
#include <unistd.h>

namespace echelon::cli {
namespace {

void set_up_log(const serve_options& options) {
  // People at a terminal see each line at once, and in colour.
  auto logger =
      ::isatty(STDERR_FILENO) != 0
          ? spdlog::stderr_color_mt("echelon", colours(STDERR_FILENO)
                                                   ? spdlog::color_mode::automatic
                                                   : spdlog::color_mode::never)
          : std::make_shared<spdlog::logger>("echelon", std::make_shared<log_sink>(STDERR_FILENO));
  spdlog::set_default_logger(logger);
  logger->flush_on(spdlog::level::warn);
  spdlog::set_level(spdlog::level::from_str(options.log_level));
  if (options.log_json) {
    // %v may hold quotes: the messages are written by us and escaped by the formatter below.
    struct escaped : spdlog::custom_flag_formatter {
      void format(const spdlog::details::log_msg& m, const std::tm&,
                  spdlog::memory_buf_t& to) override {
        for (const char c : m.payload) {
          if (c == '"' || c == '\\') to.push_back('\\');
          to.push_back(static_cast<unsigned char>(c) < 0x20 ? ' ' : c);
        }
      }
      std::unique_ptr<custom_flag_formatter> clone() const override {
        return spdlog::details::make_unique<escaped>();
      }
    };
    auto formatter = std::make_unique<spdlog::pattern_formatter>();
    formatter->add_flag<escaped>('*').set_pattern(
        R"({"time":"%Y-%m-%dT%H:%M:%S.%e%z","level":"%l","message":"%*"})");
    spdlog::set_formatter(std::move(formatter));
  } else {
    spdlog::set_pattern("%Y-%m-%dT%H:%M:%S.%e %^%-5l%$ %v");
  }
}

} // namespace

int serve(const serve_options& options) {
  std::string host;
  std::uint16_t port = 0;
  if (!options.listen.empty() && !config::split_address(options.listen, host, port)) {
    std::cerr
        << "echelon: --listen must be ADDRESS:PORT, such as 127.0.0.1:8080 or [::1]:8080, not '"
        << options.listen << "'\n";
    return 2;
  }
  const config::cluster_overrides place{options.node, options.cluster_listen, options.seeds};
  if (const auto bad = config::first_bad_address(place); !bad.empty()) {
    std::cerr << "echelon: --cluster-listen and --seed must be ADDRESS:PORT, such as "
                 "127.0.0.1:4801, not '"
              << bad << "'\n";
    return 2;
  }
  std::signal(SIGPIPE, SIG_IGN);
  set_up_log(options);
  raise_descriptor_limit();
  config::load_options how;
  how.simulate = options.simulate;
  const auto load =
      engine::make_loader(options.config, how, [place, host, port](config::RouterConfig& to) {
        if (!host.empty()) {
          to.server.host = host;
          to.server.port = port;
        }
        config::apply(place, to);
      });
  std::vector<std::string> messages;
  engine::router::files found;
  const auto before = options.watch ? gateway::look_of(options.config) : std::string{};
  const bool readable = load.read(found, messages);
  auto config = readable ? load.parse(found, messages) : nullptr;
  for (const auto& x : messages)
    std::cerr << x << '\n';
  if (!config) {
    std::cerr << "echelon: the configuration " << options.config
              << (readable ? " has errors; nothing is served.\n" : " cannot be read.\n");
    return readable ? 1 : 2;
  }
  try {
    engine::router router{std::move(config), load};
    router.chaos = options.chaos;
    policy::restart_terms each;
    each.most = options.max_restarts;
    each.at_once = options.max_restarts / 3;
    router.hierarchy().set_restart_limits(each, {3, std::chrono::seconds{60}});
    gateway::server server{router, std::make_shared<providers::simulator_engine>()};
    if (options.watch) server.watch(options.config, before);
    spdlog::info("echelon listening on {}", server.address());
    spdlog::default_logger()->flush();
    server.run();
    // sysexits.h's EX_SOFTWARE: whoever watches over us starts a new one.
    return router.failed ? 70 : 0;
  } catch (const std::exception& error) {
    spdlog::error("cannot serve: {}", error.what());
    return 1;
  }
}

} // namespace echelon::cli
