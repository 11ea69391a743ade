#include "config/reader.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <string_view>

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

bool digits(std::string_view x) {
  return !x.empty() && std::all_of(x.begin(), x.end(), [](char c) { return c >= '0' && c <= '9'; });
}

/// `-?(0|[1-9][0-9]*)`, and not longer than any number needs.
bool is_whole(std::string_view x) {
  if (x.size() > 63) return false;
  if (!x.empty() && x.front() == '-') x.remove_prefix(1);
  return digits(x) && (x.size() == 1 || x.front() != '0');
}

/// The same, perhaps with a point and digits.
bool is_decimal(std::string_view x) {
  const auto point = x.find('.');
  return is_whole(x.substr(0, point))
         && (point == std::string_view::npos || (x.size() < 64 && digits(x.substr(point + 1))));
}

/// `010`, which YAML 1.1 takes for 8.
bool looks_octal(std::string_view x) {
  if (!x.empty() && (x.front() == '-' || x.front() == '+')) x.remove_prefix(1);
  return x.size() > 1 && x.front() == '0' && digits(x);
}

/// Words that YAML 1.1 takes for true or false.
bool looks_boolean(std::string_view x) {
  for (const char* word : {"yes", "Yes", "YES", "no", "No", "NO", "on", "On", "ON", "off", "Off",
                           "OFF", "true", "True", "TRUE", "false", "False", "FALSE"})
    if (x == word) return true;
  return false;
}

bool is_name(std::string_view x) {
  const auto letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  };
  return !x.empty() && letter(x.front()) && std::all_of(x.begin(), x.end(), [&](char c) {
    return letter(c) || (c >= '0' && c <= '9');
  });
}

double to_number(std::string_view x) {
  double value = 0; // Not strtod: that one obeys the locale.
  std::from_chars(x.data(), x.data() + x.size(), value);
  return value;
}

std::string plain(double x) {
  auto text = std::to_string(x);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text;
}

} // namespace

map_reader::map_reader(yaml_ptr node, std::string path, const section& schema, diagnostics& out)
    : node_(std::move(node)), path_(std::move(path)), schema_(schema), out_(out) {
  if (node_->is != yaml_node::kind::map && !(node_->is == yaml_node::kind::null && path_.empty()))
    out_.error(node_->at, "wrong-type", path_ + " must be a map, not " + kind_word(*node_));
}

const key_schema& map_reader::schema(const std::string& key) const {
  static const key_schema free_name{.name = "", .about = ""};
  const auto* found = find_key(schema_, key);
  return found ? *found : free_name;
}

yaml_ptr map_reader::take(const std::string& key) const {
  for (const auto& [k, v] : node_->entries)
    if (k->text == key) return v;
  return nullptr;
}

const yaml_node* map_reader::find(const std::string& key) const {
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
  else if (looks_octal(x.text))
    why = " (leading zeros are refused: is it octal?)";
  out_.error(x.at, "wrong-type", path(key) + " must be " + wanted + ", not " + what + why);
}

std::optional<std::int64_t> map_reader::integer(const std::string& key) {
  const auto* x = find(key);
  const auto& own = schema(key);
  if (x == nullptr) {
    if (own.preset.empty()) return std::nullopt;
    return std::strtoll(std::string{own.preset}.c_str(), nullptr, 10);
  }
  const auto least = static_cast<std::int64_t>(own.least);
  const auto most = static_cast<std::int64_t>(own.most);
  if (x->is != yaml_node::kind::scalar || x->quoted || !is_whole(x->text)) {
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

std::optional<std::uint32_t> map_reader::count(const std::string& key) {
  const auto value = integer(key);
  if (!value) return std::nullopt;
  return static_cast<std::uint32_t>(*value);
}

std::optional<double> map_reader::decimal(const std::string& key, const yaml_node& x) {
  if (x.is != yaml_node::kind::scalar || x.quoted || !is_decimal(x.text)) {
    wrong_type(x, key, "a number such as 2 or 1.5");
    return std::nullopt;
  }
  return to_number(x.text);
}

std::optional<double> map_reader::number(const std::string& key) {
  const auto* x = find(key);
  const auto& own = schema(key);
  if (x == nullptr) return own.preset.empty() ? std::nullopt : std::optional{to_number(own.preset)};
  const auto value = decimal(key, *x);
  if (value && (*value < own.least || *value > own.most)) {
    out_.error(x->at, "out-of-range",
               path(key) + " must be from " + plain(own.least) + " to " + plain(own.most) + ", not "
                   + x->text);
    return std::nullopt;
  }
  return value;
}

std::optional<policy::duration> map_reader::seconds(const std::string& key) {
  const auto* x = find(key);
  const auto& own = schema(key);
  const bool zero = own.least == 0;
  if (x == nullptr) {
    if (own.preset.empty()) return std::nullopt;
    return policy::duration{std::llround(to_number(own.preset) * 1e9)};
  }
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
  if (x == nullptr) {
    const auto& own = schema(key);
    return own.preset.empty() ? std::nullopt : std::optional{own.preset == "true"};
  }
  if (x->is == yaml_node::kind::scalar && !x->quoted) {
    if (x->text == "true") return true;
    if (x->text == "false") return false;
  }
  wrong_type(*x, key, "true or false");
  return std::nullopt;
}

/// A text that YAML readers take for something else is what it looks like here, but elsewhere not.
void map_reader::warn_of_looks(const std::string& key, const yaml_node& x) {
  if (x.quoted || x.is != yaml_node::kind::scalar) return;
  if (looks_boolean(x.text))
    out_.warn(x.at, "looks-boolean",
              path(key) + " is the text " + shown(x.text)
                  + ", which other YAML readers take for a switch; put it in quotes");
  else if (looks_octal(x.text))
    out_.warn(x.at, "looks-octal",
              path(key) + " is the text " + shown(x.text)
                  + ", which other YAML readers take for an octal number; put it in quotes");
}

std::optional<std::string> map_reader::text(const std::string& key) {
  const auto* x = find(key);
  if (x == nullptr) {
    const auto& own = schema(key);
    return own.preset.empty() ? std::nullopt : std::optional<std::string>{own.preset};
  }
  if (key != "description") warn_of_looks(key, *x);
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
    warn_of_looks(key, *item);
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
  std::vector<std::string> known;
  for (const auto& key : schema_.keys)
    known.emplace_back(key.name);
  for (const auto& [key, value] : node_->entries) {
    if (find_key(schema_, key->text) != nullptr) continue;
    out_.error(key->at, "unknown-key",
               "unknown key '" + key->text + "'" + (path_.empty() ? "" : " in " + path_)
                   + hint(key->text, known));
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
    if (!is_name(name)) {
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
