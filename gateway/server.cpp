#include "gateway/server.hpp"

#include "config/log.hpp"
#include "engine/announce_changes.hpp"
#include "engine/health_checks.hpp"
#include "engine/telemetry/audit.hpp"
#include "gateway/front_load.hpp"
#include "gateway/front_tls.hpp"
#include "gateway/listener.hpp"
#include "gateway/memory.hpp"
#include "gateway/origin.hpp"
#include "gateway/session.hpp"
#include "gateway/watch.hpp"
#include "providers/simulator/transport.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <csignal>
#include <set>
#include <sys/resource.h>
#include <thread>

namespace echelon::gateway {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

// How long connections without a request keep a process alive whose socket others have.
constexpr auto handover_time = std::chrono::seconds{3};

/// Connections that the descriptors suffice for: each request may need one to an upstream too.
std::uint64_t connections_possible(std::uint64_t requests) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return UINT64_MAX;
  constexpr std::uint64_t own = 96; // Of actors, files and listeners.
  const auto there = std::max<std::uint64_t>(limit.rlim_cur, 2 * own) - own;
  return there - std::min(requests, there / 2);
}

/// One thread with its own connections, clients' and upstreams': nothing is shared between
/// reactors.
struct reactor {
  asio::io_context io{1};
  asio::executor_work_guard<asio::io_context::executor_type> work{io.get_executor()};
  std::unique_ptr<providers::transport> upstreams;
  std::set<std::shared_ptr<connection>> clients;
  std::thread thread;
};

} // namespace

struct server::impl {
  impl(router& r, std::shared_ptr<providers::simulator_engine> simulator)
      : of(r), listen(control, r.current()->config->server.host, r.current()->config->server.port),
        identity(r.current()->config->server.tls), signals(control, SIGTERM, SIGINT, SIGHUP),
        timer(control) {
    load.certificate_end = identity.end();
    const auto settings = r.current()->config->server;
    load.most_connections = connections_possible(settings.max_requests);
    if (settings.max_connections > load.most_connections)
      log().warn("server.max_connections is {}, but the descriptors are enough for {} alone: raise "
                 "the limit (ulimit -n)",
                 settings.max_connections, load.most_connections);
    const auto cores = std::max(1U, std::thread::hardware_concurrency());
    const auto threads = settings.threads > 0 ? settings.threads : cores;
    for (unsigned i = 0; i < threads; ++i) {
      reactors.push_back(std::make_unique<reactor>());
      auto& x = *reactors.back();
      x.upstreams = providers::make_transport(x.io.get_executor(), simulator);
    }
    health_tick = std::make_shared<asio::steady_timer>(reactors.front()->io);
    change_tick = std::make_shared<asio::steady_timer>(reactors.front()->io);
  }

