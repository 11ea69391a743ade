#include "providers/json_text.hpp"

#include <simdjson.h>

#include <array>
#include <charconv>
#include <cstring>

namespace echelon::providers {

using nlohmann::json;

namespace {

struct converter {
  std::size_t most_depth;
  bool too_deep = false, repeated = false;

  json value_of(const simdjson::dom::element& x, std::size_t depth) {
    using simdjson::dom::element_type;
    switch (x.type()) {
    case element_type::OBJECT: {
      auto found = json::object();
      if (depth >= most_depth) too_deep = true;
      if (too_deep) break;
      auto& members = found.get_ref<json::object_t&>();
      const simdjson::dom::object all = x.get_object().value_unsafe();
      for (const auto& field : all)
        if (!members.insert_or_assign(std::string{field.key}, value_of(field.value, depth + 1))
                 .second)
          repeated = true;
      return found;
    }
    case element_type::ARRAY: {
      auto found = json::array();
      if (depth >= most_depth) too_deep = true;
      if (too_deep) break;
      auto& items = found.get_ref<json::array_t&>();
      const simdjson::dom::array list = x.get_array().value_unsafe();
      items.reserve(list.size());
      for (const auto& item : list)
        items.push_back(value_of(item, depth + 1));
      return found;
    }
    case element_type::STRING: return std::string{x.get_string().value_unsafe()};
    case element_type::INT64: {
      const auto n = x.get_int64().value_unsafe();
      return n < 0 ? json(n) : json(static_cast<std::uint64_t>(n));
    }
    case element_type::UINT64: return x.get_uint64().value_unsafe();
    case element_type::DOUBLE: return x.get_double().value_unsafe();
    case element_type::BOOL: return x.get_bool().value_unsafe();
    case element_type::NULL_VALUE: break;
    }
    return nullptr;
  }
};

json read_with(simdjson::dom::parser& parser, std::string_view text, std::size_t most_depth,
               bool* repeated) {
  simdjson::dom::element root;
  if (parser.parse(text.data(), text.size(), true).get(root) != simdjson::SUCCESS)
    return json(json::value_t::discarded);
  converter x{most_depth};
  auto found = x.value_of(root, 0);
  if (repeated != nullptr) *repeated = x.repeated;
  return x.too_deep ? json(json::value_t::discarded) : found;
}

bool as_it_is(char c) {
  return c != '"' && c != '\\' && static_cast<unsigned char>(c) >= 0x20;
}

// The first byte at or after `from` that is not written as it is; the end if there is none.
std::size_t next_escape(const std::string& text, std::size_t from) {
  constexpr auto ones = std::uint64_t{0x0101010101010101};
  constexpr auto tops = ones << 7U;
  // Exact for the lowest byte that is set, which alone decides whether there is any.
  const auto zero_in = [](std::uint64_t x) { return (x - ones) & ~x & tops; };
  auto i = from;
  for (std::uint64_t eight = 0; i + sizeof eight <= text.size(); i += sizeof eight) {
    std::memcpy(&eight, text.data() + i, sizeof eight);
    const auto control = (eight - ones * 0x20) & ~eight & tops;
    if ((control | zero_in(eight ^ (ones * '"')) | zero_in(eight ^ (ones * '\\'))) != 0) break;
  }
  while (i < text.size() && as_it_is(text[i]))
    ++i;
  return i;
}

bool well_formed(const std::string& text) {
  return simdjson::validate_utf8(text.data(), text.size());
}

std::string dumped(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

void write_escaped(std::string& out, char c) {
  constexpr std::string_view digits = "0123456789abcdef";
  out += '\\';
  switch (c) {
  case '\b': out += 'b'; return;
  case '\f': out += 'f'; return;
  case '\n': out += 'n'; return;
  case '\r': out += 'r'; return;
  case '\t': out += 't'; return;
  case '"':
  case '\\': out += c; return;
  default:
    out += "u00";
    out += digits[static_cast<unsigned char>(c) >> 4U];
    out += digits[static_cast<unsigned char>(c) & 15U];
  }
}

void write_string(std::string& out, const std::string& text) {
  if (!well_formed(text)) {
    out += dumped(text);
    return;
  }
  out += '"';
  for (std::size_t from = 0;;) {
    const auto i = next_escape(text, from);
    out.append(text, from, i - from);
    if (i == text.size()) break;
    write_escaped(out, text[i]);
    from = i + 1;
  }
  out += '"';
}

template <class Integer>
std::string_view digits_of(Integer n, std::array<char, 24>& room) {
  const auto end = std::to_chars(room.data(), room.data() + room.size(), n).ptr;
  return {room.data(), static_cast<std::size_t>(end - room.data())};
}

// Numbers and words.
std::string_view short_text(const json& value, std::array<char, 24>& room) {
  switch (value.type()) {
  case json::value_t::boolean: return value.get<bool>() ? "true" : "false";
  case json::value_t::number_integer: return digits_of(value.get<std::int64_t>(), room);
  case json::value_t::number_unsigned: return digits_of(value.get<std::uint64_t>(), room);
  case json::value_t::null: return "null";
  default: return {};
  }
}

void write(std::string& out, const json& value) {
  if (value.is_object()) {
    char before = '{';
    for (const auto& [key, item] : value.get_ref<const json::object_t&>()) {
      out += before;
      write_string(out, key);
      out += ':';
      write(out, item);
      before = ',';
    }
    out += before == '{' ? "{}" : "}";
  } else if (value.is_array()) {
    char before = '[';
    for (const auto& item : value.get_ref<const json::array_t&>()) {
      out += before;
      write(out, item);
      before = ',';
    }
    out += before == '[' ? "[]" : "]";
  } else if (value.is_string()) {
    write_string(out, value.get_ref<const std::string&>());
  } else {
    std::array<char, 24> room{};
    const auto text = short_text(value, room);
    if (text.empty())
      out += dumped(value);
    else
      out += text;
  }
}

} // namespace

json read_json(std::string_view text, std::size_t most_depth, bool* repeated) {
  if (text.size() > most_kept) {
    simdjson::dom::parser parser;
    return read_with(parser, text, most_depth, repeated);
  }
  thread_local simdjson::dom::parser parser;
  return read_with(parser, text, most_depth, repeated);
}

std::string write_json(const json& value) {
  std::string out;
  out.reserve(1024);
  write(out, value);
  return out;
}

std::size_t unescaped_size(const json& value) {
  std::size_t n = 0;
  if (value.is_object()) {
    for (const auto& [key, item] : value.get_ref<const json::object_t&>())
      n +=
          key.size() + unescaped_size(item) + 4; // Quotes, a colon, and a comma or the first brace.
    return n == 0 ? 2 : n + 1;
  }
  if (value.is_array()) {
    for (const auto& item : value.get_ref<const json::array_t&>())
      n += unescaped_size(item) + 1;
    return n == 0 ? 2 : n + 1;
  }
  if (value.is_string()) return value.get_ref<const std::string&>().size() + 2;
  std::array<char, 24> room{};
  const auto text = short_text(value, room);
  return text.empty() ? dumped(value).size() : text.size();
}

} // namespace echelon::providers
