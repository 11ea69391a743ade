// ${VAR} in values.
#include "support.hpp"

namespace echelon::config::test {
namespace {

std::string key_of(const std::string& text, const variables& env) {
  const auto config = good("providers: {p: {kind: openai, api_key: '" + text + "'}}", env);
  const auto& keys = config->providers.at("p").api_keys;
  return keys.empty() ? std::string{} : keys.front();
}

std::string told_of_key(const std::string& text, const variables& env) {
  return told(load_snippet("providers: {p: {kind: openai, api_key: '" + text + "'}}", env));
}

TEST_CASE("CONFIG.8 a variable is used exactly as it is set") {
  CHECK(key_of("${UP_KEY}", {{"UP_KEY", "sk-1"}}) == "sk-1");
  CHECK(key_of("${UP_KEY}", {{"UP_KEY", "a\"b: #c"}}) == "a\"b: #c");
  CHECK(key_of("${UP_KEY}", {{"UP_KEY", "${OTHER}"}, {"OTHER", "no"}}) == "${OTHER}");
  CHECK(key_of("${UP_KEY}", {{"UP_KEY", "a$$b"}}) == "a$$b");
  CHECK(key_of("x-${A}-${B}-y", {{"A", "1"}, {"B", "2"}}) == "x-1-2-y");
}

TEST_CASE("CONFIG.8 an unset or an empty variable is an error with its name") {
  CHECK(told_of_key("${UP_KEY}", {})
        == "1:40: error: providers.p.api_key needs the environment variable UP_KEY, which is not "
           "set [unset-variable]\n");
  CHECK(told_of_key("${UP_KEY}", {{"UP_KEY", ""}})
        == "1:40: error: providers.p.api_key needs the environment variable UP_KEY, which is empty "
           "[unset-variable]\n");
}

TEST_CASE("CONFIG.8 a default stands for an unset and for an empty variable") {
  CHECK(key_of("${UP_KEY:-spare}", {}) == "spare");
  CHECK(key_of("${UP_KEY:-spare}", {{"UP_KEY", ""}}) == "spare");
  CHECK(key_of("${UP_KEY:-spare}", {{"UP_KEY", "own"}}) == "own");
  CHECK(key_of("${UP_KEY:-}", {}).empty());
  CHECK(key_of("${UP_KEY:-a:-b}", {}) == "a:-b");
}

TEST_CASE("CONFIG.8 two dollars are one, and one alone stays") {
  CHECK(key_of("$${UP_KEY}-${UP_KEY}", {{"UP_KEY", "v"}}) == "${UP_KEY}-v");
  CHECK(key_of("${UP_KEY}$$$$", {{"UP_KEY", "v"}}) == "v$$");
  CHECK(key_of("${UP_KEY}$UP_KEY$", {{"UP_KEY", "v"}}) == "v$UP_KEY$");
}

TEST_CASE("CONFIG.8 variables stand within URLs") {
  const auto config =
      good("providers: {p: {kind: openai, base_url: \"http://${HOST}:80/v1/\"}}", {{"HOST", "up"}});
  CHECK(config->providers.at("p").base_url == "http://up:80/v1");
}

TEST_CASE("CONFIG.8 free text is left as it is") {
  const auto config = good("task_groups: {g: {description: \"${x} $$\", t: {models: [m]}}}");
  CHECK(config->group("g")->description == "${x} $$");
}

TEST_CASE("variables stand in every value that may be secret or local") {
  const auto config = good("providers:\n"
                           "  p: {kind: openai, api_keys: [\"${A}\", \"${B}\"], headers: {x-team: "
                           "\"${A}\"}, ca_file: \"/${B}\"}\n"
                           "server: {listen: \"[::1]:${PORT}\", admin_token: \"${A}\"}\n"
                           "auth: {keys: {me: \"${B}\"}}\n",
                           {{"A", "a"}, {"B", "b"}, {"PORT", "81"}});
  const auto& p = config->providers.at("p");
  CHECK(p.api_keys == std::vector<std::string>{"a", "b"});
  CHECK(p.headers.at("x-team") == "a");
  CHECK(p.ca_file == "/b");
  CHECK(config->server.host == "::1");
  CHECK(config->server.port == 81);
  CHECK(config->server.admin_token == "a");
  CHECK(config->auth.keys.at("me") == "b");
}

TEST_CASE("simulated providers need no variables") {
  const auto result =
      load_text(completed("providers: {p: {kind: openai, base_url: \"${U}\", api_key: \"${K}\"}}"),
                "x", with({}, true));
  CHECK(told(result).empty());
  REQUIRE(result.config);
  CHECK(result.config->providers.at("p").simulate);
  CHECK(result.config->providers.at("p").api_keys.empty());
}

TEST_CASE("an empty client key never leaves the router open") {
  CHECK(told(load_snippet("auth: {keys: {me: \"${K:-}\"}}"))
        == "1:19: error: auth.keys.me must not be empty [empty-text]\n");
}

} // namespace
} // namespace echelon::config::test
