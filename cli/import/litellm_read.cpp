#include "cli/import/litellm_reader.hpp"

#include <algorithm>
#include <set>

namespace echelon::cli::litellm {

namespace {

struct vendor {
  const char* prefix;
  const char* kind;
  const char* url;
  const char* variable;
};

/// Vendors by the prefix of `litellm_params.model`; those without an address need `api_base`.
constexpr vendor vendors[] = {
    {"openai", "openai", "https://api.openai.com/v1", "OPENAI_API_KEY"},
    {"anthropic", "anthropic", "https://api.anthropic.com", "ANTHROPIC_API_KEY"},
    {"gemini", "gemini", "https://generativelanguage.googleapis.com", "GEMINI_API_KEY"},
    {"groq", "openai", "https://api.groq.com/openai/v1", "GROQ_API_KEY"},
    {"mistral", "openai", "https://api.mistral.ai/v1", "MISTRAL_API_KEY"},
    {"deepseek", "openai", "https://api.deepseek.com/v1", "DEEPSEEK_API_KEY"},
    {"openrouter", "openai", "https://openrouter.ai/api/v1", "OPENROUTER_API_KEY"},
    {"together_ai", "openai", "https://api.together.xyz/v1", "TOGETHERAI_API_KEY"},
    {"xai", "openai", "https://api.x.ai/v1", "XAI_API_KEY"},
    {"hosted_vllm", "openai", "", "HOSTED_VLLM_API_KEY"},
    {"custom_openai", "openai", "", "OPENAI_API_KEY"},
};

/// LiteLLM also takes well-known models without a prefix.
std::string prefix_of(const std::string& model) {
  if (const auto slash = model.find('/'); slash != std::string::npos) return model.substr(0, slash);
  if (model.rfind("claude", 0) == 0) return "anthropic";
  if (model.rfind("gemini", 0) == 0) return "gemini";
  return "openai";
}

class list_reader {
public:
  list_reader(proxy& to, config::diagnostics& out) : to_(to), out_(out) {}

  void entry(const config::yaml_ptr& node) {
    section in{node, "model_list", out_};
    const auto name = in.text("model_name");
    const auto params = in.take("litellm_params");
    const auto info = in.take("model_info");
    in.finish();
    if (name.empty() || !params) {
      out_.warn(node->at, "not-mapped",
                "a deployment needs model_name and litellm_params; left out");
      return;
    }
    deployment made;
    section from{params, "litellm_params", out_};
    if (!place(from, made)) return;
    limits(from, made);
    from.finish();
    if (info) {
      section about{info, "model_info", out_};
      about.ignore({"id", "mode", "description", "access_groups"});
      if (const auto n = about.whole("max_input_tokens")) made.context_window = n;
      if (const auto n = about.whole("max_output_tokens")) made.max_output = n;
      prices(about, made);
      about.finish();
    }
    group(name, *node).deployments.push_back(std::move(made));
  }

private:
  bool place(section& from, deployment& made) {
    const auto model = from.text("model");
    const auto* known = std::find_if(std::begin(vendors), std::end(vendors),
                                     [&](const auto& v) { return prefix_of(model) == v.prefix; });
    const auto base = from.reference("api_base");
    if (model.empty() || known == std::end(vendors)) {
      out_.warn(from.where("model"), "not-mapped",
                "the provider of '" + model + "' has no counterpart; this deployment is left out");
      return false;
    }
    if (base.empty() && *known->url == '\0') {
      out_.warn(from.where("model"), "not-mapped",
                "'" + model + "' needs api_base; this deployment is left out");
      return false;
    }
    const auto slash = model.find('/');
    made.model = slash == std::string::npos ? model : model.substr(slash + 1);
    auto key = from.secret("api_key", known->variable);
    // Without a key LiteLLM looks for the vendor's variable.
    if (key.empty() && base.empty()) key = std::string{"${"} + known->variable + '}';
    made.endpoint = endpoint_of(*known, base, key);
    return true;
  }

  std::string endpoint_of(const vendor& of, const std::string& base, const std::string& key) {
    const auto url = base.empty() ? std::string{of.url} : base;
    std::size_t same = 0;
    for (const auto& [name, x] : to_.endpoints) {
      if (x.base_url == url && x.key == key && x.kind == of.kind) return name;
      same += name.rfind(of.prefix, 0) == 0 ? 1 : 0;
    }
    auto name = std::string{of.prefix} + (same == 0 ? "" : "_" + std::to_string(same + 1));
    to_.endpoints[name] = {name, of.kind, url, key};
    return name;
  }

  static void prices(section& from, deployment& to) {
    if (const auto x = from.number("input_cost_per_token")) to.input_per_mtok = *x * 1e6;
    if (const auto x = from.number("output_cost_per_token")) to.output_per_mtok = *x * 1e6;
  }

  static void limits(section& from, deployment& to) {
    to.rpm = from.whole("rpm");
    to.tpm = from.whole("tpm");
    to.weight = from.whole("weight");
    to.max_output = from.whole("max_tokens");
    to.timeout = from.number("timeout");
    prices(from, to);
  }

  model_group& group(const std::string& name, const config::yaml_node& at) {
    const auto as = group_name(name);
    for (auto& x : to_.groups)
      if (x.name == as) return x;
    if (as != name)
      out_.warn(at.at, "renamed",
                "names of groups hold no dot, comma, slash or blank: '" + name + "' becomes '" + as
                    + "', and clients must ask for that");
    to_.groups.push_back({as, {}, {}, {}, {}});
    return to_.groups.back();
  }

  proxy& to_;
  config::diagnostics& out_;
};

} // namespace

std::string group_name(std::string name) {
  std::replace_if(
      name.begin(), name.end(),
      [](unsigned char c) { return c <= ' ' || c == '.' || c == ',' || c == '/' || c == 0x7F; },
      '-');
  return name;
}

proxy read(const config::yaml_ptr& root, config::diagnostics& out) {
  proxy x;
  section in{root, "", out};
  const auto list = in.take("model_list");
  list_reader deployments{x, out};
  if (list)
    for (const auto& node : list->items)
      deployments.entry(node);
  if (x.groups.empty())
    out.error(root->at, "no-models", "model_list has no deployment that can be taken over");
  // Those of the router win over those of LiteLLM as a whole.
  for (const char* name : {"litellm_settings", "router_settings"})
    if (const auto node = in.take(name)) read_settings(node, name, x, out);
  if (const auto node = in.take("general_settings")) {
    section general{node, "general_settings", out};
    x.master_key = general.secret("master_key", "LITELLM_MASTER_KEY");
    general.finish();
  }
  in.finish();
  return x;
}

} // namespace echelon::cli::litellm
