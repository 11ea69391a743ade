// The subcommand `echelon bench`.
#include "cli/bench/generator.hpp"
#include "cli/commands.hpp"
#include "cli/descriptors.hpp"
#include "cli/http_client.hpp"

#include <boost/beast/http/message.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <csignal>
#include <iostream>
#include <sstream>
#include <stdexcept>

namespace echelon::cli {

namespace http = boost::beast::http;
using nlohmann::json;

namespace {

/// The first target that the router lists. Throws std::runtime_error if there is none.
std::string first_target(const bench_options& options) {
  std::vector<std::pair<std::string, std::string>> headers;
  if (!options.key.empty()) headers.emplace_back("Authorization", "Bearer " + options.key);
  const auto answer = request(options.url, "GET", "/v1/models", headers, "");
  const auto list = json::parse(answer.body, nullptr, false);
  const auto id = list.is_object() ? list.value("/data/0/id"_json_pointer, json()) : json();
  if (answer.status == 200 && id.is_string()) return id.get<std::string>();
  throw std::runtime_error("GET " + options.url + "/v1/models lists no target (status "
                           + std::to_string(answer.status) + "): name one, as in "
                           + "`echelon bench TARGET`, and give --key if clients need one");
}

std::string render(const bench_options& options, const server_address& where,
                   const std::string& target) {
  json body{{"model", target},
            {"messages", json::array({{{"role", "user"}, {"content", options.prompt}}})}};
  if (options.stream) body["stream"] = true;
  http::request<http::string_body> message{http::verb::post, "/v1/chat/completions", 11};
  const auto host = where.host.find(':') == std::string::npos ? where.host : '[' + where.host + ']';
  message.set(http::field::host, host + ':' + where.port);
  message.set(http::field::content_type, "application/json");
  if (!options.key.empty()) message.set(http::field::authorization, "Bearer " + options.key);
  for (const auto& header : options.headers) {
    const auto colon = header.find(':');
    message.set(header.substr(0, colon),
                header.substr(std::min(header.size(), header.find_first_not_of(' ', colon + 1))));
  }
  message.body() = body.dump(-1, ' ', false, json::error_handler_t::replace);
  message.prepare_payload();
  std::ostringstream text;
  text << message;
  return text.str();
}

std::chrono::nanoseconds of_seconds(double x) {
  return std::chrono::nanoseconds{std::llround(x * 1e9)};
}

/// What is wrong with the options; empty: nothing.
std::string fault_of(const bench_options& options) {
  const auto blank = [](unsigned char c) { return c <= ' ' || c >= 0x7f; };
  if (std::any_of(options.key.begin(), options.key.end(), blank))
    return "--key (or ECHELON_API_KEY) holds a blank or another character that no key has";
  for (const auto& header : options.headers) {
    const auto name = header.substr(0, header.find(':'));
    const bool control = std::any_of(header.begin(), header.end(),
                                     [](unsigned char c) { return c < ' ' || c == 0x7f; });
    if (name.empty() || name.size() == header.size() || control
        || std::any_of(name.begin(), name.end(), blank))
      return "--header must be 'NAME: VALUE', not '" + header + "'";
  }
  constexpr std::size_t others = 32; // What the process has open anyway.
  if (const auto most = raise_descriptor_limit(); options.connections + others > most)
    return "--connections " + std::to_string(options.connections) + " is more than the "
           + std::to_string(most) + " descriptors that this process may have: use fewer, or raise "
           + "the limit (`ulimit -n`)";
  return {};
}

} // namespace

int bench(const bench_options& options) {
  std::signal(SIGPIPE, SIG_IGN);
  try {
    if (const auto fault = fault_of(options); !fault.empty()) {
      std::cerr << "echelon bench: " << fault << '\n';
      return 2;
    }
    const auto where = split_url(options.url);
    offered_load load;
    load.url = options.url;
    load.host = where.host;
    load.port = where.port;
    load.target = options.target.empty() ? first_target(options) : options.target;
    load.request = render(options, where, load.target);
    load.stream = options.stream;
    load.connections = options.connections;
    load.rate = options.rate;
    load.length = of_seconds(options.seconds);
    load.timeout = of_seconds(options.timeout);
    const auto result = offer(load);
    std::cout
        << (options.json
                ? report_json(load, result).dump(2, ' ', false, json::error_handler_t::replace)
                      + '\n'
                : report_text(load, result));
    return result.bad == 0 && result.good > 0 ? 0 : 1;
  } catch (const std::exception& error) {
    std::cerr << "echelon bench: " << error.what() << '\n';
    return 2;
  }
}

} // namespace echelon::cli
