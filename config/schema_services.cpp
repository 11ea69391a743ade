// Providers, models and the process itself.
#include "config/schema.hpp"

namespace echelon::config {

using enum value_kind;

const section& root_schema() {
  static const section x{
      "",
      {
          {.name = "task_groups",
           .kind = map,
           .about = "tiers of models",
           .inner = &groups_schema(),
           .required = true},
          {.name = "polling_pools",
           .kind = map,
           .about = "groups that take turns",
           .inner = &pools_schema()},
          {.name = "workflow_nodes",
           .kind = map,
           .about = "steps of a workflow and where they ask",
           .inner = &nodes_schema()},
          {.name = "global_fallback",
           .kind = map,
           .about = "retries and moves",
           .inner = &fallback_schema()},
          {.name = "concurrency_control",
           .kind = map,
           .about = "permits and queues of each level",
           .inner = &concurrency_schema()},
          {.name = "rate_limiting",
           .kind = map,
           .about = "of all requests to the router",
           .inner = &rate_schema()},
          {.name = "providers",
           .kind = map,
           .about = "where models are",
           .inner = &providers_schema()},
          {.name = "models",
           .kind = map,
           .about = "models and their limits",
           .inner = &models_schema()},
          {.name = "server", .kind = map, .about = "the HTTP front", .inner = &server_schema()},
          {.name = "auth", .kind = map, .about = "who may ask", .inner = &auth_schema()},
          {.name = "cluster",
           .kind = map,
           .about = "several nodes with one set of limits",
           .inner = &cluster_schema(),
           .absent = "one node by itself"},
          {.name = "telemetry",
           .kind = map,
           .about = "traces of requests",
           .inner = &telemetry_schema()},
          {.name = "logs",
           .kind = map,
           .about = "requests and administration, line by line",
           .inner = &logs_schema()},
      }};
  return x;
}

const section& providers_schema() {
  static const section x{"providers", {}, &provider_schema(), "provider"};
  return x;
}

const section& provider_schema() {
  static const section x{
      "providers.<provider>",
      {
          {.name = "kind",
           .kind = word,
           .about = "the API it speaks; `simulator` answers from within",
           .words = {"openai", "anthropic", "gemini", "simulator"},
           .required = true},
          {.name = "base_url",
           .about =
               "`http://` or `https://` URL without user, query and fragment; requests go below it",
           .expands = true,
           .absent = "the vendor's"},
          {.name = "api_key", .about = "", .expands = true, .secret = true},
          {.name = "api_keys",
           .kind = texts,
           .about = "more of them; requests take turns",
           .expands = true,
           .secret = true},
          {.name = "headers", .kind = strings, .about = "sent with every request", .expands = true},
          {.name = "ca_file",
           .about = "PEM bundle: whom to trust",
           .expands = true,
           .absent = "the system's"},
          {.name = "proxy",
           .about = "forward proxy, `http://HOST:PORT` or `none`; unset: `HTTPS_PROXY`, "
                    "`HTTP_PROXY`, `NO_PROXY` decide",
           .expands = true,
           .absent = "of the environment"},
          {.name = "forward_authorization",
           .kind = flag,
           .about = "the client's own key goes to this provider",
           .preset = "false"},
          {.name = "connect_timeout", .kind = seconds, .about = "", .preset = "5"},
      }};
  return x;
}

const section& models_schema() {
  static const section x{"models", {}, &model_schema(), "model"};
  return x;
}

const section& model_schema() {
  static const section x{
      "models.<model>",
      {
          {.name = "provider", .about = "name of its provider; must exist", .required = true},
          {.name = "model", .about = "the provider's own id", .absent = "the model's name"},
          {.name = "rpm_limit", .kind = whole, .about = "attempts in any 60 s"},
          {.name = "tpm_limit", .kind = whole, .about = "in any 60 s", .unit = "LLM tokens"},
          {.name = "concurrency_limit",
           .kind = whole,
           .about = "attempts at once",
           .absent = "`model_level`, else none"},
          {.name = "weight",
           .kind = whole,
           .about = "share among the models of a tier",
           .preset = "1",
           .least = 0},
          {.name = "context_window",
           .kind = whole,
           .about =
               "prompt and answer together; `on_context_overflow: next` looks for a larger one",
           .unit = "LLM tokens",
           .absent = "not known"},
          {.name = "max_output_tokens",
           .kind = whole,
           .about = "sent where the API demands a ceiling and the client gives none",
           .preset = "4096",
           .unit = "LLM tokens"},
          {.name = "price", .kind = map, .about = "of its tokens", .inner = &price_schema()},
          {.name = "thinking",
           .kind = word,
           .about = "how the model is told to think",
           .words = {"budget", "adaptive", "effort", "level"},
           .absent = "by the model's id"},
      }};
  return x;
}

const section& price_schema() {
  static const section x{"models.<model>.price",
                         {
                             {.name = "input_per_mtok",
                              .kind = number,
                              .about = "US dollars per million LLM tokens of prompts",
                              .preset = "0",
                              .least = 0,
                              .most = 1'000'000},
                             {.name = "output_per_mtok",
                              .kind = number,
                              .about = "US dollars per million LLM tokens of answers",
                              .preset = "0",
                              .least = 0,
                              .most = 1'000'000},
                         }};
  return x;
}

const section& server_schema() {
  static const section x{
      "server",
      {
          {.name = "listen",
           .about = "`ADDRESS:PORT` or `[IPV6]:PORT`, port 0: any; `--listen` wins",
           .preset = "127.0.0.1:8080",
           .expands = true},
          {.name = "admin_token",
           .about = "without it admin calls are taken from loopback only",
           .expands = true,
           .secret = true},
          {.name = "total_timeout",
           .kind = seconds,
           .about = "deadline of a request that has no other",
           .preset = "600"},
          {.name = "max_body_bytes",
           .kind = whole,
           .about = "of a request",
           .preset = "33554432",
           .unit = "bytes"},
          {.name = "max_reply_bytes",
           .kind = whole,
           .about = "of an upstream's plain answer",
           .preset = "33554432",
           .unit = "bytes"},
          {.name = "header_timeout",
           .kind = seconds,
           .about = "to read a request's head",
           .preset = "15"},
          {.name = "body_timeout", .kind = seconds, .about = "to read its body", .preset = "60"},
          {.name = "idle_timeout",
           .kind = seconds,
           .about = "how long a connection is kept between two requests",
           .preset = "75"},
          {.name = "write_timeout",
           .kind = seconds,
           .about = "a client that takes nothing of its answer for so long is cut off",
           .preset = "60"},
          {.name = "max_header_bytes",
           .kind = whole,
           .about = "of a request's head",
           .preset = "65536",
           .least = 1024,
           .most = 1048576,
           .unit = "bytes"},
          {.name = "max_connections",
           .kind = whole,
           .about = "of clients at once; never more than the descriptors leave beside one for each "
                    "request",
           .preset = "16384"},
          {.name = "max_connections_per_client",
           .kind = whole,
           .about = "of one address",
           .absent = "as many as there may be"},
          {.name = "max_requests",
           .kind = whole,
           .about = "under way at once, waiting ones too; beyond, the least important are shed "
                    "first ([security.md](security.md#overload))",
           .preset = "4096"},
          {.name = "max_requests_per_client",
           .kind = whole,
           .about = "of one key, or of one address where no key is asked for",
           .absent = "a fair share"},
          {.name = "max_memory_bytes",
           .kind = whole,
           .about = "that the bodies of requests under way may take together",
           .preset = "1073741824",
           .unit = "bytes"},
          {.name = "tls",
           .kind = map,
           .about = "HTTPS instead of HTTP",
           .inner = &front_tls_schema()},
          {.name = "drain_timeout",
           .kind = seconds,
           .about = "for requests under way when the router ends",
           .preset = "30",
           .least = 0},
          {.name = "strict",
           .kind = flag,
           .about =
               "what a provider cannot express is an error, not dropped with `x-echelon-dropped`",
           .preset = "false"},
          {.name = "threads",
           .kind = whole,
           .about = "0: one per core",
           .preset = "0",
           .least = 0,
           .most = 1024},
      }};
  return x;
}

const section& front_tls_schema() {
  static const section x{
      "server.tls",
      {
          {.name = "cert",
           .about = "PEM file of the certificate and those between it and its authority; read "
                    "anew when it changes",
           .required = true,
           .expands = true},
          {.name = "key", .about = "PEM file of its key", .required = true, .expands = true},
          {.name = "client_ca",
           .about = "PEM file of an authority: clients must present a certificate of it",
           .expands = true,
           .absent = "clients need none"},
      }};
  return x;
}

const section& auth_schema() {
  static const section x{
      "auth",
      {
          {.name = "keys",
           .kind = strings,
           .about = "name to key of each client; none may be empty",
           .expands = true,
           .secret = true,
           .absent = "no key is asked for"},
          {.name = "clients",
           .kind = map,
           .about = "keys that are known by their hash, with limits of their own",
           .inner = &clients_schema()},
          {.name = "store",
           .about = "where keys and usage are kept: `sqlite:PATH` or "
                    "`postgresql://USER:PASSWORD@HOST/DB`",
           .expands = true,
           .secret = true,
           .absent = "nothing is kept"},
          {.name = "spool",
           .about = "folder of this process alone, where usage waits for the store",
           .expands = true,
           .absent = "`PATH.spool`, or `echelon-spool`; in a cluster with `-NODE`"},
      }};
  return x;
}

const section& clients_schema() {
  static const section x{"auth.clients", {}, &client_schema(), "client"};
  return x;
}

const section& client_schema() {
  static const section x{
      "auth.clients.<client>",
      {
          {.name = "sha256",
           .about = "SHA-256 of the key, 64 hex digits in lower case",
           .required = true,
           .expands = true},
          {.name = "targets",
           .kind = texts,
           .about = "what it may ask for; a group stands for its tiers too",
           .absent = "every target"},
          {.name = "rpm_limit", .kind = whole, .about = "requests in any 60 s"},
          {.name = "tpm_limit", .kind = whole, .about = "in any 60 s", .unit = "LLM tokens"},
          {.name = "concurrency_limit", .kind = whole, .about = "requests at once"},
          {.name = "daily_budget",
           .kind = number,
           .about = "US dollars a day (UTC), by the models' `price`; needs `auth.store`",
           .least = 0.000001,
           .most = 1'000'000'000},
          {.name = "monthly_budget",
           .kind = number,
           .about = "US dollars a month (UTC), by the models' `price`; needs `auth.store`",
           .least = 0.000001,
           .most = 1'000'000'000},
          {.name = "expires",
           .about = "UTC time `2027-01-31T00:00:00Z` from which on it is refused",
           .absent = "never"},
      }};
  return x;
}

const section& cluster_schema() {
  static const section x{
      "cluster",
      {
          {.name = "name", .about = "nodes of another name are refused", .preset = "echelon"},
          {.name = "node",
           .about = "unique name of this process",
           .expands = true,
           .absent = "the host's name"},
          {.name = "listen",
           .about = "`ADDRESS:PORT` where the other nodes reach this one",
           .expands = true,
           .absent = "`127.0.0.1`, any port"},
          {.name = "seeds",
           .kind = texts,
           .about = "`ADDRESS:PORT` of the other nodes; may name this one too"},
          {.name = "membership",
           .kind = word,
           .about = "who says who is in: the nodes themselves, or an etcd",
           .preset = "static",
           .words = {"static", "etcd"}},
          {.name = "partition",
           .kind = word,
           .about = "of a split: the minority stops, or each side goes on with its share of "
                    "every limit",
           .preset = "strict",
           .words = {"strict", "scale"}},
          {.name = "leases",
           .kind = flag,
           .about =
               "borrow parts of the limits that other nodes own, so that most admissions cross "
               "no network; always off with `partition: scale`",
           .preset = "true"},
          {.name = "etcd", .kind = map, .about = "for `membership: etcd`", .inner = &etcd_schema()},
          {.name = "tls",
           .kind = map,
           .about = "mutual TLS between the nodes",
           .inner = &tls_schema()},
      }};
  return x;
}

const section& etcd_schema() {
  static const section x{
      "cluster.etcd",
      {
          {.name = "endpoints",
           .kind = texts,
           .about = "`http://A:P` or `https://A:P`; tried in turn"},
          {.name = "lease_ttl",
           .kind = whole,
           .about = "how long a lost node is taken for alive",
           .preset = "5",
           .least = 2,
           .most = 600,
           .unit = "seconds"},
          {.name = "ca",
           .about = "PEM file of whom to trust, for `https`",
           .expands = true,
           .absent = "the system's"},
          {.name = "cert", .about = "PEM file of a client certificate", .expands = true},
          {.name = "key", .about = "PEM file of its key", .expands = true},
      }};
  return x;
}

const section& tls_schema() {
  static const section x{
      "cluster.tls",
      {
          {.name = "cert",
           .about = "PEM file of this node's certificate",
           .required = true,
           .expands = true},
          {.name = "key", .about = "PEM file of its key", .required = true, .expands = true},
          {.name = "ca", .about = "PEM file of whom to trust", .required = true, .expands = true},
      }};
  return x;
}

} // namespace echelon::config
