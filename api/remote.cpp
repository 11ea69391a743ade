#include "api/remote.hpp"

#include "api/config_inside.hpp"
#include "api/logging.hpp"
#include "api/reactors.hpp"
#include "config/url.hpp"
#include "engine/router.hpp"
#include "providers/json_read.hpp"
#include "providers/request_parts.hpp"

#include <charconv>
#include <future>

namespace echelon::api {

namespace asio = boost::asio;
using nlohmann::json;
using providers::transport_error;

namespace {

std::string header(const providers::response_head& head, std::string_view name) {
  for (const auto& [key, value] : head.headers)
    if (key == name) return value;
  return {};
}

std::uint32_t number(const std::string& text) {
  std::uint32_t x = 0;
  std::from_chars(text.data(), text.data() + text.size(), x);
  return x;
}

std::vector<std::string> list_of(const std::string& text) {
  std::vector<std::string> found;
  std::size_t at = 0;
  while (at < text.size()) {
    const auto comma = std::min(text.find(", ", at), text.size());
    found.push_back(text.substr(at, comma - at));
    at = comma + 2;
  }
  return found;
}

engine::call_report report_of(const providers::response_head& head) {
  return {header(head, "x-request-id"), header(head, "x-echelon-route"),
          number(header(head, "x-echelon-attempts")), list_of(header(head, "x-echelon-dropped"))};
}

/// From the body of an error answer, or of an error event in a stream.
engine::final_error error_in(const json& body, int status) {
  const auto& x = providers::member(body, "error");
  engine::final_error e;
  e.error.status = status;
  e.error.message = providers::text_of(x, "message");
  e.error.type = providers::text_of(x, "type");
  e.error.code = providers::text_of(x, "code");
  e.error.param = providers::text_of(x, "param");
  if (e.error.message.empty())
    e.error.message = "The gateway answered " + std::to_string(status) + ".";
  return e;
}

LlmError broken(const transport_error& x, const std::string& id, std::string partial) {
  const bool late = x.why == transport_error::reason::timeout;
  ErrorInfo info;
  info.kind = late ? ErrorKind::deadline_exceeded : ErrorKind::connection;
  info.status = late ? 504 : 0;
  info.code = to_string(info.kind);
  info.request_id = id;
  info.partial_text = std::move(partial);
  return {"The gateway: " + x.message, std::move(info)};
}

/// One call over HTTP. Belongs to one reactor.
class remote_call {
public:
  remote_call(const config::provider_config& to, std::string admin_token,
              std::shared_ptr<running_call> call, providers::transport& upstreams)
      : to_(to), admin_token_(std::move(admin_token)), call_(std::move(call)),
        upstreams_(upstreams) {}

  asio::awaitable<void> run(providers::http_request request, bool stream,
                            policy::time_point deadline) {
    deadline_ = deadline;
    std::optional<transport_error> failure;
    try {
      co_await exchange(std::move(request), stream);
    } catch (const transport_error& error) {
      failure = error;
    }
    call_->on_cancel(nullptr);
    if (failure && !call_->cancelled())
      call_->failed(broken(*failure, call_->request_id(), call_->gathered().text()));
  }

private:
  asio::awaitable<void> exchange(providers::http_request request, bool stream) {
    from_ = upstreams_.open(to_);
    call_->on_cancel([this] {
      if (from_) from_->cancel();
    });
    if (call_->cancelled()) co_return;
    from_->expires_at(deadline_);
    const auto head = co_await from_->start(std::move(request));
    const auto about = report_of(head);
    if (head.status != 200) {
      const auto body = co_await read_all();
      auto error = error_in(providers::parse_json(body), head.status);
      if (const auto ms = header(head, "retry-after-ms"); !ms.empty())
        error.retry_after = std::chrono::milliseconds{number(ms)};
      else if (const auto s = header(head, "retry-after"); !s.empty())
        error.retry_after = std::chrono::seconds{number(s)};
      co_await fail(about, error);
    } else if (stream) {
      co_await read_stream(about);
    } else {
      const auto text = co_await read_all();
      const auto body = providers::parse_json(text);
      if (body.is_object()) {
        call_->done(about, body);
      } else {
        call_->failed(plain_error(ErrorKind::connection,
                                  "The gateway's answer is no JSON: is this the address of an "
                                  "echelon?",
                                  head.status, about.request_id));
      }
    }
  }

  asio::awaitable<std::string> read_all() {
    std::string all;
    for (;;) {
      auto piece = co_await from_->read();
      if (piece.empty()) break;
      all += piece;
    }
    co_return all;
  }

