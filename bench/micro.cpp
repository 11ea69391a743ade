// What single steps cost: limiters, breaker, the admission of a request by its whole hierarchy, and
// the wire formats.
#include "actors/hierarchy.hpp"
#include "config/load.hpp"
#include "config/topology.hpp"
#include "gateway/front/front.hpp"
#include "policy/breaker.hpp"
#include "policy/gate.hpp"
#include "policy/limiter.hpp"
#include "policy/rotation.hpp"
#include "providers/json_text.hpp"
#include "providers/openai.hpp"

#include <benchmark/benchmark.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>

using namespace echelon;
using policy::time_point;

namespace {

constexpr auto tick = std::chrono::microseconds{50};

void token_bucket(benchmark::State& state) {
  time_point now{};
  policy::token_bucket uut{{.bucket_size = 1000, .refill_micro_per_second = 20'000'000'000}, now};
  for (auto _ : state)
    benchmark::DoNotOptimize(uut.try_take(now += tick));
}
BENCHMARK(token_bucket);

void sliding_window(benchmark::State& state) {
  time_point now{};
  policy::hold_id id = 0;
  policy::sliding_window uut{{.window = std::chrono::seconds{60}, .max_units = 1'000'000'000}};
  for (auto _ : state)
    benchmark::DoNotOptimize(uut.try_take(++id, 1, now += tick));
}
BENCHMARK(sliding_window);

void breaker_pass_and_report(benchmark::State& state) {
  time_point now{};
  policy::breaker uut{{}};
  for (auto _ : state)
    uut.report(uut.pass(now), policy::outcome::success, now += tick);
}
BENCHMARK(breaker_pass_and_report);

void rotation_of_8(benchmark::State& state) {
  time_point now{};
  policy::rotation uut{policy::rotation_strategy::round_robin, std::vector<std::uint32_t>(8, 1)};
  for (auto _ : state)
    benchmark::DoNotOptimize(uut.next(now += tick));
}
BENCHMARK(rotation_of_8);

void gate_admit_and_release(benchmark::State& state) {
  time_point now{};
  policy::hold_id id = 0;
  policy::gate_settings settings;
  settings.concurrency = policy::concurrency_settings{};
  settings.concurrency->limit = 1000;
  settings.rate = policy::token_bucket_settings{1'000'000'000, 1'000'000'000'000};
  policy::gate uut{settings, now};
  for (auto _ : state) {
    benchmark::DoNotOptimize(uut.admit({.id = ++id}, now += tick));
    uut.release({.id = id, .result = policy::outcome::success}, now);
  }
}
BENCHMARK(gate_admit_and_release);

constexpr const char* five_levels = R"(
providers: {p: {kind: simulator}}
models: {m: {provider: p, model: m, concurrency_limit: 1000, rpm_limit: 1000000000}}
task_groups: {g: {echelon1: {models: [m], priority: 1, concurrency_limit: 1000, rpm_limit: 1000000000}}}
polling_pools:
  pool: {task_groups: [g], rate_limiting: {enabled: true, algorithm: token_bucket, bucket_size: 1000000000, refill_rate: 1000000}}
workflow_nodes: {n: {type: llm, llm_group: g.echelon1, polling_pool: pool, concurrency_config: {limit: 1000, queue_size: 10}}}
)";

policy::topology_ptr topology() {
  const auto loaded = config::load_text(five_levels, "five.yaml", {});
  if (!loaded.config) {
    std::fprintf(stderr, "the configuration of this bench has errors\n");
    std::exit(1);
  }
  return config::make_topology(*loaded.config);
}

/// Node, pool, group, tier and model: all limiters on, the outcome reported to each.
void admission_by_five_actors(benchmark::State& state) {
  const auto all = topology();
  std::string unknown;
  const auto plan = config::plan_for(*all, "n", {}, unknown);
  actors::hierarchy tree{all, 1};
  std::size_t actors_passed = 0;
  for (auto _ : state) {
    policy::request_terms terms;
    terms.deadline = policy::clock::now() + std::chrono::seconds{60};
    const auto hold = tree.new_hold();
    policy::dispatch request{plan, all, std::move(terms), hold, hold};
    auto next = request.begin(policy::clock::now());
    policy::admission_answer answer;
    std::atomic<bool> answered = false;
    tree.ask(std::get<policy::ask_admission>(next), [&](policy::admission_answer x) {
      answer = std::move(x);
      answered = true;
    });
    while (!answered) // At first, while the actors start; then it is there at once.
      std::this_thread::yield();
    actors_passed = answer.trail.size();
    next = request.on_admission(answer, policy::clock::now());
    if (!std::holds_alternative<policy::start_attempt>(next)) {
      state.SkipWithError("not admitted");
      break;
    }
    benchmark::DoNotOptimize(request.on_success(100, policy::clock::now()));
    for (const auto& x : request.take_releases())
      tree.tell(x);
  }
  state.counters["actors"] = static_cast<double>(actors_passed);
}
BENCHMARK(admission_by_five_actors);

std::string chat_request(bool stream) {
  std::string text = "Tell me something that is about as long as a usual prompt. ";
  for (int i = 0; i < 3; ++i)
    text += text;
  return R"({"model":"n","temperature":0.2,"messages":[{"role":"system","content":"You are a helpful assistant."},)"
         R"({"role":"user","content":")"
         + text + R"("}])" + (stream ? R"(,"stream":true})" : "}");
}

