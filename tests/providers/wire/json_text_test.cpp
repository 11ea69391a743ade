// Fast reading and writing give what nlohmann::json gives, byte by byte, whatever the value.
#include "providers/json_text.hpp"

#include "providers/json_read.hpp"

#include <catch2/catch.hpp>

#include <cmath>
#include <limits>
#include <random>

using namespace echelon::providers;
using nlohmann::json;

namespace {

std::string reference(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

/// Random values, ill-formed text and all.
struct dice {
  std::mt19937 engine;

  std::size_t below(std::size_t n) { return engine() % n; }

  std::string text() {
    static const std::vector<std::string> pieces{
        "a",    "word ",    "\"",           "\\",
        "\n",   "\t",       "\b",           "\f",
        "\r",   "/",        "\x01",         "\x1f",
        "\x7f", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x99\x82",
        "\xff", "\xc3",     "\xe2\x82",     std::string(1, '\0')};
    std::string found;
    for (auto n = below(12); n > 0; --n)
      found += pieces[below(pieces.size())];
    return found;
  }

  json number() {
    switch (below(6)) {
    case 0: return std::numeric_limits<std::int64_t>::min() + static_cast<std::int64_t>(below(3));
    case 1: return std::numeric_limits<std::uint64_t>::max() - below(3);
    case 2: return static_cast<std::int64_t>(below(2000)) - 1000;
    case 3:
      return std::ldexp(1.0 + static_cast<double>(engine()), static_cast<int>(below(1800)) - 900);
    case 4: return static_cast<double>(below(100)) / 10;
    default: return std::numeric_limits<double>::quiet_NaN();
    }
  }

  json value(std::size_t depth) {
    switch (below(depth > 4 ? 4 : 6)) {
    case 0: return nullptr;
    case 1: return below(2) == 0;
    case 2: return number();
    case 3: return text();
    case 4: {
      auto list = json::array();
      for (auto n = below(5); n > 0; --n)
        list.push_back(value(depth + 1));
      return list;
    }
    default: {
      auto object = json::object();
      for (auto n = below(5); n > 0; --n)
        object[text()] = value(depth + 1);
      return object;
    }
    }
  }
};

bool same_types(const json& a, const json& b) {
  if (a.type() != b.type() || a.size() != b.size()) return false;
  if (!a.is_structured()) return a == b;
  for (auto i = a.begin(), j = b.begin(); i != a.end(); ++i, ++j)
    if ((a.is_object() && i.key() != j.key()) || !same_types(*i, *j)) return false;
  return true;
}

/// The same with no character of a string that needs an escape, and each string as long as before.
json unescaped(const json& value) {
  const auto plain = [](const std::string& text) { return std::string(text.size(), 'x'); };
  if (value.is_string()) return plain(value.get<std::string>());
  auto found = value;
  if (value.is_array())
    for (auto& item : found)
      item = unescaped(item);
  if (!value.is_object()) return found;
  found = json::object();
  std::size_t number = 0; // Keys of one length must not fall together.
  for (const auto& [key, item] : value.items()) {
    auto name = plain(key) + std::to_string(++number);
    found[name] = unescaped(item);
  }
  return found;
}

/// What the numbers behind the keys of unescaped() take.
std::size_t numbers_in(const json& value) {
  std::size_t n = 0, number = 0;
  for (const auto& item : value) {
    if (value.is_object()) n += std::to_string(++number).size();
    if (item.is_structured()) n += numbers_in(item);
  }
  return n;
}

} // namespace

TEST_CASE("what is written is what nlohmann writes, and its size but for escapes is known before") {
  for (unsigned seed = 1; seed <= 3000; ++seed) {
    dice chance{std::mt19937{seed}};
    const auto value = chance.value(0);
    INFO("seed " << seed);
    REQUIRE(write_json(value) == reference(value));
    const auto rest = value.is_structured() ? numbers_in(value) : 0;
    REQUIRE(unescaped_size(value) == reference(unescaped(value)).size() - rest);
  }
}

TEST_CASE("what must be escaped is found wherever it stands among plain characters") {
  for (int c = 0; c < 256; ++c)
    for (std::size_t at = 0; at < 20; ++at) {
      std::string text(20, 'p');
      text[at] = static_cast<char>(c);
      INFO("byte " << c << " at " << at);
      REQUIRE(write_json(text) == reference(text));
    }
}

TEST_CASE("what is read is what nlohmann reads, down to the kinds of numbers") {
  for (unsigned seed = 1; seed <= 3000; ++seed) {
    dice chance{std::mt19937{seed}};
    auto text = reference(chance.value(0));
    // Also with something broken.
    if (seed % 2 == 0) text[chance.below(text.size())] = static_cast<char>(chance.engine());
    INFO("seed " << seed << ": " << text);
    const auto expected = json::parse(text, nullptr, false);
    const auto found = read_json(text);
    if (expected.is_discarded()) REQUIRE(found.is_discarded());
    if (!found.is_discarded()) REQUIRE(same_types(found, expected));
  }
}

TEST_CASE("odd texts are read as nlohmann reads them, by it where need be") {
  const auto* text =
      GENERATE(R"({"a":1,"b":2,"a":{"c":3}})", "-0", "0", "-1", "1.0", "1e2", "1E-400",
               "18446744073709551615", "18446744073709551616", "-9223372036854775809",
               "\xEF\xBB\xBF{\"a\":1}", R"("\u00e9\ud83d\ude42")", R"(["\/"])", " [ 1 , 2 ] ",
               "\"tail\" ", "[[[[[[]]]]]]", "{}");
  const auto expected = json::parse(text, nullptr, false);
  REQUIRE_FALSE(expected.is_discarded());
  const auto found = parse_json(text);
  CHECK(found == expected);
  CHECK(write_json(found) == reference(expected));
}

TEST_CASE("a text that is longer than what a parser keeps is read all the same") {
  const json value{{"long", std::string(1U << 20U, 'x')}, {"list", std::vector<int>(5000, 7)}};
  CHECK(read_json(write_json(value)) == value);
}

TEST_CASE("what is no JSON is not read") {
  const auto* text = GENERATE("", " ", "{", "{\"a\"}", "[1,]", "nul", "\"\xff\"", "01", "1 2",
                              "1e999", R"("\ud800")");
  CHECK(read_json(text).is_discarded());
}
