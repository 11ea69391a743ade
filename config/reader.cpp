#include "config/reader.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <regex>

namespace echelon::config {
namespace {

const char* kind_word(const yaml_node& x) {
  switch (x.is) {
  case yaml_node::kind::null: return "nothing";
  case yaml_node::kind::scalar: return x.quoted ? "a quoted string" : "a word";
  case yaml_node::kind::list: return "a list";
  case yaml_node::kind::map: return "a map";
  }
  return "something else";
}

std::string shown(const std::string& text) {
  return "'" + (text.size() > 60 ? text.substr(0, 60) + "..." : text) + "'";
}

bool matches(const std::string& text, const char* pattern) {
  return text.size() < 64 && std::regex_match(text, std::regex{pattern});
}

std::string plain(double x) {
  auto text = std::to_string(x);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text;
}

} // namespace

map_reader::map_reader(yaml_ptr node, std::string path, diagnostics& out)
    : node_(std::move(node)), path_(std::move(path)), out_(out) {
  if (node_->is != yaml_node::kind::map && !(node_->is == yaml_node::kind::null && path_.empty()))
    out_.error(node_->at, "wrong-type", path_ + " must be a map, not " + kind_word(*node_));
}

yaml_ptr map_reader::take(const std::string& key) {
  if (std::find(known_.begin(), known_.end(), key) == known_.end()) known_.push_back(key);
  for (const auto& [k, v] : node_->entries)
    if (k->text == key) return v;
  return nullptr;
}

const yaml_node* map_reader::find(const std::string& key) {
  return take(key).get();
}

place map_reader::where(const std::string& key) const {
  for (const auto& [k, v] : node_->entries)
    if (k->text == key) return v->at;
  return node_->at;
}

void map_reader::wrong_type(const yaml_node& x, const std::string& key, const std::string& wanted) {
  const auto what = x.is == yaml_node::kind::scalar ? shown(x.text) : std::string{kind_word(x)};
  std::string why;
  if (x.is == yaml_node::kind::scalar && x.quoted)
    why = " in quotes";
  else if (matches(x.text, "[-+]?0[0-9]+"))
    why = " (leading zeros are refused: is it octal?)";
  out_.error(x.at, "wrong-type", path(key) + " must be " + wanted + ", not " + what + why);
}

std::optional<std::int64_t> map_reader::integer(const std::string& key, std::int64_t least,
                                                std::int64_t most) {
  const auto* x = find(key);
  if (x == nullptr) return std::nullopt;
  if (x->is != yaml_node::kind::scalar || x->quoted || !matches(x->text, "-?(0|[1-9][0-9]*)")) {
    wrong_type(*x, key, "a whole number");
    return std::nullopt;
  }
  errno = 0;
  const auto value = std::strtoll(x->text.c_str(), nullptr, 10);
  if (errno == ERANGE || value < least || value > most) {
    out_.error(x->at, "out-of-range",
               path(key) + " must be from " + std::to_string(least) + " to " + std::to_string(most)
                   + ", not " + x->text);
    return std::nullopt;
  }
  return value;
}

std::optional<std::uint32_t> map_reader::count(const std::string& key, std::uint32_t least) {
  const auto value = integer(key, least, std::numeric_limits<std::int32_t>::max());
  if (!value) return std::nullopt;
  return static_cast<std::uint32_t>(*value);
}

std::optional<double> map_reader::decimal(const std::string& key, const yaml_node& x) {
  if (x.is != yaml_node::kind::scalar || x.quoted
      || !matches(x.text, "-?(0|[1-9][0-9]*)(\\.[0-9]+)?")) {
    wrong_type(x, key, "a number such as 2 or 1.5");
    return std::nullopt;
  }
  double value = 0; // Not strtod: that one obeys the locale.
  std::from_chars(x.text.data(), x.text.data() + x.text.size(), value);
  return value;
}

std::optional<double> map_reader::number(const std::string& key, double least, double most) {
  const auto* x = find(key);
  if (x == nullptr) return std::nullopt;
  const auto value = decimal(key, *x);
  if (value && (*value < least || *value > most)) {
    out_.error(x->at, "out-of-range",
               path(key) + " must be from " + plain(least) + " to " + plain(most) + ", not "
                   + x->text);
    return std::nullopt;
  }
  return value;
}

std::optional<policy::duration> map_reader::seconds(const std::string& key, bool zero) {
  const auto* x = find(key);
  if (x == nullptr) return std::nullopt;
  const auto value = decimal(key, *x);
  if (!value) return std::nullopt;
  constexpr double most = 10'000'000; // Four months: longer is a mistake.
  constexpr double least = 1e-9;      // What rounds to nothing is 0.
  if (*value < 0 || (*value < least && !(*value == 0 && zero)) || *value > most) {
    out_.error(x->at, "out-of-range",
               path(key) + " must be " + (zero ? "0 or more" : "more than 0")
                   + " and at most 10000000 seconds, not " + x->text);
    return std::nullopt;
  }
  return policy::duration{std::llround(*value * 1e9)};
}

std::optional<bool> map_reader::boolean(const std::string& key) {
  const auto* x = find(key);
  if (x == nullptr) return std::nullopt;
  if (x->is == yaml_node::kind::scalar && !x->quoted) {
    if (x->text == "true") return true;
    if (x->text == "false") return false;
  }
  wrong_type(*x, key, "true or false");
  return std::nullopt;
}

std::optional<std::string> map_reader::text(const std::string& key) {
  const auto* x = find(key);
  if (x == nullptr) return std::nullopt;
  if (x->is == yaml_node::kind::scalar) return x->text;
  wrong_type(*x, key, "a string");
  return std::nullopt;
}

std::optional<std::string> map_reader::word(const std::string& key) {
  auto value = text(key);
  if (!value || !value->empty()) return value;
  out_.error(where(key), "empty-text", path(key) + " must not be empty");
  return std::nullopt;
}

std::optional<std::vector<std::string>> map_reader::texts(const std::string& key) {
  const auto* x = find(key);
  if (x == nullptr) return std::nullopt;
  if (x->is != yaml_node::kind::list) {
    wrong_type(*x, key, "a list of strings");
    return std::nullopt;
  }
  std::vector<std::string> found;
  for (const auto& item : x->items) {
    if (item->is == yaml_node::kind::scalar)
      found.push_back(item->text);
    else
      out_.error(item->at, "wrong-type", path(key) + " must hold strings, not " + kind_word(*item));
  }
  return found;
}

std::optional<std::string> map_reader::expanded(const std::string& key, const environment& env,
                                                bool lenient) {
  const auto value = text(key);
  if (!value) return std::nullopt;
  return expand(*value, env, lenient, where(key), path(key), out_);
}

void map_reader::wrong_word(const std::string& key, const std::string& value,
                            const std::vector<std::string>& known) {
  std::string list;
  for (const auto& x : known)
    list += (list.empty() ? "" : ", ") + x;
  out_.error(where(key), "unknown-value",
             path(key) + " must be one of " + list + ", not " + shown(value) + hint(value, known));
}

void map_reader::finish() {
  for (const auto& [key, value] : node_->entries) {
    if (std::find(known_.begin(), known_.end(), key->text) != known_.end()) continue;
    out_.error(key->at, "unknown-key",
               "unknown key '" + key->text + "'" + (path_.empty() ? "" : " in " + path_)
                   + hint(key->text, known_));
  }
}

std::optional<std::string> expand(const std::string& text, const environment& env, bool lenient,
                                  const place& at, const std::string& path, diagnostics& out) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '$' || i + 1 == text.size()) {
      result += text[i];
      continue;
    }
    if (text[i + 1] == '$') {
      result += '$';
      ++i;
      continue;
    }
    if (text[i + 1] != '{') {
      result += text[i];
      continue;
    }
    const auto end = text.find('}', i);
    if (end == std::string::npos) {
      out.error(at, "bad-variable", path + " has a ${ without its }; a plain $ is written $$");
      return std::nullopt;
    }
    auto name = text.substr(i + 2, end - i - 2);
    std::optional<std::string> fallback;
    if (const auto dash = name.find(":-"); dash != std::string::npos) {
      fallback = name.substr(dash + 2);
      name.resize(dash);
    }
    if (!matches(name, "[A-Za-z_][A-Za-z0-9_]*")) {
      out.error(at, "bad-variable",
                path + " has ${" + name
                    + "}, which is no name of a variable; a plain $ is written $$");
      return std::nullopt;
    }
    const auto value = env(name);
    if (value && !value->empty())
      result += *value;
    else if (fallback)
      result += *fallback;
    else if (!lenient) {
      out.error(at, "unset-variable",
                path + " needs the environment variable " + name + ", which is "
                    + (value ? "empty" : "not set"));
      return std::nullopt;
    }
    i = end;
  }
  return result;
}

} // namespace echelon::config
