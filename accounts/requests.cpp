#include "accounts/requests.hpp"

#include "config/times.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <limits>
#include <set>

namespace echelon::accounts {

using nlohmann::json;

namespace {

/// What is wrong with a request, for people.
struct wrong_request {
  std::string message;
};

bool good_name(const std::string& x) {
  return !x.empty() && x.size() <= 100 && std::all_of(x.begin(), x.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'
           || c == '-' || c == '.';
  });
}

std::string now_text() {
  return config::write_utc(
      std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()));
}

std::uint32_t count(const json& of, const char* key) {
  const auto i = of.find(key);
  if (i == of.end() || i->is_null()) return 0;
  constexpr std::int64_t most = std::numeric_limits<std::int32_t>::max();
  if (!i->is_number_integer() || i->get<std::int64_t>() < 1 || i->get<std::int64_t>() > most)
    throw wrong_request{std::string{key} + " must be a whole number from 1 on"};
  return i->get<std::uint32_t>();
}

std::int64_t money(const json& of, const char* key) {
  const auto i = of.find(key);
  if (i == of.end() || i->is_null()) return 0;
  const auto x = i->is_number() ? i->get<double>() : 0.0;
  if (!(x >= 0.000001 && x <= 1e9))
    throw wrong_request{std::string{key} + " must be an amount from 0.000001 to 1000000000"};
  return std::llround(x * 1e6);
}

key_record read_key(const json& of) {
  if (!of.is_object()) throw wrong_request{"the body must be a JSON object"};
  static const std::set<std::string> known{
      "name",         "targets",        "rpm_limit", "tpm_limit", "concurrency_limit",
      "daily_budget", "monthly_budget", "expires"};
  for (const auto& [key, value] : of.items())
    if (known.count(key) == 0) throw wrong_request{"'" + key + "' is not known"};
  key_record x;
  if (const auto i = of.find("name"); i != of.end() && i->is_string()) x.name = *i;
  if (!good_name(x.name))
    throw wrong_request{"name must have 1 to 100 of the characters A-Z a-z 0-9 _ - ."};
  if (const auto i = of.find("targets"); i != of.end() && !i->is_null()) {
    if (!i->is_array() || i->empty())
      throw wrong_request{"targets must be a list of names; leave it out to allow every target"};
    for (const auto& target : *i)
      if (!target.is_string() || target.get<std::string>().empty())
        throw wrong_request{"targets must be a list of names"};
    x.targets = i->get<std::vector<std::string>>();
  }
  x.rpm_limit = count(of, "rpm_limit");
  x.tpm_limit = count(of, "tpm_limit");
  x.concurrency_limit = count(of, "concurrency_limit");
  x.daily_budget = money(of, "daily_budget");
  x.monthly_budget = money(of, "monthly_budget");
  if (const auto i = of.find("expires"); i != of.end() && !i->is_null()) {
    if (!i->is_string() || !config::read_utc(i->get<std::string>()))
      throw wrong_request{"expires must be a time in UTC such as 2027-01-31T00:00:00Z"};
    x.expires = *i;
  }
  return x;
}

/// A day or a time, as milliseconds since 1970.
std::int64_t moment(const std::string& key, std::string text) {
  if (text.size() == 10) text += "T00:00:00Z";
  const auto found = config::read_utc(text);
  if (!found)
    throw wrong_request{key
                        + " must be a day or a time in UTC, such as 2027-01-31 or "
                          "2027-01-31T12:00:00Z"};
  return std::chrono::milliseconds{found->time_since_epoch()}.count();
}

std::uint32_t whole(const std::string& key, const std::string& text, std::uint32_t least,
                    std::uint32_t most) {
  std::uint32_t x = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), x);
  if (error != std::errc{} || end != text.data() + text.size() || x < least || x > most)
    throw wrong_request{key + " must be a whole number from " + std::to_string(least) + " to "
                        + std::to_string(most)};
  return x;
}

std::vector<std::string> dimensions(const std::string& text) {
  std::vector<std::string> found;
  for (std::size_t from = 0; from <= text.size();) {
    const auto to = std::min(text.find(',', from), text.size());
    auto name = text.substr(from, to - from);
    from = to + 1;
    if (name.empty()) continue;
    const bool known = name == "key" || name == "target" || name == "model" || name == "day";
    if (!known || std::find(found.begin(), found.end(), name) != found.end())
      throw wrong_request{"by must name some of key, target, model and day, each once"};
    found.push_back(std::move(name));
  }
  return found;
}

usage_query read_query(const std::map<std::string, std::string>& parameters) {
  usage_query x;
  x.by = {"key"};
  for (const auto& [key, value] : parameters) {
    if (key == "by")
      x.by = dimensions(value);
    else if (key == "key")
      x.key = value;
    else if (key == "target")
      x.target = value;
    else if (key == "model")
      x.model = value;
    else if (key == "from")
      x.from_ms = moment(key, value);
    else if (key == "to")
      x.to_ms = moment(key, value);
    else if (key == "limit")
      x.limit = whole(key, value, 1, 10000);
    else if (key == "offset")
      x.offset = whole(key, value, 0, std::numeric_limits<std::int32_t>::max());
    else
      throw wrong_request{"'" + key
                          + "' is not known; there are by, key, target, model, from, to, limit and "
                            "offset"};
  }
  return x;
}

} // namespace

store_reply failure(int status, const std::string& message, const std::string& code) {
  const auto* type = status >= 500 ? "server_error" : "invalid_request_error";
  return {status, {{"error", {{"message", message}, {"type", type}, {"code", code}}}}};
}

store_reply create_key(store& in, const json& wanted) {
  key_record x;
  try {
    x = read_key(wanted);
  } catch (const wrong_request& wrong) {
    return failure(400, wrong.message + ".", "bad_key");
  }
  const auto key = new_key();
  x.sha256 = hash_of(key);
  x.created = now_text();
  if (!in.create(x))
    return failure(409,
                   "There is a key '" + x.name
                       + "' already, perhaps a revoked one: usage is counted by name.",
                   "name_taken");
  auto body = to_json(x);
  body["key"] = key;
  return {201, std::move(body)};
}

store_reply revoke_key(store& in, const std::string& name) {
  const auto when = now_text();
  if (!in.revoke(name, when))
    return failure(404, "There is no key '" + name + "' in force in the store.", "key_not_found");
  return {200, {{"name", name}, {"revoked", when}}};
}

store_reply list_keys(store& in) {
  json keys = json::array();
  for (const auto& x : in.keys())
    keys.push_back(to_json(x));
  return {200, {{"keys", std::move(keys)}}};
}

store_reply usage(store& in, const std::map<std::string, std::string>& parameters) {
  try {
    return {200, in.usage(read_query(parameters))};
  } catch (const wrong_request& wrong) {
    return failure(400, wrong.message + ".", "bad_query");
  }
}

} // namespace echelon::accounts
