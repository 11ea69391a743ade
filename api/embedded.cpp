#include "api/embedded.hpp"

#include "api/apart.hpp"
#include "api/config_inside.hpp"
#include "api/local_recipient.hpp"
#include "api/logging.hpp"
#include "api/reactors.hpp"
#include "config/cluster_overrides.hpp"
#include "config/log.hpp"
#include "engine/body_reader.hpp"
#include "engine/call.hpp"
#include "engine/chat_checks.hpp"
#include "engine/errors.hpp"
#include "engine/health_checks.hpp"
#include "engine/state.hpp"
#include "providers/json_read.hpp"
#include "providers/simulator/engine.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <future>
#include <optional>
#include <shared_mutex>

namespace echelon::api {

namespace asio = boost::asio;

namespace {

std::shared_ptr<providers::simulator_engine> simulator_of(const FactoryOptions& options) {
  if (options.simulator_script.empty()) return std::make_shared<providers::simulator_engine>();
  return std::make_shared<providers::simulator_engine>(
      providers::load_script(options.simulator_script));
}

/// Reads the sources of a ConfigManager again, with this process's place in the cluster.
engine::router::loader loader_of(const std::shared_ptr<ConfigManager::impl>& from,
                                 const config::cluster_overrides& place) {
  engine::router::loader load;
  load.read = [from](engine::router::files& to, std::vector<std::string>& messages) {
    if (from->path.empty()) {
      to = from->sources;
      return true;
    }
    const auto faults = config::read_sources(from->path, to);
    for (const auto& x : faults)
      messages.push_back(config::to_string(x));
    return faults.empty();
  };
  load.parse = [from, place](const engine::router::files& files,
                             std::vector<std::string>& messages) -> config::router_config_ptr {
    const auto result = config::load_sources(files, from->how);
    for (const auto& x : result.diagnostics)
      messages.push_back(config::to_string(x));
    if (!result.config) return nullptr;
    auto changed = std::make_shared<config::RouterConfig>(*result.config);
    config::apply(place, *changed);
    return changed;
  };
  return load;
}

asio::awaitable<void> serve(engine::router& of, providers::transport& upstreams,
                            std::shared_ptr<running_call> to, engine::call_request what,
                            engine::call_options options) {
  const engine::in_flight_guard guard{of};
  local_recipient recipient{of, to};
  engine::call call{of, upstreams, recipient, std::move(what), std::move(options)};
  co_await call.run();
}

class embedded final : public backend {
public:
  embedded(const ConfigManager& config, const FactoryOptions& options, caf::actor_system* host) {
    reactors_.emplace(options.threads, simulator_of(options));
    const config::cluster_overrides place{options.node, options.cluster_listen, options.seeds};
    if (const auto bad = config::first_bad_address(place); !bad.empty())
      throw configuration_error(
          {"an address of the cluster must be ADDRESS:PORT, not '" + bad + "'"});
    auto first = std::make_shared<config::RouterConfig>(*config.inside()->config);
    config::apply(place, *first);
    router_ = apart([&] {
      return std::make_unique<engine::router>(std::move(first), loader_of(config.inside(), place),
                                              engine::actor_home{host, options.actor_threads});
    });
    health_ = std::make_shared<asio::steady_timer>(reactors_->first());
    asio::co_spawn(reactors_->first(),
                   engine::check_health(*router_, reactors_->first_transport(), health_),
                   asio::detached);
  }

  ~embedded() override { stop({}); }