void request_read_and_checked(benchmark::State& state) {
  const auto text = chat_request(false);
  for (auto _ : state) {
    gateway::front_request out;
    if (gateway::openai_chat_front().read(text, out)) state.SkipWithError("refused");
    benchmark::DoNotOptimize(out);
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(text.size() * state.iterations()));
}
BENCHMARK(request_read_and_checked);

void json_parsed(benchmark::State& state) {
  const auto text = chat_request(false);
  for (auto _ : state)
    benchmark::DoNotOptimize(providers::read_json(text));
  state.SetBytesProcessed(static_cast<std::int64_t>(text.size() * state.iterations()));
}
BENCHMARK(json_parsed);

void json_written(benchmark::State& state) {
  const auto value = providers::read_json(chat_request(false));
  for (auto _ : state)
    benchmark::DoNotOptimize(providers::write_json(value));
}
BENCHMARK(json_written);

void request_built_for_openai(benchmark::State& state) {
  gateway::front_request in;
  if (gateway::openai_chat_front().read(chat_request(false), in)) state.SkipWithError("refused");
  config::provider_config provider;
  provider.base_url = "http://upstream/v1";
  config::model_config model;
  model.model = "gpt";
  const config::tier_parameters parameters;
  for (auto _ : state)
    benchmark::DoNotOptimize(providers::adapter_for(config::provider_kind::openai)
                                 .build(in.canonical, {provider, model, parameters, "key"}));
}
BENCHMARK(request_built_for_openai);

constexpr const char* event =
    R"(data: {"id":"c","object":"chat.completion.chunk","created":1700000000,"model":"m",)"
    R"("choices":[{"index":0,"delta":{"content":" word"},"logprobs":null,"finish_reason":null}]})"
    "\n\n";

void event_parsed(benchmark::State& state) {
  const auto decoder = providers::make_openai_decoder(1);
  for (auto _ : state)
    benchmark::DoNotOptimize(decoder->feed(event));
}
BENCHMARK(event_parsed);

/// From an upstream's bytes to the bytes of the client's API.
template <const gateway::front& front()>
void event_translated(benchmark::State& state) {
  gateway::front_request request;
  request.target = "n";
  const auto decoder = providers::make_openai_decoder(1);
  const auto encoder = front().encode_stream(request);
  for (auto _ : state)
    for (const auto& chunk : decoder->feed(event).chunks)
      benchmark::DoNotOptimize(encoder->chunk(chunk));
}
BENCHMARK_TEMPLATE(event_translated, gateway::openai_chat_front);
BENCHMARK_TEMPLATE(event_translated, gateway::anthropic_messages_front);

} // namespace

BENCHMARK_MAIN();
