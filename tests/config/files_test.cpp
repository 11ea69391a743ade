// Files and folders.
#include "support.hpp"

#include <cstdlib>
#include <filesystem>

namespace echelon::config::test {
namespace {

namespace fs = std::filesystem;

/// A folder of its own, gone at the end.
class folder {
public:
  folder() {
    auto name = (fs::temp_directory_path() / "echelon-config-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    path = name;
  }
  folder(const folder&) = delete;
  folder& operator=(const folder&) = delete;
  ~folder() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
  void write(const std::string& name, const std::string& text) const {
    fs::create_directories((path / name).parent_path());
    std::ofstream{path / name, std::ios::binary} << text;
  }
  /// What loading says, with paths as they are within the folder.
  std::string told() const {
    std::string text;
    for (const auto& d : load(path, with({})).diagnostics) {
      auto line = to_string(d);
      for (auto i = line.find(path.string() + '/'); i != std::string::npos;
           i = line.find(path.string() + '/'))
        line.erase(i, path.string().size() + 1);
      text += line + '\n';
    }
    return text;
  }
  fs::path path;
};

const std::string basis = "providers: {p: {kind: simulator}}\nmodels: {m: {provider: p}}\n";

TEST_CASE("a folder is read with its folders, and sections of names are joined") {
  const folder x;
  x.write("a.yaml", basis + "task_groups: {g: {t: {models: [m]}}}\n");
  x.write("deep/er/b.yml", "task_groups: {h: {t: {models: [k]}}}\nmodels: {k: {provider: p}}\n");
  x.write("c.txt", "not: read");
  x.write("empty.yaml", "");
  x.write("comment.yaml", "# nothing yet\n");
  CHECK(x.told().empty());
  const auto result = load(x.path, with({}));
  REQUIRE(result.config);
  CHECK(result.config->group("g"));
  CHECK(result.config->group("h"));
  CHECK(result.config->models.size() == 2);
}

TEST_CASE("settings of one section may stand in several files, each key once") {
  const folder x;
  x.write("a.yaml", basis + "task_groups: {g: {t: {models: [m]}}}\nserver: {threads: 2}\n");
  x.write("b.yaml", "server: {total_timeout: 5}\n");
  CHECK(x.told().empty());
  x.write("c.yaml", "server: {threads: 3}\n");
  CHECK(x.told()
        == "c.yaml:1:10: error: key 'threads' of server is also given in a.yaml at line 4 "
           "[duplicate-key]\n");
}

TEST_CASE("CONFIG.1 a name given in two files is an error that names both") {
  const folder x;
  x.write("a.yaml", basis + "task_groups:\n  g: {t: {models: [m]}}\n");
  x.write("sub/b.yaml", "task_groups:\n  g: {t: {models: [m]}}\nmodels: {m: {provider: p}}\n");
  CHECK(x.told()
        == "sub/b.yaml:2:3: error: 'g' of task_groups is also given in a.yaml at line 4 "
           "[duplicate-key]\n"
           "sub/b.yaml:3:10: error: 'm' of models is also given in a.yaml at line 2 "
           "[duplicate-key]\n");
}

TEST_CASE("a section that is no map cannot be joined") {
  const folder x;
  x.write("a.yaml", basis + "task_groups: {g: {t: {models: [m]}}}\n");
  x.write("b.yaml", "task_groups: [g]\n");
  CHECK(x.told()
        == "b.yaml:1:1: error: section 'task_groups' stands in a.yaml too and cannot be merged "
           "[duplicate-key]\n");
}

TEST_CASE("references may cross files, and faults name theirs") {
  const folder x;
  x.write("a.yaml", basis + "task_groups: {g: {t: {models: [m]}}}\n");
  x.write("nodes.yaml", "workflow_nodes:\n  node: {llm_group: g, fallback_groups: [h]}\n");
  CHECK(x.told()
        == "nodes.yaml:2:42: warning: workflow_nodes.node.fallback_groups names 'h', which does "
           "not exist; did you mean "
           "'g'?; it is skipped [dangling-reference]\n");
}

TEST_CASE("every file's own faults are told, and nothing that follows from them") {
  const folder x;
  x.write("a.yaml", "models: {m: {provider: p}}\nmodels: {}\n");
  x.write("b.yaml", "providers: {p\n");
  x.write("c.yaml", "\ttask_groups: {}\n");
  CHECK(x.told()
        == "a.yaml:2:1: error: key 'models' is given twice, first at line 1 [duplicate-key]\n"
           "b.yaml:2:1: error: not valid YAML: end of map flow not found [syntax]\n"
           "c.yaml:1:1: error: a tab as indentation; use spaces [indentation]\n");
}

TEST_CASE("hidden files and folders are not read") {
  const folder x;
  const auto text = basis + "task_groups: {g: {t: {models: [m]}}}\n";
  // As Kubernetes mounts a ConfigMap.
  x.write("..2024/a.yaml", text);
  fs::create_directory_symlink("..2024", x.path / "..data");
  fs::create_symlink("..data/a.yaml", x.path / "a.yaml");
  x.write(".a.yaml.swp.yaml", "\t");
  CHECK(x.told().empty());
  CHECK(load(x.path, with({})).config);
}

TEST_CASE("what cannot be read is told apart from what is wrong") {
  const folder x;
  CHECK_FALSE(load(x.path, with({})).readable);
  CHECK_FALSE(load(x.path / "none.yaml", with({})).readable);
  CHECK(to_string(load("none.yaml", with({})).diagnostics.at(0))
        == "none.yaml:0:0: error: there is no such file or folder [unreadable]");
  x.write("a.yaml", "wrong");
  CHECK(load(x.path / "a.yaml", with({})).readable);
}

TEST_CASE("CONFIG.6 the effective configuration tells which file each value came from") {
  const std::vector<source_file> files{
      {"a.yaml", "task_groups:\n  g: {t: {models: [m, n]}}\nworkflow_nodes: {w: {llm_group: g, "
                 "fallback_groups: []}}\n"},
      {"b.yaml", "task_groups:\n  h: {t: {models: [m], rpm_limit: 7}}\n"
                 "providers: {p: {kind: openai, api_key: plain, api_keys: [\"${K}\"]}}\n"}};
  CHECK(effective(files)
        == std::vector<std::string>{
            "task_groups.g.t.models[0]: m  # a.yaml:2", "task_groups.g.t.models[1]: n  # a.yaml:2",
            "task_groups.h.t.models[0]: m  # b.yaml:2", "task_groups.h.t.rpm_limit: 7  # b.yaml:2",
            "workflow_nodes.w.llm_group: g  # a.yaml:3",
            "workflow_nodes.w.fallback_groups: []  # a.yaml:3",
            "providers.p.kind: openai  # b.yaml:3", "providers.p.api_key: ***  # b.yaml:3",
            "providers.p.api_keys[0]: ${K}  # b.yaml:3"});
}

} // namespace
} // namespace echelon::config::test
