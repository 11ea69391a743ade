// Files of golden/, written by hand from the providers' documentation.
// requests/NAME.json: what a client asks (`canonical`, perhaps `parameters` of its tier) and what
// each wire must be sent. streams/NAME.KIND.sse with NAME.KIND.json beside it: bytes of a provider
// and the plain answer they add up to.
#include "tests/providers/wire/support.hpp"

#include "providers/chunks.hpp"

#include <catch2/catch.hpp>

#include <filesystem>

using namespace echelon;
using namespace echelon::providers;
using namespace echelon::providers::test;

namespace {

std::vector<std::filesystem::path> files(const char* folder, const char* extension) {
  std::vector<std::filesystem::path> result;
  for (const auto& x :
       std::filesystem::directory_iterator{std::filesystem::path{ECHELON_GOLDEN} / folder})
    if (x.path().extension() == extension) result.push_back(x.path());
  std::sort(result.begin(), result.end());
  return result;
}

config::provider_kind kind_named(const std::string& name) {
  if (name == "anthropic") return config::provider_kind::anthropic;
  return name == "gemini" ? config::provider_kind::gemini : config::provider_kind::openai;
}

config::tier_parameters parameters_of(const json& value) {
  config::tier_parameters result;
  if (value.contains("temperature")) result.temperature = value["temperature"].get<double>();
  result.response_format = text_of(value, "response_format");
  result.function_calling = text_of(value, "function_calling");
  if (value.contains("thinking_budget"))
    result.thinking = config::thinking_config{true, value["thinking_budget"].get<std::uint32_t>()};
  return result;
}

} // namespace

TEST_CASE("requests are sent as the golden files say", "[wire][golden]") {
  const auto all = files("requests", ".json");
  REQUIRE(all.size() >= 6);
  for (const auto& path : all) {
    const auto golden = json::parse(text_of_file(path));
    for (const auto* name : {"openai", "anthropic", "gemini"}) {
      INFO(path.filename() << " to " << name);
      attempt x{kind_named(name)};
      x.parameters = parameters_of(member(golden, "parameters"));
      x.model.thinking = text_of(member(golden, "thinking"), name);
      x.stream = golden["canonical"].value("stream", false);
      CHECK(x.sent(golden["canonical"]) == golden[name]);
      auto dropped = x.build(golden["canonical"]).dropped;
      std::sort(dropped.begin(), dropped.end());
      CHECK(json(dropped)
            == (golden.contains("dropped") ? golden["dropped"].value(name, json::array())
                                           : json::array()));
    }
  }
}

TEST_CASE("streams add up to the golden answers", "[wire][golden]") {
  const auto all = files("streams", ".sse");
  REQUIRE(all.size() >= 6);
  for (const auto& path : all) {
    INFO(path.filename());
    const auto kind = kind_named(path.stem().extension().string().substr(1));
    const auto expected =
        json::parse(text_of_file(std::filesystem::path{path}.replace_extension(".json")));
    const auto seen = decode(kind, text_of_file(path));
    REQUIRE_FALSE(seen.failure);
    CHECK(seen.finished);
    CHECK(completion_of(seen.chunks) == expected);
  }
}