  asio::awaitable<void> accept() {
    std::size_t next = 0;
    while (!stopped) {
      auto& home = *reactors[next++ % reactors.size()];
      tcp::socket socket{home.io};
      error_code error;
      co_await listen.acceptor.async_accept(socket,
                                            asio::redirect_error(asio::use_awaitable, error));
      if (!error) {
        welcome(home, std::move(socket));
        continue;
      }
      if (error == asio::error::operation_aborted || !listen.acceptor.is_open()) co_return;
      // Out of descriptors, most likely: those in use will come back.
      complain("cannot accept a connection: " + error.message());
      load.count_without_descriptor();
      const bool tls = identity.context() != nullptr;
      if (listen.turn_one_away(tls)) continue;
      timer.expires_after(std::chrono::milliseconds{100});
      co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, error));
    }
  }

  void welcome(reactor& home, tcp::socket socket) {
    error_code error;
    const auto from = socket.remote_endpoint(error);
    if (error) return; // Gone already.
    auto origin = origin_of(from.address());
    if (!load.enter_connection(origin, of.current()->config->server)) {
      complain("a connection from " + origin + " is refused: there are too many");
      if (!identity.context()) say_busy(socket.native_handle());
      return;
    }
    socket.set_option(tcp::no_delay(true), error);
    auto client = std::make_shared<connection>(std::move(socket), identity.context(), load);
    client->loopback = unmapped(from.address()).is_loopback();
    client->address = std::move(origin);
    asio::post(home.io, [this, &home, client] {
      home.clients.insert(client);
      asio::co_spawn(home.io, serve_connection(of, *home.upstreams, client),
                     [this, &home, client](const std::exception_ptr&) {
                       home.clients.erase(client);
                       load.leave_connection(client->address);
                     });
    });
  }

  /// A warning, at most one each few seconds: what brings it may come thousands of times.
  void complain(const std::string& what) {
    const auto now = std::chrono::steady_clock::now();
    if (now < silent_until) return;
    silent_until = now + std::chrono::seconds{5};
    log().warn("{}", what);
  }

  /// Certificates are renewed while the router runs.
  asio::awaitable<void> watch_certificates() {
    asio::steady_timer tick{control};
    error_code ignored;
    while (!stopped) {
      tick.expires_after(std::chrono::milliseconds{250});
      co_await tick.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
      identity.refresh(of.current()->config->server.tls);
      load.certificate_end = identity.end();
    }
  }

  asio::awaitable<void> watch_signals() {
    for (;;) {
      error_code error;
      const auto number =
          co_await signals.async_wait(asio::redirect_error(asio::use_awaitable, error));
      if (error) co_return;
      if (number == SIGHUP) {
        // Whoever rotates logs sends it too.
        of.access_log().reopen();
        of.audit_log().reopen();
        reload("SIGHUP");
      } else if (draining) {
        log().warn("second signal: ending at once");
        std::_Exit(1);
      } else {
        engine::audit(of.audit_log(),
                      {.action = "drain", .by = number == SIGTERM ? "SIGTERM" : "SIGINT"});
        start_drain();
      }
    }
  }

  void reload(std::string by) {
    const auto result = of.reload();
    engine::audit(of.audit_log(),
                  {.action = "reload",
                   .by = std::move(by),
                   .done = result.ok,
                   .detail = "configuration version " + std::to_string(result.version)});
    for (const auto& x : result.messages)
      log().info("{}", x);
    const auto& c = result.changes;
    for (const auto& x : c.added)
      log().info("reload: target {} is new", x);
    for (const auto& x : c.removed)
      log().info("reload: target {} is gone", x);
    for (const auto& x : c.changed)
      log().info("reload: {}", x);
    for (const auto& x : c.need_restart)
      log().warn("reload: {} needs a restart", x);
    log().info("reload {}, configuration version {}", result.ok ? "done" : "refused",
               result.version);
  }

  /// A change counts once it has been the same twice: half a file is not read.
  asio::awaitable<void> watch_files() {
    asio::steady_timer tick{control};
    error_code error;
    auto known = loaded, last = known;
    while (!stopped) {
      tick.expires_after(std::chrono::milliseconds{500});
      co_await tick.async_wait(asio::redirect_error(asio::use_awaitable, error));
      const auto look = look_of(watched);
      const bool settled = look == last && !look.empty();
      last = look;
      if (!settled || look == known) continue;
      known = look;
      log().info("{} has changed", watched);
      reload("file watch");
    }
  }

  /// After a burst, gives the memory it took back to the system.
  asio::awaitable<void> return_memory() {
    asio::steady_timer tick{control};
    error_code error;
    std::uint64_t seen = 0;
    while (!stopped) {
      tick.expires_after(std::chrono::seconds{1});
      co_await tick.async_wait(asio::redirect_error(asio::use_awaitable, error));
      const auto served = of.served.load();
      if (of.failed && !draining) {
        log().critical("supervision has given up: draining, then ending with an error");
        start_drain();
      }
      if (of.in_flight > 0 || served == seen) continue;
      seen = served;
      return_free_memory();
    }
  }

  void start_drain() {
    if (draining) return;
    draining = true;
    // First: a reactor that sees the drain must see too that others go on with the socket.
    load.handed_over = listen.inherited();
    of.begin_drain();
    log().info("draining: {} requests in flight", of.in_flight.load());
    error_code ignored;
    listen.acceptor.close(ignored);
    asio::co_spawn(control, finish_drain(), asio::detached);
  }

  asio::awaitable<void> finish_drain() {
    const auto begun = std::chrono::steady_clock::now();
    const auto limit = begun + of.current()->config->server.drain_timeout;
    // Others go on with the socket: whoever is connected here gets a last answer, and then is told
    // to connect anew. Idle ones are waited for no longer than a moment.
    const auto farewell = load.handed_over ? std::min(limit, begun + handover_time) : begun;
    asio::steady_timer tick{control};
    error_code ignored;
    const auto busy = [&] {
      const auto now = std::chrono::steady_clock::now();
      return now < limit && (of.in_flight > 0 || (load.connections() > 0 && now < farewell));
    };
    while (busy()) {
      tick.expires_after(std::chrono::milliseconds{10});
      co_await tick.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    }
    if (of.in_flight > 0)
      log().warn("drain_timeout passed, {} requests are cut off", of.in_flight.load());
    // What this node owns goes to the others before it ends.
    if (of.node() != nullptr) of.node()->leave(std::chrono::seconds{2});
    stopped = true;
    control.stop();
  }

  /// Ends every reactor: closing the clients' sockets ends their coroutines.
  void stop_reactors() {
    for (auto& x : reactors) {
      asio::post(x->io, [&home = *x] {
        for (const auto& client : home.clients)
          client->stream.close();
        home.work.reset();
      });
    }
    asio::post(reactors.front()->io, [health = health_tick, change = change_tick] {
      health->cancel();
      change->cancel();
    });
    for (auto& x : reactors) {
      if (!x->thread.joinable()) continue;
      asio::post(x->io, [&home = *x] {
        // What does not end by itself within a moment is dropped with its io_context.
        auto limit = std::make_shared<asio::steady_timer>(home.io, std::chrono::milliseconds{500});
        limit->async_wait([limit, &home](error_code) { home.io.stop(); });
      });
    }
    for (auto& x : reactors)
      if (x->thread.joinable()) x->thread.join();
  }

  router& of;
  front_load load;
  asio::io_context control{1};
  listener listen;
  front_identity identity;
  std::chrono::steady_clock::time_point silent_until{}; // Of complain().
  asio::signal_set signals;
  asio::steady_timer timer;
  std::vector<std::unique_ptr<reactor>> reactors;
  std::shared_ptr<asio::steady_timer> health_tick, change_tick; // On the first reactor.
  bool draining = false, stopped = false;
  std::string watched; // Configuration; empty: it is not watched.
  std::string loaded;  // How it looked before it was read.
};

