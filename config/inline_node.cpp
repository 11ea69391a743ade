#include "config/inline_node.hpp"

#include "config/sections.hpp"

namespace echelon::config {

std::optional<node_config> read_inline_node(const RouterConfig& config, std::string_view text,
                                            std::vector<std::string>& faults) {
  diagnostics out;
  node_config node;
  if (const auto root = parse_yaml(text, "node_config", out)) {
    if (root->is != yaml_node::kind::map) {
      out.error(root->at, "wrong-type", "node_config must be a map");
    } else {
      map_reader in{root, "node_config", node_schema(), out};
      node_refs refs;
      refs.at = root->at;
      node.name = "inline";
      read_node(in, node, refs);
      link_node(config, out, "node_config", node, refs);
      if (node.concurrency)
        out.error(in.where("concurrency_config"), "no-permits",
                  "node_config.concurrency_config needs a node of the configuration's "
                  "workflow_nodes");
    }
  } else if (!out.has_errors()) {
    out.error({"node_config", 1, 1}, "wrong-type", "node_config must be a map");
  }
  for (const auto& x : out.sorted())
    if (x.sev == severity::error || x.rule == "dangling-reference") faults.push_back(x.text);
  if (!faults.empty()) return std::nullopt;
  return node;
}

} // namespace echelon::config
