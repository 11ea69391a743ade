#include "engine/metrics.hpp"

#include "engine/labelled_metrics.hpp"

#include <prometheus/gauge.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <optional>

namespace echelon::engine {

using namespace prometheus;

namespace {

Family<Counter>& counters(Registry& in, const char* name, const char* help) {
  return BuildCounter().Name(name).Help(help).Register(in);
}

Family<Histogram>& histograms(Registry& in, const char* name, const char* help) {
  return BuildHistogram().Name(name).Help(help).Register(in);
}

using messages::actor_state;

double known(std::int64_t x) {
  return static_cast<double>(x);
}

/// A gauge of each actor. Nothing: the actor has no such thing.
struct actor_gauge {
  const char* name;
  const char* help;
  std::optional<double> (*value)(const actor_state&);
};

std::optional<double> limit(std::int64_t x) {
  return x < 0 ? std::nullopt : std::optional{known(x)};
}

constexpr actor_gauge actor_gauges[] = {
    {"echelon_permits_used", "Permits held, by actor.",
     [](const actor_state& x) { return std::optional{known(x.permits_used)}; }},
    {"echelon_permits_limit", "Permits there are.",
     [](const actor_state& x) { return limit(x.permits_limit); }},
    {"echelon_queue_length", "Requests waiting.",
     [](const actor_state& x) { return std::optional{known(x.waiting)}; }},
    {"echelon_queue_size", "Requests that may wait.",
     [](const actor_state& x) { return std::optional{known(x.queue_size)}; }},
    {"echelon_rate_available", "Rate units left.",
     [](const actor_state& x) { return limit(x.rate_available); }},
    {"echelon_rate_limit", "Rate units there are.",
     [](const actor_state& x) { return limit(x.rate_limit); }},
    {"echelon_tokens_window_used", "LLM tokens used in the window of an actor's limit.",
     [](const actor_state& x) {
       return x.tokens_limit < 0 ? std::nullopt : std::optional{known(x.tokens_used)};
     }},
    {"echelon_tokens_window_limit", "LLM tokens there are in a window.",
     [](const actor_state& x) { return limit(x.tokens_limit); }},
    {"echelon_breaker_state", "0 closed, 1 half-open, 2 open or benched.",
     [](const actor_state& x) {
       return std::optional{x.benched || x.breaker == "open" ? 2.0
                            : x.breaker == "half_open"       ? 1.0
                                                             : 0.0};
     }},
    {"echelon_actor_restarts", "Restarts.",
     [](const actor_state& x) { return std::optional{known(x.restarts)}; }},
};

/// A gauge of what an actor has lent to a node. Nothing: the actor has no such limit.
struct loan_gauge {
  const char* name;
  const char* help;
  std::optional<double> (*value)(const actor_state&, const messages::loan_state&);
};

constexpr loan_gauge loan_gauges[] = {
    {"echelon_lent_permits", "Permits lent to a node.",
     [](const actor_state& x, const messages::loan_state& l) {
       return x.permits_limit < 0 ? std::nullopt : std::optional{known(l.permits)};
     }},
    {"echelon_lent_rate", "Rate units lent to a node and not used.",
     [](const actor_state& x, const messages::loan_state& l) {
       return x.rate_limit < 0 ? std::nullopt : std::optional{known(l.units)};
     }},
    {"echelon_lent_tokens", "LLM tokens lent to a node and not used.",
     [](const actor_state& x, const messages::loan_state& l) {
       return x.tokens_limit < 0 ? std::nullopt : std::optional{known(l.tokens)};
     }},
};

void add_actors(Registry& to, const std::vector<actor_state>& actors) {
  for (const auto& gauge : actor_gauges) {
    auto& family = BuildGauge().Name(gauge.name).Help(gauge.help).Register(to);
    for (const auto& x : actors)
      if (const auto value = gauge.value(x)) family.Add({{"actor", x.path}}).Set(*value);
  }
  for (const auto& gauge : loan_gauges) {
    auto& family = BuildGauge().Name(gauge.name).Help(gauge.help).Register(to);
    for (const auto& x : actors)
      for (const auto& l : x.loans)
        if (const auto value = gauge.value(x, l))
          family.Add({{"actor", x.path}, {"node", l.node}}).Set(*value);
  }
  auto& totals = BuildCounter()
                     .Name("echelon_actor_requests_total")
                     .Help("Requests by actor: admitted, refused, succeeded, failed.")
                     .Register(to);
  for (const auto& x : actors)
    for (const auto& [result, n] : {std::pair{"admitted", x.admitted},
                                    {"refused", x.refused},
                                    {"succeeded", x.succeeded},
                                    {"failed", x.failed}})
      totals.Add({{"actor", x.path}, {"result", result}})
          .Increment(known(static_cast<std::int64_t>(n)));
}

} // namespace

struct metrics::impl {
  Registry registry;
  const Histogram::BucketBoundaries seconds{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25,
                                            0.5,   1,      2.5,   5,    10,    30,   60,  120};
  labelled_metrics<Counter> requests{
      counters(registry, "echelon_requests_total", "Client requests by target and HTTP status."),
      {"target", "status"}};
  labelled_metrics<Histogram> duration{
      histograms(registry, "echelon_request_duration_seconds",
                 "From the request's head to the end of its answer."),
      {"target"},
      seconds};
  labelled_metrics<Histogram> queued{
      histograms(registry, "echelon_queue_wait_seconds", "Time that requests waited for a permit."),
      {"target"},
      seconds};
  labelled_metrics<Histogram> waits{
      histograms(registry, "echelon_actor_wait_seconds",
                 "Time that requests waited in an actor's queue, by how the wait ended."),
      {"actor", "result"},
      seconds};
  labelled_metrics<Counter> attempts{
      counters(registry, "echelon_attempts_total", "Attempts at upstreams by model and outcome."),
      {"model", "outcome"}};
  labelled_metrics<Histogram> upstream{histograms(registry, "echelon_attempt_duration_seconds",
                                                  "Whole time of an attempt at an upstream."),
                                       {"model"},
                                       seconds};
  labelled_metrics<Histogram> first{
      histograms(registry, "echelon_time_to_first_content_seconds",
                 "From the start of an attempt to its first content, streams."),
      {"model"},
      seconds};
  labelled_metrics<Counter> used{
      counters(registry, "echelon_tokens_total", "LLM tokens by model and direction."),
      {"model", "direction"}};
  labelled_metrics<Counter> fallbacks{
      counters(registry, "echelon_fallbacks_total",
               "Attempts at another candidate than the one before, by what stood in its way."),
      {"cause"}};
  Histogram& admission =
      histograms(registry, "echelon_admission_seconds",
                 "From asking the hierarchy for an admission to its answer, without waits in "
                 "queues.")
          .Add({}, Histogram::BucketBoundaries{0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005,
                                               0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1, 5});
  labelled_metrics<Counter> cost{counters(registry, "echelon_cost_total",
                                          "Money that answers cost by the models' price, by "
                                          "model."),
                                 {"model"}};
  labelled_metrics<Counter> spans{counters(registry, "echelon_trace_spans_total",
                                           "Spans of traces: sent, dropped (the queue was full), "
                                           "or failed (the collector did not take them)."),
                                  {"result"}};
  labelled_metrics<Counter> lines{
      counters(
          registry, "echelon_log_lines_total",
          "Lines of the access and audit logs: written, dropped (the queue was full), or failed "
          "(the file did not take them)."),
      {"log", "result"}};
  labelled_metrics<Counter> health{counters(registry, "echelon_health_checks_total",
                                            "Active checks of ejected pool members by result."),
                                   {"pool", "result"}};
};

metrics::metrics() : impl_(std::make_unique<impl>()) {}
metrics::~metrics() = default;

void metrics::request(std::string_view target, int status, double seconds, double queued_seconds) {
  impl_->requests.at({target, std::to_string(status)}).Increment();
  impl_->duration.at({target}).Observe(seconds);
  if (queued_seconds > 0) impl_->queued.at({target}).Observe(queued_seconds);
}

void metrics::wait(std::string_view actor, std::string_view result, double seconds) {
  impl_->waits.at({actor, result}).Observe(seconds);
}

void metrics::attempt(std::string_view model, std::string_view outcome, double seconds) {
  impl_->attempts.at({model, outcome}).Increment();
  impl_->upstream.at({model}).Observe(seconds);
}

void metrics::first_content(std::string_view model, double seconds) {
  impl_->first.at({model}).Observe(seconds);
}

void metrics::tokens(std::string_view model, std::int64_t prompt, std::int64_t completion) {
  if (prompt > 0) impl_->used.at({model, "prompt"}).Increment(static_cast<double>(prompt));
  if (completion > 0)
    impl_->used.at({model, "completion"}).Increment(static_cast<double>(completion));
}

void metrics::fallback(std::string_view cause) {
  impl_->fallbacks.at({cause}).Increment();
}

void metrics::admission(double seconds) {
  impl_->admission.Observe(seconds);
}

void metrics::cost(std::string_view model, double money) {
  if (money > 0) impl_->cost.at({model}).Increment(money);
}

void metrics::spans(std::string_view result, std::size_t n) {
  impl_->spans.at({result}).Increment(static_cast<double>(n));
}

void metrics::lines(std::string_view log, std::string_view result, std::size_t n) {
  impl_->lines.at({log, result}).Increment(static_cast<double>(n));
}

void metrics::health_check(std::string_view pool, bool healthy) {
  impl_->health.at({pool, healthy ? "ok" : "failed"}).Increment();
}

std::string metrics::text(const std::vector<messages::actor_state>& actors, std::int64_t in_flight,
                          const actors::supervision_totals& supervision,
                          const actors::admission_totals* admissions) const {
  Registry live;
  BuildGauge()
      .Name("echelon_build_info")
      .Help("Version of this router.")
      .Register(live)
      .Add({{"version", ECHELON_VERSION}})
      .Set(1);
  BuildGauge()
      .Name("echelon_requests_in_flight")
      .Help("Requests being served.")
      .Register(live)
      .Add({})
      .Set(static_cast<double>(in_flight));
  BuildCounter()
      .Name("echelon_supervisor_restarts_total")
      .Help("Actors started anew after they died.")
      .Register(live)
      .Add({})
      .Increment(static_cast<double>(supervision.restarts));
  BuildCounter()
      .Name("echelon_supervisor_escalations_total")
      .Help("All actors were started anew because one died too often.")
      .Register(live)
      .Add({})
      .Increment(static_cast<double>(supervision.escalations));
  BuildGauge()
      .Name("echelon_supervisor_failed")
      .Help("1: supervision has given up and nobody is admitted.")
      .Register(live)
      .Add({})
      .Set(supervision.failed ? 1 : 0);
  if (admissions != nullptr) {
    auto& by = BuildCounter()
                   .Name("echelon_admissions_total")
                   .Help("Admissions of this node's requests, actor by actor: by one that lives "
                         "here (own), by a lease (leased), or asked of another node (remote).")
                   .Register(live);
    by.Add({{"way", "own"}}).Increment(static_cast<double>(admissions->own));
    by.Add({{"way", "leased"}}).Increment(static_cast<double>(admissions->leased));
    by.Add({{"way", "remote"}}).Increment(static_cast<double>(admissions->remote));
  }
  add_actors(live, actors);
  const TextSerializer serializer;
  return serializer.Serialize(impl_->registry.Collect()) + serializer.Serialize(live.Collect());
}

} // namespace echelon::engine
