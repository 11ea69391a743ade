#include "api/embedded.hpp"

#include "api/apart.hpp"
#include "api/config_inside.hpp"
#include "api/local_recipient.hpp"
#include "api/logging.hpp"
#include "api/reactors.hpp"
#include "config/cluster_overrides.hpp"
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

#include <unistd.h>

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
  auto load = engine::make_loader(from->path, from->how,
                                  [place](config::RouterConfig& to) { config::apply(place, to); });
  if (from->path.empty())
    load.read = [from](engine::router::files& to, std::vector<std::string>&) {
      to = from->sources;
      return true;
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
    reactors_ = std::make_unique<reactors>(options.threads, simulator_of(options));
    own_threads = reactors_->threads();
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
    const auto id =
        what.options.request_id.empty() ? providers::make_id("req_") : what.options.request_id;
    std::optional<LlmError> refused;
    if (reactors_elsewhere()) {
      refused = forked_error(id);
    } else {
      const std::shared_lock guard{mutex_};
      try {
        if (!router_) throw cancelled_error(ErrorKind::shut_down, id);
        auto [request, how] = checked(std::move(what), id);
        auto& of = *router_;
        return reactors_->run(
            id, to,
            [&of, request = std::move(request), how = std::move(how)](
                std::shared_ptr<running_call> call, providers::transport& upstreams) mutable {
              return serve(of, upstreams, std::move(call), std::move(request), std::move(how));
            });
      } catch (const LlmError& error) {
        refused = error;
      }
    }
    // Without the lock: the listener may call again.
    to->failed(std::move(*refused));
    return {};
  }

  void check_target(const std::string& target) const override {
    const auto guard = alive();
    const auto now = router_->current();
    if (now->topology->targets.count(target) == 0)
      throw to_error({}, {engine::unknown_target(target, *now->topology), {}}, {}, {});
  }

  void check_node(const NodeConfig& node) const override {
    const auto guard = alive();
    static_cast<void>(read_node(*router_->current()->config, node));
  }

  void reload() override {
    const auto guard = alive();
    const auto result = apart([this] { return router_->reload(); });
    if (!result.ok) throw configuration_error(result.messages);
  }

  bool ready() const override {
    if (reactors_elsewhere()) return false;
    const std::shared_lock guard{mutex_};
    if (!router_ || reactors_->stopping()) return false;
    return router_->node() == nullptr || router_->node()->status().acts;
  }

  std::string state() override {
    const auto guard = alive();
    const auto answer = std::make_shared<std::promise<std::vector<messages::actor_state>>>();
    auto found = answer->get_future();
    const auto enough =
        router_->hierarchy().states([answer](auto x) { answer->set_value(std::move(x)); });
    if (found.wait_for(engine::time_for_state) != std::future_status::ready) enough();
    return providers::dump(engine::state_json(*router_, found.get()));
  }

  std::string decision(const std::string& request_id) override {
    if (reactors_elsewhere()) return {};
    const std::shared_lock guard{mutex_};
    if (!router_) return {};
    const auto found = router_->records().find(request_id);
    return found ? providers::dump(engine::to_json(*found)) : std::string{};
  }

  void stop(std::chrono::milliseconds grace) override {
    if (reactors_elsewhere()) {
      // What is here is a copy of memory whose threads are in the other process: it is left alone.
      static_cast<void>(router_.release());
      static_cast<void>(reactors_.release());
      static_cast<void>(new std::shared_ptr<asio::steady_timer>{std::move(health_)});
      return;
    }
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
      health_.reset();
      reactors_.reset(); // What is left of coroutines refers to the router.
      router_.reset();
    });
  }

private:
  /// What the engine gets to do. Throws LlmError.
  std::pair<engine::call_request, engine::call_options> checked(call_spec what,
                                                                const std::string& id) const {
    engine::call_options how;
    how.request_id = id;
    how.priority = std::min<std::uint8_t>(what.options.priority, 9);
    how.timeout = what.options.timeout;
    how.client_key = what.options.client_key;
    engine::call_request request;
    request.canonical.stream = what.stream;
    if (what.options.node_config) {
      request.node = read_node(*router_->current()->config, *what.options.node_config);
      request.target = request.node->llm_group.str();
    } else {
      request.target = what.targets.front();
      how.fallback_groups.assign(what.targets.begin() + 1, what.targets.end());
    }
    for (auto& x : what.options.fallback_groups)
      how.fallback_groups.push_back(std::move(x));
    what.body["model"] = request.target;
    if (const auto error = engine::reading([&] { engine::check_chat_request(what.body); }))
      throw to_error({id, {}, 0, {}}, {*error, {}}, {}, {});
    request.canonical.tree = std::move(what.body);
    return {std::move(request), std::move(how)};
  }

  /// Threads do not come along into a process that is forked from this one.
  [[nodiscard]] bool reactors_elsewhere() const { return process_ != getpid(); }
  /// Keeps the router. Throws LlmError if there is none any more.
  std::shared_lock<std::shared_mutex> alive() const {
    if (reactors_elsewhere()) throw forked_error();
    std::shared_lock guard{mutex_};
    if (!router_) throw cancelled_error(ErrorKind::shut_down, {});
    return guard;
  }

  mutable std::shared_mutex mutex_;
  std::mutex stopping_;
  std::unique_ptr<engine::router> router_; // Null: stopped.
  std::unique_ptr<reactors> reactors_;
  const pid_t process_ = getpid();
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
