#include "providers/plain_chat.hpp"

#include "providers/json_text.hpp"

#include <simdjson.h>

#include <algorithm>
#include <iterator>

namespace echelon::providers {

namespace ondemand = simdjson::ondemand;

namespace {

template <class T>
bool is(simdjson::simdjson_result<T> from, T& to) {
  return std::move(from).get(to) == simdjson::SUCCESS;
}

enum class kind : std::uint8_t {
  model,
  messages,
  stream,
  stream_options,
  temperature,
  number,
  most_tokens,
  most_completion_tokens,
  count,
  integer,
  text
};

struct known_member {
  std::string_view name;
  kind is;
};

constexpr known_member members[]{{"model", kind::model},
                                 {"messages", kind::messages},
                                 {"stream", kind::stream},
                                 {"stream_options", kind::stream_options},
                                 {"temperature", kind::temperature},
                                 {"top_p", kind::number},
                                 {"presence_penalty", kind::number},
                                 {"frequency_penalty", kind::number},
                                 {"max_tokens", kind::most_tokens},
                                 {"max_completion_tokens", kind::most_completion_tokens},
                                 {"n", kind::count},
                                 {"seed", kind::integer},
                                 {"user", kind::text}};

/// Bits of what has been there. False: this one has.
bool first(unsigned& seen, std::ptrdiff_t which) {
  const auto bit = 1U << static_cast<unsigned>(which);
  const bool fresh = (seen & bit) == 0;
  seen |= bit;
  return fresh;
}

/// `take(key, value)` for each member, until one returns false or cannot be read.
template <class Take>
bool all_of(ondemand::object& object, Take take) {
  for (auto each : object) {
    ondemand::field field;
    std::string_view key;
    if (!is(std::move(each), field) || !is(field.unescaped_key(), key)) return false;
    if (!take(key, field.value())) return false;
  }
  return true;
}

/// All its functions: false if there is anything that is not plain.
class reader {
public:
  reader(const char* begin, plain_chat& to) : begin_(begin), to_(to) {}

  bool body(ondemand::document& from) {
    ondemand::object all;
    if (!is(from.get_object(), all)) return false;
    unsigned seen = 0;
    const bool plain = all_of(all, [&](std::string_view key, ondemand::value value) {
      const auto* found = std::find_if(std::begin(members), std::end(members),
                                       [&](const known_member& x) { return x.name == key; });
      return found != std::end(members) && first(seen, found - members) && take(found->is, value);
    });
    if (!plain) return false;
    // Nothing may follow.
    if (from.current_location().error() != simdjson::OUT_OF_BOUNDS) return false;
    if (tokens_) to_.most_answer = tokens_;
    if (completion_tokens_) to_.most_answer = completion_tokens_;
    return !to_.model.empty() && to_.messages_size > 0;
  }

private:
  bool take(kind what, ondemand::value value) {
    std::int64_t integer = 0;
    std::string_view text;
    ondemand::number number;
    switch (what) {
    case kind::model: return model(value);
    case kind::messages: return messages(value);
    case kind::stream: to_.stream_said = true; return is(value.get_bool(), to_.stream);
    case kind::stream_options: to_.options_said = true; return options(value);
    case kind::temperature: to_.temperature_said = true; return is(value.get_number(), number);
    case kind::number: return is(value.get_number(), number);
    case kind::most_tokens: return count(value, tokens_.emplace());
    case kind::most_completion_tokens: return count(value, completion_tokens_.emplace());
    case kind::count: return count(value, integer);
    case kind::integer: return is(value.get_int64(), integer) && integer > INT64_MIN;
    case kind::text: return is(value.get_string(), text);
    }
    return false;
  }

  static bool count(ondemand::value& value, std::int64_t& to) {
    return is(value.get_int64(), to) && to >= 1;
  }

  bool model(ondemand::value& value) {
    auto raw = value.raw_json_token(); // With the blanks after it.
    while (!raw.empty() && raw.back() != '"')
      raw.remove_suffix(1);
    to_.model_at = static_cast<std::size_t>(raw.data() - begin_);
    to_.model_size = raw.size();
    std::string_view name;
    if (!is(value.get_string(), name)) return false;
    to_.model = name;
    return true;
  }

  bool options(ondemand::value& value) {
    ondemand::object all;
    if (!is(value.get_object(), all)) return false;
    unsigned seen = 0;
    return all_of(all, [&](std::string_view key, ondemand::value usage) {
      return key == "include_usage" && first(seen, 0) && is(usage.get_bool(), to_.include_usage);
    });
  }

  bool messages(ondemand::value& value) {
    ondemand::array all;
    if (!is(value.get_array(), all)) return false;
    for (auto each : all) {
      ondemand::value one;
      ondemand::object message;
      if (!is(std::move(each), one) || !is(one.get_object(), message)) return false;
      if (!this->message(message)) return false;
    }
    ++to_.messages_size; // Two brackets, of which one stands for the comma that the last one lacks.
    return to_.messages_size > 1;
  }

  bool message(ondemand::object& from) {
    unsigned seen = 0;
    std::size_t size = 1;
    const bool plain = all_of(from, [&](std::string_view key, ondemand::value value) {
      const int which = key == "role" ? 0 : key == "content" ? 1 : key == "name" ? 2 : 3;
      std::string_view text;
      if (which == 3 || !first(seen, which) || !is(value.get_string(), text)) return false;
      size += key.size() + text.size() + 6;
      return which != 0 || text == "user" || text == "assistant" || text == "system"
             || text == "developer";
    });
    if (!plain) return false;
    to_.messages_size += size + 1;
    return (seen & 3U) == 3U;
  }

  const char* begin_;
  plain_chat& to_;
  std::optional<std::int64_t> tokens_, completion_tokens_;
};

} // namespace

std::optional<plain_chat> read_plain_chat(std::string_view text) {
  if (text.size() > most_kept) return std::nullopt;
  thread_local ondemand::parser parser;
  const simdjson::padded_string padded{text};
  ondemand::document document;
  if (parser.iterate(padded).get(document) != simdjson::SUCCESS) return std::nullopt;
  std::optional<plain_chat> found{std::in_place};
  if (!reader{padded.data(), *found}.body(document)) found.reset();
  return found;
}

} // namespace echelon::providers
