// providers, models, server, auth and cluster.
#include "config/sections.hpp"
#include "config/url.hpp"

#include <algorithm>

namespace echelon::config {

void read_headers(map_reader& in, loading& x, std::map<std::string, std::string>& to) {
  const auto headers = in.take("headers");
  if (!headers) return;
  map_reader own{headers, in.path("headers"), free_names(), x.out};
  for (const auto& [key, value] : headers->entries)
    if (const auto v = own.expanded(key->text, x.env, x.simulate)) {
      if (v->find_first_of("\r\n") != std::string::npos)
        x.out.error(value->at, "bad-header", own.path(key->text) + " holds a line break");
      else
        to[key->text] = *v;
    }
}

namespace {

/// Reports characters that no header can carry, without showing them.
void check_secret(loading& x, const std::string& value, const place& at, const std::string& path) {
  const bool bad = std::any_of(value.begin(), value.end(),
                               [](unsigned char c) { return c < 0x20 || c == 0x7F; });
  if (bad) x.out.error(at, "bad-secret", path + " holds a line break or another control character");
}

/// A secret from `key`, with a warning if it stands in the file itself. Never printed.
std::optional<std::string> secret(loading& x, map_reader& in, const std::string& key) {
  const auto raw = in.text(key);
  if (raw && !raw->empty() && raw->find("${") == std::string::npos)
    x.out.warn(in.where(key), "plain-secret",
               in.path(key) + " holds a secret in plain; take it from the environment with ${VAR}");
  if (!raw) return std::nullopt;
  auto value = expand(*raw, x.env, x.simulate, in.where(key), in.path(key), x.out);
  if (value) check_secret(x, *value, in.where(key), in.path(key));
  return value;
}

void read_provider(loading& x, const yaml_node& name, const yaml_ptr& node) {
  map_reader in{node, "providers." + name.text, provider_schema(), x.out};
  if (node->is != yaml_node::kind::map) return;
  provider_config to;
  to.name = name.text;
  word_list<provider_kind> kinds{{"openai", provider_kind::openai},
                                 {"anthropic", provider_kind::anthropic},
                                 {"gemini", provider_kind::gemini},
                                 {"simulator", provider_kind::simulator}};
  for (const auto& [own, adapter] : x.parts.kinds)
    kinds.emplace_back(own, provider_kind::custom);
  if (in.find("kind") == nullptr) x.out.error(name.at, "missing-key", in.path() + " needs kind");
  if (const auto v = in.one_of("kind", kinds)) to.kind = *v;
  to.kind_name = in.text("kind").value_or("");
  if (to.kind == provider_kind::custom) to.adapter = x.parts.kinds.at(to.kind_name);
  to.simulate = x.simulate || to.kind == provider_kind::simulator;
  const auto url = in.expanded("base_url", x.env, to.simulate);
  if (url && (!url->empty() || !to.simulate)) {
    std::string why;
    if (const auto good = check_base_url(*url, why))
      to.base_url = *good;
    else
      x.out.error(in.where("base_url"), "bad-url",
                  in.path("base_url") + " is not a base URL: " + why);
  } else if (to.kind == provider_kind::custom && !to.simulate) {
    if (in.find("base_url") == nullptr)
      x.out.error(name.at, "missing-key", in.path() + " needs base_url");
  } else if (!to.simulate && in.find("base_url") == nullptr) {
    to.base_url = to.kind == provider_kind::openai ? "https://api.openai.com/v1"
                  : to.kind == provider_kind::anthropic
                      ? "https://api.anthropic.com"
                      : "https://generativelanguage.googleapis.com";
  }
  if (const auto key = secret(x, in, "api_key"); key && !key->empty()) to.api_keys.push_back(*key);
  if (const auto list = in.texts("api_keys"))
    for (const auto& item : in.find("api_keys")->items) {
      if (item->is != yaml_node::kind::scalar) continue;
      if (item->text.find("${") == std::string::npos)
        x.out.warn(item->at, "plain-secret",
                   in.path("api_keys") + " holds a secret in plain; use ${VAR}");
      const auto key = expand(item->text, x.env, x.simulate, item->at, in.path("api_keys"), x.out);
      if (key) check_secret(x, *key, item->at, in.path("api_keys"));
      if (key && !key->empty()) to.api_keys.push_back(*key);
    }
  read_headers(in, x, to.headers);
  to.ca_file = in.expanded("ca_file", x.env, x.simulate).value_or("");
  to.proxy = in.expanded("proxy", x.env, x.simulate).value_or("");
  if (!to.proxy.empty() && to.proxy != "none") {
    std::string why;
    if (const auto good = check_base_url(to.proxy, why); good && good->rfind("http://", 0) == 0)
      to.proxy = *good;
    else
      x.out.error(in.where("proxy"), "bad-url",
                  in.path("proxy") + " must be none or http://HOST:PORT"
                      + (why.empty() ? "" : ": " + why));
  }
  to.forward_authorization = in.boolean("forward_authorization").value_or(false);
  if (const auto v = in.seconds("connect_timeout")) to.connect_timeout = *v;
  in.finish();
  x.provider_at[to.name] = name.at;
  x.config.providers[to.name] = std::move(to);
}

void read_model(loading& x, const yaml_node& name, const yaml_ptr& node) {
  map_reader in{node, "models." + name.text, model_schema(), x.out};
  if (node->is != yaml_node::kind::map) return;
  model_config to;
  to.name = name.text;
  to.provider = in.word("provider").value_or("");
  if (in.find("provider") == nullptr)
    x.out.error(name.at, "missing-key", in.path() + " needs provider");
  to.model = in.word("model").value_or(name.text);
  to.rpm_limit = in.count("rpm_limit");
  to.tpm_limit = in.count("tpm_limit");
  to.concurrency_limit = in.count("concurrency_limit");
  if (const auto v = in.count("weight")) to.weight = *v;
  to.context_window = in.count("context_window");
  if (const auto v = in.count("max_output_tokens")) to.max_output_tokens = *v;
  const word_list<std::string> ways{
      {"budget", "budget"}, {"adaptive", "adaptive"}, {"effort", "effort"}, {"level", "level"}};
  if (const auto v = in.one_of("thinking", ways)) to.thinking = *v;
  if (const auto price = in.take("price")) {
    map_reader own{price, in.path("price"), price_schema(), x.out};
    to.input_per_mtok = own.number("input_per_mtok").value_or(0);
    to.output_per_mtok = own.number("output_per_mtok").value_or(0);
    own.finish();
  }
  x.model_at[to.name] = name.at;
  x.model_limit_at[to.name] = in.where("provider");
  in.finish();
  x.config.models[to.name] = std::move(to);
}

} // namespace

void read_providers(loading& x, const yaml_ptr& node) {
  const map_reader in{node, "providers", providers_schema(), x.out};
  for (const auto& [key, value] : node->entries)
    if (check_name(*key, "a provider", x.out)) read_provider(x, *key, value);
}

void read_models(loading& x, const yaml_ptr& node) {
  const map_reader in{node, "models", models_schema(), x.out};
  for (const auto& [key, value] : node->entries) {
    // Vendors' model names have dots: gpt-3.5-turbo.
    const auto bad = [](unsigned char c) { return c <= ' ' || c == ',' || c == 0x7F; };
    if (key->text.empty() || std::any_of(key->text.begin(), key->text.end(), bad))
      x.out.error(key->at, "bad-name",
                  "the name of a model must be without blank or comma, not '" + key->text + "'");
    else
      read_model(x, *key, value);
  }
}

void read_server(loading& x, const yaml_ptr& node) {
  map_reader in{node, "server", server_schema(), x.out};
  auto& to = x.config.server;
  if (const auto v = in.expanded("listen", x.env, false); v && !split_address(*v, to.host, to.port))
    x.out.error(in.where("listen"), "bad-address",
                "server.listen must be ADDRESS:PORT, such as 127.0.0.1:8080 or [::1]:8080");
  to.admin_token = secret(x, in, "admin_token").value_or("");
  if (const auto v = in.seconds("total_timeout")) to.total_timeout = *v;
  if (const auto v = in.count("max_body_bytes")) to.max_body_bytes = *v;
  if (const auto v = in.count("max_reply_bytes")) to.max_reply_bytes = *v;
  if (const auto v = in.seconds("drain_timeout")) to.drain_timeout = *v;
  if (const auto v = in.seconds("header_timeout")) to.header_timeout = *v;
  if (const auto v = in.seconds("body_timeout")) to.body_timeout = *v;
  if (const auto v = in.seconds("idle_timeout")) to.idle_timeout = *v;
  if (const auto v = in.seconds("write_timeout")) to.write_timeout = *v;
  if (const auto v = in.count("max_header_bytes")) to.max_header_bytes = *v;
  if (const auto v = in.count("max_connections")) to.max_connections = *v;
  if (const auto v = in.count("max_connections_per_client")) to.max_connections_per_client = *v;
  if (const auto v = in.count("max_requests")) to.max_requests = *v;
  if (const auto v = in.count("max_requests_per_client")) to.max_requests_per_client = *v;
  if (const auto v = in.count("max_memory_bytes")) to.max_memory_bytes = *v;
  if (const auto tls = in.take("tls")) {
    map_reader own{tls, "server.tls", front_tls_schema(), x.out};
    to.tls.cert = own.expanded("cert", x.env, x.simulate).value_or("");
    to.tls.key = own.expanded("key", x.env, x.simulate).value_or("");
    to.tls.client_ca = own.expanded("client_ca", x.env, x.simulate).value_or("");
    if (to.tls.cert.empty() || to.tls.key.empty())
      x.out.error(own.at(), "missing-key", "server.tls needs cert and key, two PEM files");
    own.finish();
  }
  to.strict = in.boolean("strict").value_or(false);
  if (const auto v = in.integer("threads")) to.threads = static_cast<std::uint32_t>(*v);
  in.finish();
}

void read_auth(loading& x, const yaml_ptr& node) {
  map_reader in{node, "auth", auth_schema(), x.out};
  if (const auto keys = in.take("keys")) {
    map_reader own{keys, "auth.keys", free_names(), x.out};
    for (const auto& [key, value] : keys->entries)
      if (const auto v = secret(x, own, key->text)) {
        // Dropped in silence, the last key would leave the router open to all.
        if (v->empty() && !x.simulate)
          x.out.error(value->at, "empty-text", own.path(key->text) + " must not be empty");
        else if (!v->empty())
          x.config.auth.keys[key->text] = *v;
      }
  }
  if (const auto clients = in.take("clients")) read_clients(x, clients);
  read_store(x, in);
  in.finish();
}

} // namespace echelon::config