  asio::awaitable<void> read_stream(const engine::call_report& about) {
    const providers::canonical_request asked{providers::operation::chat, json(), true};
    const auto decoder =
        providers::adapter_for(config::provider_kind::openai).decode_stream(asked, 0);
    for (;;) {
      const auto piece = co_await from_->read();
      auto update = piece.empty() ? decoder->finish() : decoder->feed(piece);
      for (const auto& chunk : update.chunks)
        co_await call_->pass(chunk);
      if (call_->cancelled()) co_return;
      if (update.failure) {
        engine::final_error e;
        e.error = {502, update.failure->message, update.failure->type, update.failure->code,
                   update.failure->param};
        co_await fail(about, e);
        co_return;
      }
      if (update.finished || piece.empty()) break;
    }
    const auto whole = call_->gathered().completion();
    call_->done(about, whole);
  }

  asio::awaitable<void> fail(const engine::call_report& about, const engine::final_error& why) {
    std::string decision;
    if (!admin_token_.empty() && !about.request_id.empty()) {
      // The record is extra: without it the failure is told all the same.
      try {
        decision = co_await record_of(about.request_id);
      } catch (const transport_error&) {
        decision.clear();
      }
    }
    auto partial = call_->gathered().text();
    call_->failed(to_error(about, why, std::move(decision), std::move(partial)));
  }

  asio::awaitable<std::string> record_of(const std::string& id) {
    providers::http_request request;
    request.method = "GET";
    request.target = providers::endpoint(to_.base_url, "", "/admin/requests/" + id);
    request.headers.emplace_back("authorization", "Bearer " + admin_token_);
    from_ = upstreams_.open(to_);
    from_->expires_at(std::min(deadline_, policy::clock::now() + std::chrono::seconds{2}));
    const auto head = co_await from_->start(std::move(request));
    auto text = co_await read_all();
    if (head.status != 200) text.clear();
    co_return text;
  }

  const config::provider_config& to_;
  std::string admin_token_;
  std::shared_ptr<running_call> call_;
  providers::transport& upstreams_;
  std::unique_ptr<providers::exchange> from_;
  policy::time_point deadline_{};
};

asio::awaitable<void> serve(std::shared_ptr<const config::provider_config> to, std::string admin,
                            std::shared_ptr<running_call> call, providers::transport& upstreams,
                            providers::http_request request, bool stream,
                            policy::time_point deadline) {
  remote_call x{*to, std::move(admin), std::move(call), upstreams};
  co_await x.run(std::move(request), stream, deadline);
}

class remote final : public backend {
public:
  remote(const std::string& url, const RemoteOptions& options)
      : options_(options), reactors_(std::make_unique<reactors>(1, nullptr)) {
    std::string why;
    const auto good = config::check_base_url(url, why);
    if (!good) throw configuration_error({"'" + url + "' is no address of a gateway: " + why});
    auto x = std::make_shared<config::provider_config>();
    x->name = "gateway";
    x->base_url = *good;
    x->ca_file = options.ca_file;
    to_ = x;
    own_threads = reactors_->threads();
  }

  CallHandle start(call_spec what, std::shared_ptr<listener> to) override {
    if (!reactors_ || reactors_->elsewhere()) throw forked_error();
    providers::http_request request;
    request.target = providers::endpoint(to_->base_url, "", "/v1/chat/completions");
    auto& headers = request.headers;
    headers.emplace_back("content-type", "application/json");
    const auto& key = what.options.client_key.empty() ? options_.api_key : what.options.client_key;
    if (!key.empty()) headers.emplace_back("authorization", "Bearer " + key);
    const auto id =
        what.options.request_id.empty() ? providers::make_id("req_") : what.options.request_id;
    headers.emplace_back("x-request-id", id);
    std::vector<std::string> fallback;
    std::string target;
    if (what.options.node_config) {
      headers.emplace_back("x-echelon-node-config", one_line(what.options.node_config->json()));
      target = "inline";
    } else {
      target = what.targets.front();
      fallback.assign(what.targets.begin() + 1, what.targets.end());
    }
    fallback.insert(fallback.end(), what.options.fallback_groups.begin(),
                    what.options.fallback_groups.end());
    if (!fallback.empty()) headers.emplace_back("x-echelon-fallback-groups", joined(fallback));
    headers.emplace_back("x-echelon-priority",
                         std::to_string(std::min<int>(what.options.priority, 9)));
    const auto limit = what.options.timeout.value_or(options_.timeout);
    if (what.options.timeout)
      headers.emplace_back("x-echelon-timeout-ms", std::to_string(std::max<std::int64_t>(
                                                       1, what.options.timeout->count())));
    what.body["model"] = target;
    request.body = providers::dump(what.body);
    // The gateway's own answer to a passed deadline comes first.
    const auto deadline = policy::clock::now() + limit + std::chrono::seconds{2};
    return reactors_->run(
        id, std::move(to),
        [endpoint = to_, admin = options_.admin_token, request = std::move(request),
         stream = what.stream,
         deadline](std::shared_ptr<running_call> call, providers::transport& upstreams) mutable {
          return serve(endpoint, admin, std::move(call), upstreams, std::move(request), stream,
                       deadline);
        });
  }