server::server(router& of, std::shared_ptr<providers::simulator_engine> simulator)
    : impl_(std::make_unique<impl>(of, std::move(simulator))) {}

server::~server() {
  impl_->stop_reactors();
}

std::string server::address() const {
  const auto where = impl_->listen.acceptor.local_endpoint();
  const auto host = where.address().to_string();
  return (impl_->identity.context() ? "https://" : "http://")
         + (where.address().is_v6() ? '[' + host + ']' : host) + ':' + std::to_string(where.port());
}

void server::run() {
  for (auto& x : impl_->reactors)
    x->thread = std::thread{[&home = *x] { home.io.run(); }};
  auto& first = *impl_->reactors.front();
  asio::co_spawn(first.io, engine::check_health(impl_->of, *first.upstreams, impl_->health_tick),
                 asio::detached);
  asio::co_spawn(first.io, engine::announce_changes(impl_->of, impl_->change_tick), asio::detached);
  asio::co_spawn(impl_->control, impl_->accept(), asio::detached);
  asio::co_spawn(impl_->control, impl_->watch_signals(), asio::detached);
  if (impl_->identity.context())
    asio::co_spawn(impl_->control, impl_->watch_certificates(), asio::detached);
  asio::co_spawn(impl_->control, impl_->return_memory(), asio::detached);
  if (!impl_->watched.empty()) asio::co_spawn(impl_->control, impl_->watch_files(), asio::detached);
  impl_->control.run();
  impl_->stop_reactors();
}

void server::watch(std::string path, std::string loaded) {
  impl_->watched = std::move(path);
  impl_->loaded = std::move(loaded);
}

void server::drain() {
  asio::post(impl_->control, [this] { impl_->start_drain(); });
}

} // namespace echelon::gateway
