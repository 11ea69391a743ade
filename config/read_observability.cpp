// telemetry and logs.
#include "config/sections.hpp"
#include "config/url.hpp"

namespace echelon::config {

namespace {

void read_traces(loading& x, const yaml_ptr& node) {
  map_reader in{node, "telemetry.traces", traces_schema(), x.out};
  auto& to = x.config.traces;
  if (in.find("endpoint") == nullptr)
    x.out.error(in.at(), "missing-key", "telemetry.traces needs endpoint");
  if (const auto url = in.expanded("endpoint", x.env, x.simulate); url && !url->empty()) {
    std::string why;
    if (auto good = check_base_url(*url, why)) {
      // What an exporter's documentation calls its endpoint often has the path already.
      constexpr std::string_view path = "/v1/traces";
      if (good->size() > path.size()
          && good->compare(good->size() - path.size(), path.size(), path) == 0)
        good->resize(good->size() - path.size());
      to.endpoint = *good;
    } else {
      x.out.error(in.where("endpoint"), "bad-url",
                  in.path("endpoint") + " is not a base URL: " + why);
    }
  }
  read_headers(in, x, to.headers);
  to.ca_file = in.expanded("ca_file", x.env, x.simulate).value_or("");
  if (const auto v = in.word("service_name")) to.service = *v;
  if (const auto v = in.number("ratio")) to.ratio = *v;
  to.parent_based = in.boolean("parent_based").value_or(true);
  to.propagate = in.boolean("propagate").value_or(true);
  if (const auto v = in.count("max_queue")) to.max_queue = *v;
  in.finish();
}

} // namespace

void read_telemetry(loading& x, const yaml_ptr& node) {
  map_reader in{node, "telemetry", telemetry_schema(), x.out};
  if (const auto traces = in.take("traces")) read_traces(x, traces);
  in.finish();
}

void read_logs(loading& x, const yaml_ptr& node) {
  map_reader in{node, "logs", logs_schema(), x.out};
  auto& to = x.config.logs;
  to.access = in.expanded("access", x.env, x.simulate).value_or("");
  to.audit = in.expanded("audit", x.env, x.simulate).value_or("");
  to.prompts = in.boolean("prompts").value_or(false);
  if (!to.access.empty() && to.access == to.audit && to.access != "stdout")
    x.out.error(in.where("audit"), "same-file", "logs.audit must be another file than logs.access");
  in.finish();
}

} // namespace echelon::config
