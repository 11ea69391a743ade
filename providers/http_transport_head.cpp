#include "providers/http_transport_exchange.hpp"

#include <boost/beast/core/string.hpp>
#include <boost/beast/http/rfc7230.hpp>

#include <algorithm>
#include <array>
#include <string_view>

namespace echelon::providers {

namespace beast = boost::beast;
namespace http = beast::http;

namespace {

// What a character would break: nothing, a name or target, or any text of a head.
enum : std::uint8_t { fine = 0, bad_in_name = 1, bad = 3 };
constexpr auto kinds = [] {
  std::array<std::uint8_t, 256> found{};
  for (std::size_t c = 0; c < 0x20; ++c)
    found[c] = bad;
  found[0x7f] = bad;
  found['\t'] = found[' '] = found[':'] = bad_in_name;
  return found;
}();

/// All that any character of it would break.
std::uint8_t kind_of(std::string_view text) {
  std::uint8_t found = fine;
  for (const char c : text)
    found = static_cast<std::uint8_t>(found | kinds[static_cast<unsigned char>(c)]);
  return found;
}

bool has_control(std::string_view text) {
  return kind_of(text) == bad;
}

template <std::size_t N>
bool is_among(const std::string_view (&names)[N], std::string_view name) {
  return std::any_of(names, names + N, [&](std::string_view x) {
    return x.size() == name.size() && beast::iequals(name, x);
  });
}

/// Headers that the transport writes itself or that mean this hop only.
bool is_ours(std::string_view name) {
  static constexpr std::string_view names[]{
      "host", "content-length", "connection", "transfer-encoding", "keep-alive",         "upgrade",
      "te",   "trailer",        "expect",     "proxy-connection",  "proxy-authorization"};
  return is_among(names, name);
}

bool is_hop_by_hop(http::field name) {
  switch (name) {
  case http::field::connection:
  case http::field::keep_alive:
  case http::field::proxy_authenticate:
  case http::field::te:
  case http::field::proxy_connection:
  case http::field::proxy_authorization:
  case http::field::trailer:
  case http::field::transfer_encoding:
  case http::field::upgrade: return true;
  default: return false;
  }
}

} // namespace

std::string request_head(const http_origin& origin, const http_request& request) {
  const auto refuse = [](const std::string& what) {
    throw transport_error(transport_error::reason::network,
                          what + " holds a character that HTTP does not allow");
  };
  const auto target = request.target.empty() ? std::string_view{"/"} : request.target;
  if (has_control(target) || target.find(' ') != std::string_view::npos)
    refuse("the request's path");
  const bool relayed = origin.proxy && !origin.tls;
  const auto host = origin.host_header();
  std::string out;
  out.reserve(512);
  out.append(request.method).append(" ");
  if (relayed) out.append("http://").append(host);
  out.append(target).append(" HTTP/1.1\r\nHost: ").append(host).append("\r\n");
  if (relayed && !origin.proxy->authorization.empty())
    out += "Proxy-Authorization: " + origin.proxy->authorization + "\r\n";
  bool coding_told = false;
  for (const auto& [name, value] : request.headers) {
    if (is_ours(name)) continue;
    if (name.empty() || kind_of(name) != fine) refuse("a header's name");
    if (has_control(value)) refuse("header " + name);
    coding_told = coding_told || beast::iequals(name, "accept-encoding");
    out.append(name).append(": ").append(value).append("\r\n");
  }
  if (!coding_told) out += "Accept-Encoding: identity\r\n";
  if (!request.body.empty() || request.method == "POST")
    out.append("Content-Length: ").append(std::to_string(request.body.size())).append("\r\n");
  out += "\r\n";
  return out;
}

response_head http_exchange_state::take_head() {
  const auto& message = parser_->get();
  response_head out;
  out.status = static_cast<int>(message.result_int());
  std::string coding;
  std::string named; // By Connection: these fields belong to this hop too.
  for (const auto& field : message) {
    const bool is_coding = field.name() == http::field::content_encoding;
    if (!is_coding && field.name() != http::field::connection) continue;
    auto& list = is_coding ? coding : named;
    list += (list.empty() ? "" : ", ") + std::string{field.value()};
  }
  if (parser_->is_done()) coding.clear(); // No body, nothing to decode.
  decoder_.emplace(coding);
  // Mostly it names what is of this hop anyway.
  if (beast::iequals(named, "keep-alive") || beast::iequals(named, "close")) named.clear();
  http::token_list hop{named};
  out.headers.reserve(8);
  for (const auto& field : message) {
    if (is_hop_by_hop(field.name())) continue;
    auto name = std::string{field.name_string()};
    if (!named.empty() && hop.exists(name)) continue;
    const bool framing = field.name() == http::field::content_encoding
                         || field.name() == http::field::content_length;
    if (framing && !decoder_->plain()) continue;
    std::transform(name.begin(), name.end(), name.begin(), [](char c) {
      return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    out.headers.emplace_back(std::move(name), std::string{field.value()});
  }
  return out;
}

} // namespace echelon::providers