  CallHandle start(call_spec what, std::shared_ptr<listener> to) override {
    engine::call_options how;
    how.request_id =
        what.options.request_id.empty() ? engine::new_request_id() : what.options.request_id;
    how.priority = std::min<std::uint8_t>(what.options.priority, 9);
    how.timeout = what.options.timeout;
    how.client_key = what.options.client_key;
    engine::call_request request;
    request.canonical.stream = what.stream;
    const std::shared_lock guard{mutex_};
    if (!router_) return refused(cancelled_error(ErrorKind::shut_down, how.request_id), *to);
    try {
      if (what.options.node_config) {
        request.node = read_node(*router_->current()->config, *what.options.node_config);
        request.target = request.node->llm_group.str();
        how.fallback_groups = std::move(what.targets);
      } else {
        request.target = what.targets.front();
        how.fallback_groups.assign(what.targets.begin() + 1, what.targets.end());
      }
      for (auto& x : what.options.fallback_groups)
        how.fallback_groups.push_back(std::move(x));
      what.body["model"] = request.target;
      if (const auto error = engine::reading([&] { engine::check_chat_request(what.body); }))
        return refused(to_error({how.request_id, {}, 0, {}}, {*error, {}}, {}, {}), *to);
    } catch (const LlmError& error) {
      return refused(error, *to);
    }
    request.canonical.body = std::move(what.body);
    auto& of = *router_;
    const auto id = how.request_id;
    return reactors_->run(
        id, std::move(to),
        [&of, request = std::move(request), how = std::move(how)](
            std::shared_ptr<running_call> call, providers::transport& upstreams) mutable {
          return serve(of, upstreams, std::move(call), std::move(request), std::move(how));
        });
  }

  void check_target(const std::string& target) const override {
    const std::shared_lock guard{mutex_};
    if (!router_) throw cancelled_error(ErrorKind::shut_down, {});
    const auto now = router_->current();
    if (now->topology->targets.count(target) == 0)
      throw to_error({}, {engine::unknown_target(target, *now->topology), {}}, {}, {});
  }

  void check_node(const NodeConfig& node) const override {
    const std::shared_lock guard{mutex_};
    if (!router_) throw cancelled_error(ErrorKind::shut_down, {});
    static_cast<void>(read_node(*router_->current()->config, node));
  }

  void reload() override {
    const std::shared_lock guard{mutex_};
    if (!router_) throw cancelled_error(ErrorKind::shut_down, {});
    const auto result = apart([this] { return router_->reload(); });
    if (!result.ok) throw configuration_error(result.messages);
  }

  bool ready() const override {
    const std::shared_lock guard{mutex_};
    if (!router_ || reactors_->stopping()) return false;
    return router_->node() == nullptr || router_->node()->status().acts;
  }

  std::string state() override {
    const std::shared_lock guard{mutex_};
    if (!router_) throw cancelled_error(ErrorKind::shut_down, {});
    const auto answer = std::make_shared<std::promise<std::vector<messages::actor_state>>>();
    auto found = answer->get_future();
    router_->hierarchy().states([answer](auto x) { answer->set_value(std::move(x)); });
    if (found.wait_for(std::chrono::seconds{10}) != std::future_status::ready)
      throw plain_error(ErrorKind::unavailable, "The actors do not answer.", 503);
    return providers::dump(engine::state_json(*router_, found.get()));
  }

  std::string decision(const std::string& request_id) override {
    const std::shared_lock guard{mutex_};
    if (!router_) return {};
    const auto found = router_->records().find(request_id);
    return found ? providers::dump(engine::to_json(*found)) : std::string{};
  }

  void stop(std::chrono::milliseconds grace) override {
    const std::lock_guard once{stopping_};
    {
      const std::shared_lock guard{mutex_};
      if (!router_) return;
      router_->draining = true;
    }
    reactors_->finish_calls(grace);
    const std::unique_lock guard{mutex_};
    asio::post(reactors_->first(), [tick = health_] { tick->cancel(); });
    apart([this] {
      if (router_->node() != nullptr) router_->node()->leave(std::chrono::milliseconds{600});
      reactors_->join();
      reactors_.reset(); // What is left of coroutines refers to the router.
      router_.reset();
    });
  }

private:
  static CallHandle refused(LlmError why, listener& to) {
    to.failed(std::move(why));
    auto none = std::make_shared<CallHandle::impl>();
    none->cancel = [] {};
    return CallHandle{std::move(none)};
  }

  mutable std::shared_mutex mutex_;
  std::mutex stopping_;
  std::unique_ptr<engine::router> router_; // Null: stopped.
  std::optional<reactors> reactors_;
  std::shared_ptr<asio::steady_timer> health_;
};

} // namespace

std::shared_ptr<backend> make_embedded(const ConfigManager& config, const FactoryOptions& options,
                                       caf::actor_system* host) {
  keep_log_quiet();
  try {
    return std::make_shared<embedded>(config, options, host);
  } catch (const LlmError&) {
    throw;
  } catch (const std::exception& error) {
    throw configuration_error({error.what()});
  }
}

} // namespace echelon::api