  void check_target(const std::string&) const override {} // The gateway says so when it is called.
  void check_node(const NodeConfig&) const override {}
  void reload() override {
    throw configuration_error({"a remote gateway is reloaded there: POST /admin/reload"});
  }
  bool ready() const override {
    return reactors_ && !reactors_->elsewhere() && !reactors_->stopping();
  }
  std::string state() override { return get("/admin/state"); }
  std::string decision(const std::string& id) override {
    try {
      return get("/admin/requests/" + id);
    } catch (const LlmError& error) {
      if (error.status() == 404) return {};
      throw;
    }
  }
  ~remote() override { stop({}); }
  void stop(std::chrono::milliseconds grace) override {
    if (!reactors_) return;
    if (reactors_->elsewhere()) {
      static_cast<void>(reactors_.release()); // Of the process that this one was forked from.
      return;
    }
    reactors_->finish_calls(grace);
    reactors_->join();
  }

private:
  static std::string joined(const std::vector<std::string>& all) {
    std::string text;
    for (const auto& x : all)
      text += (text.empty() ? "" : ",") + x;
    return text;
  }

  /// A node in YAML may have lines, which a header cannot have.
  static std::string one_line(const std::string& text) {
    if (text.find('\n') == std::string::npos) return text;
    throw_if_yaml(text);
    std::string flat;
    for (const char c : text)
      flat += c == '\n' || c == '\r' ? ' ' : c;
    return flat;
  }
  static void throw_if_yaml(const std::string& text) {
    if (providers::parse_json(text).is_discarded())
      throw plain_error(ErrorKind::configuration,
                        "node_config of a remote call must be JSON, or YAML in one line", 0);
  }

  std::string get(const std::string& path) {
    const auto answer = std::make_shared<std::promise<std::pair<int, std::string>>>();
    auto found = answer->get_future();
    providers::http_request request;
    request.method = "GET";
    request.target = providers::endpoint(to_->base_url, "", path);
    if (!options_.admin_token.empty())
      request.headers.emplace_back("authorization", "Bearer " + options_.admin_token);
    static_cast<void>(reactors_->run({}, std::make_shared<deaf>(),
                                     [answer, endpoint = to_, request](auto, auto& upstreams) {
                                       return fetch(endpoint, request, answer, upstreams);
                                     }));
    if (found.wait_for(std::chrono::seconds{12}) != std::future_status::ready)
      throw plain_error(ErrorKind::connection, "The gateway does not answer.", 0);
    const auto [status, body] = found.get();
    if (status == 200) return body;
    throw to_error({}, error_in(providers::parse_json(body), status), {}, {});
  }

  static asio::awaitable<void>
  fetch(std::shared_ptr<const config::provider_config> to, providers::http_request request,
        std::shared_ptr<std::promise<std::pair<int, std::string>>> answer,
        providers::transport& upstreams) {
    std::pair<int, std::string> found;
    try {
      const auto from = upstreams.open(*to);
      from->expires_at(policy::clock::now() + std::chrono::seconds{10});
      const auto head = co_await from->start(std::move(request));
      found.first = head.status;
      for (;;) {
        const auto piece = co_await from->read();
        if (piece.empty()) break;
        found.second += piece;
      }
    } catch (const transport_error& error) {
      found = {0, providers::dump({{"error", {{"message", error.message}}}})};
    }
    answer->set_value(std::move(found));
  }

  /// Of what is no call.
  struct deaf final : listener {
    void chunk(Chunk) override {}
    void done(Completion) override {}
    void failed(LlmError) override {}
    bool must_wait(std::function<void()>) override { return false; }
  };

  RemoteOptions options_;
  std::shared_ptr<const config::provider_config> to_;
  std::unique_ptr<reactors> reactors_;
};

} // namespace

std::shared_ptr<backend> make_remote(const std::string& url, const RemoteOptions& options) {
  keep_log_quiet();
  return std::make_shared<remote>(url, options);
}

} // namespace echelon::api
