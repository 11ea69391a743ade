#include "config/load.hpp"

#include "config/sections.hpp"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>

namespace echelon::config {

namespace fs = std::filesystem;

namespace {

using section_reader = void (*)(loading&, const yaml_ptr&);

/// Every top-level key, in the order in which it must be read.
constexpr std::pair<const char*, section_reader> sections[] = {
    {"providers", read_providers},
    {"models", read_models},
    {"task_groups", read_task_groups},
    {"polling_pools", read_polling_pools},
    {"workflow_nodes", read_workflow_nodes},
    {"global_fallback", read_global_fallback},
    {"concurrency_control", read_concurrency_control},
    {"rate_limiting", read_rate_limiting},
    {"server", read_server},
    {"auth", read_auth},
    {"cluster", read_cluster},
    {"telemetry", read_telemetry},
    {"logs", read_logs},
};

/// Sections that hold named things: several files may each bring some.
bool holds_names(const std::string& section) {
  return section == "providers" || section == "models" || section == "task_groups"
         || section == "polling_pools" || section == "workflow_nodes";
}

/// Adds one file's sections to the whole.
void merge(yaml_node& whole, const yaml_node& file, diagnostics& out) {
  for (const auto& [key, value] : file.entries) {
    const auto known =
        std::find_if(whole.entries.begin(), whole.entries.end(),
                     [&own = *key](const auto& e) { return e.first->text == own.text; });
    if (known == whole.entries.end()) {
      whole.entries.emplace_back(key, value);
      continue;
    }
    const bool maps =
        known->second->is == yaml_node::kind::map && value->is == yaml_node::kind::map;
    if (!maps) {
      out.error(key->at, "duplicate-key",
                "section '" + key->text + "' stands in " + known->first->at.file
                    + " too and cannot be merged");
      continue;
    }
    auto joined = std::make_shared<yaml_node>(*known->second);
    std::map<std::string, place> places;
    for (const auto& [name, entry] : joined->entries)
      places.emplace(name->text, name->at);
    for (const auto& [name, entry] : value->entries) {
      const auto [twin, fresh] = places.emplace(name->text, name->at);
      if (fresh)
        joined->entries.emplace_back(name, entry);
      else
        out.error(name->at, "duplicate-key",
                  (holds_names(key->text) ? "'" : "key '") + name->text + "' of " + key->text
                      + " is also given in " + twin->second.file + " at line "
                      + std::to_string(twin->second.line));
    }
    known->second = joined;
  }
}

load_result read_whole(const yaml_ptr& root, const load_options& options, diagnostics& out) {
  loading x{out};
  x.env = options.env;
  x.simulate = options.simulate;
  x.parts = options.parts;
  x.config.classifier = options.parts.classifier;
  if (!x.env)
    x.env = [](const std::string& name) -> std::optional<std::string> {
      const char* value = std::getenv(name.c_str());
      return value ? std::optional<std::string>{value} : std::nullopt;
    };
  map_reader top{root, "", root_schema(), out};
  for (const auto& [name, read] : sections) {
    const auto node = top.take(name);
    if (!node) continue;
    if (node->is != yaml_node::kind::map)
      out.error(node->at, "wrong-type", std::string{name} + " must be a map");
    else
      read(x, node);
  }
  top.finish();
  if (top.find("task_groups") == nullptr)
    out.error(root->at, "missing-key", "there is no task_groups section");
  link(x);
  check_limits(x);
  if (!out.has_errors()) check_deadlines(x);
  load_result result;
  if (!out.has_errors()) result.config = std::make_shared<const RouterConfig>(std::move(x.config));
  result.diagnostics = out.sorted();
  return result;
}

std::vector<diagnostic> unreadable(const std::string& path, const std::string& why) {
  return {{path, 0, 0, severity::error, why, "unreadable"}};
}

bool is_yaml(const fs::path& x) {
  return x.extension() == ".yaml" || x.extension() == ".yml";
}

/// The files of a path, in the order in which they are read.
std::vector<diagnostic> list_files(const fs::path& path, std::vector<fs::path>& files) {
  std::error_code error;
  const auto status = fs::status(path, error);
  if (error || !fs::exists(status))
    return unreadable(path.string(), "there is no such file or folder");
  if (!fs::is_directory(status)) {
    files.push_back(path);
    return {};
  }
  for (fs::recursive_directory_iterator i{path, error}, end; !error && i != end;
       i.increment(error)) {
    // Hidden ones are editors' and Kubernetes' own: there they hold every file once more.
    if (i->path().filename().string().front() == '.')
      i.disable_recursion_pending();
    else if (i->is_regular_file(error) && is_yaml(i->path()))
      files.push_back(i->path());
  }
  if (error) return unreadable(path.string(), "the folder cannot be read: " + error.message());
  if (files.empty()) return unreadable(path.string(), "there is no *.yaml in this folder");
  std::sort(files.begin(), files.end());
  return {};
}

} // namespace

std::vector<diagnostic> read_sources(const fs::path& path, std::vector<source_file>& to) {
  std::vector<fs::path> files;
  if (auto faults = list_files(path, files); !faults.empty()) return faults;
  for (const auto& file : files) {
    std::ifstream in{file, std::ios::binary};
    std::ostringstream text;
    if (!in || !(text << in.rdbuf())) {
      const bool empty = in && in.peek() == std::ifstream::traits_type::eof();
      if (!empty) return unreadable(file.string(), "the file cannot be read");
    }
    to.push_back({file.string(), text.str()});
  }
  return {};
}

namespace {

/// The files as one tree; null if one of them cannot be parsed (reported).
std::shared_ptr<yaml_node> join_files(const std::vector<source_file>& files, diagnostics& out) {
  auto whole = std::make_shared<yaml_node>();
  whole->is = yaml_node::kind::map;
  whole->at = {files.empty() ? std::string{} : files.front().name, 1, 1};
  bool parsed = true;
  for (const auto& file : files) {
    if (file.text.empty()) continue;
    const auto before = out.errors();
    const auto root = parse_yaml(file.text, file.name, out);
    if (!root) {
      parsed = parsed && before == out.errors();
    } else if (root->is == yaml_node::kind::map) {
      merge(*whole, *root, out);
    } else if (root->is != yaml_node::kind::null) {
      out.error(root->at, "wrong-type", "the file must be a map of sections");
      parsed = false;
    }
  }
  return parsed ? whole : nullptr;
}

bool is_secret(const std::string& path) {
  for (const char* part : {".api_key", ".admin_token", ".headers.", "auth.keys.", "auth.store"})
    if (path.find(part) != std::string::npos) return true;
  return false;
}

void list_values(const yaml_node& x, const std::string& path, std::vector<std::string>& to) {
  const auto line = [&](const std::string& value) {
    to.push_back(path + ": " + value + "  # " + x.at.file + ':' + std::to_string(x.at.line));
  };
  switch (x.is) {
  case yaml_node::kind::null: return line("~");
  case yaml_node::kind::scalar:
    return line(is_secret(path) && x.text.find("${") == std::string::npos ? "***" : x.text);
  case yaml_node::kind::list:
    if (x.items.empty()) return line("[]");
    for (std::size_t i = 0; i < x.items.size(); ++i)
      list_values(*x.items[i], path + '[' + std::to_string(i) + ']', to);
    return;
  case yaml_node::kind::map:
    if (x.entries.empty() && !path.empty()) return line("{}");
    for (const auto& [key, value] : x.entries)
      list_values(*value, path.empty() ? key->text : path + '.' + key->text, to);
    return;
  }
}

} // namespace

std::vector<std::string> effective(const std::vector<source_file>& files) {
  diagnostics ignored;
  std::vector<std::string> lines;
  if (const auto whole = join_files(files, ignored)) list_values(*whole, "", lines);
  return lines;
}

load_result load_sources(const std::vector<source_file>& files, const load_options& options) {
  diagnostics out;
  if (const auto whole = join_files(files, out)) return read_whole(whole, options, out);
  // What cannot be parsed hides the rest: its own faults are all there is to say.
  load_result result;
  result.diagnostics = out.sorted();
  return result;
}

load_result load(const fs::path& path, const load_options& options) {
  std::vector<source_file> files;
  if (auto faults = read_sources(path, files); !faults.empty()) {
    load_result result;
    result.readable = false;
    result.diagnostics = std::move(faults);
    return result;
  }
  return load_sources(files, options);
}

load_result load_text(std::string_view yaml, const std::string& name, const load_options& options) {
  diagnostics out;
  auto root = parse_yaml(yaml, name, out);
  if (!root && !out.has_errors()) {
    auto empty = std::make_shared<yaml_node>();
    empty->at = {name, 1, 1};
    root = empty;
  }
  if (root && root->is != yaml_node::kind::map && root->is != yaml_node::kind::null) {
    out.error(root->at, "wrong-type", "the file must be a map of sections");
    root = nullptr;
  }
  if (root) return read_whole(root, options, out);
  load_result result;
  result.diagnostics = out.sorted();
  return result;
}

} // namespace echelon::config
