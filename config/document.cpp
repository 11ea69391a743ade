#include "config/document.hpp"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <map>
#include <set>
#include <sstream>
#include <unordered_map>

namespace echelon::config {
namespace {

constexpr std::size_t max_bytes = std::size_t{16} << 20U;
constexpr std::size_t max_depth = 64;

struct too_deep : std::exception {
  explicit too_deep(place p) : at(std::move(p)) {}
  place at;
};

class tree_builder : public YAML::EventHandler {
public:
  tree_builder(const std::string& file, diagnostics& out) : file_(file), out_(out) {}

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    add(make(mark, yaml_node::kind::null), anchor);
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto i = anchors_.find(anchor);
    if (i == anchors_.end()) {
      out_.error(at(mark), "bad-alias", "an alias inside its own anchor");
      add(make(mark, yaml_node::kind::null), 0);
    } else {
      put(i->second);
    }
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    check_tag(mark, tag);
    auto x = make(mark, yaml_node::kind::scalar);
    x->text = value;
    x->quoted = tag == "!";
    add(std::move(x), anchor);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    check_tag(mark, tag);
    open(make(mark, yaml_node::kind::list), anchor);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    check_tag(mark, tag);
    open(make(mark, yaml_node::kind::map), anchor);
  }
  void OnMapEnd() override { close(); }

  yaml_ptr root;

private:
  struct level {
    std::shared_ptr<yaml_node> node;
    YAML::anchor_t anchor;
    yaml_ptr key;                               // Of a map: waits for its value.
    std::unordered_map<std::string, int> lines; // Of a map: where each key stands.
  };

  place at(const YAML::Mark& m) const { return {file_, m.line + 1, m.column + 1}; }

  std::shared_ptr<yaml_node> make(const YAML::Mark& mark, yaml_node::kind kind) const {
    auto x = std::make_shared<yaml_node>();
    x->is = kind;
    x->at = at(mark);
    return x;
  }

  /// "?" stands for a plain value, "!" for a quoted one: neither was written as a tag.
  void check_tag(const YAML::Mark& mark, const std::string& tag) {
    if (!tag.empty() && tag != "?" && tag != "!")
      out_.error(at(mark), "bad-tag",
                 "tags such as !!str are not taken: write the value as it is meant");
  }

  void add(std::shared_ptr<yaml_node> x, YAML::anchor_t anchor) {
    if (anchor != 0) anchors_[anchor] = x;
    put(std::move(x));
  }

  void open(std::shared_ptr<yaml_node> x, YAML::anchor_t anchor) {
    if (stack_.size() >= max_depth) throw too_deep{x->at};
    stack_.push_back({std::move(x), anchor, nullptr, {}});
  }

  void close() {
    auto top = std::move(stack_.back());
    stack_.pop_back();
    if (top.node->is == yaml_node::kind::map) merge(*top.node);
    add(std::move(top.node), top.anchor);
  }

  void put(yaml_ptr x) {
    if (stack_.empty()) {
      root = std::move(x);
      return;
    }
    // Aliases may stack levels that no line shows.
    if (stack_.size() + x->height > max_depth) throw too_deep{x->at};
    auto& top = stack_.back();
    top.node->height = std::max(top.node->height, x->height + 1);
    if (top.node->is == yaml_node::kind::list) {
      top.node->items.push_back(std::move(x));
    } else if (!top.key) {
      if (x->is != yaml_node::kind::scalar)
        out_.error(x->at, "bad-key", "a key must be a plain word");
      top.key = std::move(x);
    } else {
      insert(top, std::move(top.key), std::move(x));
      top.key = nullptr;
    }
  }

  void insert(level& into, yaml_ptr key, yaml_ptr value) {
    const auto [known, fresh] = into.lines.emplace(key->text, key->at.line);
    if (!fresh) {
      out_.error(key->at, "duplicate-key",
                 "key '" + key->text + "' is given twice, first at line "
                     + std::to_string(known->second));
      return;
    }
    // The parser puts a missing value where the next line begins.
    if (value->is == yaml_node::kind::null && value->at.line != key->at.line) {
      auto missing = std::make_shared<yaml_node>(*value);
      missing->at = key->at;
      value = std::move(missing);
    }
    into.node->entries.emplace_back(std::move(key), std::move(value));
  }

  /// Applies `<<`: own keys win over merged ones, earlier merges over later ones.
  void merge(yaml_node& map) {
    std::vector<yaml_ptr> sources;
    for (auto i = map.entries.begin(); i != map.entries.end();) {
      if (i->first->text != "<<" || i->first->quoted) {
        ++i;
        continue;
      }
      const auto& value = i->second;
      if (value->is == yaml_node::kind::map)
        sources.push_back(value);
      else if (value->is == yaml_node::kind::list)
        sources.insert(sources.end(), value->items.begin(), value->items.end());
      else
        out_.error(value->at, "bad-merge", "a merge key needs a map");
      i = map.entries.erase(i);
    }
    std::set<std::string> names;
    for (const auto& [own, ignored] : map.entries)
      names.insert(own->text);
    for (const auto& source : sources) {
      if (source->is != yaml_node::kind::map)
        out_.error(source->at, "bad-merge", "a merge key needs a map");
      for (const auto& [key, value] : source->entries)
        if (names.insert(key->text).second) map.entries.emplace_back(key, value);
    }
  }

  const std::string& file_;
  diagnostics& out_;
  std::vector<level> stack_;
  std::map<YAML::anchor_t, yaml_ptr> anchors_;
};

/// Length of the UTF-8 character that `text` starts with; 0: it is none.
std::size_t character(std::string_view text) {
  const auto byte = [&](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
  };
  const auto first = byte(0);
  if (first < 0x80) return 1;
  std::size_t size = 0;
  if (first >= 0xC2 && first < 0xE0)
    size = 2;
  else if (first >= 0xE0 && first < 0xF0)
    size = 3;
  else if (first >= 0xF0 && first < 0xF5)
    size = 4;
  for (std::size_t i = 1; i < size; ++i)
    if ((byte(i) & 0xC0U) != 0x80) return 0;
  // Longer than need be, a surrogate, or beyond the last character.
  const auto second = byte(1);
  if ((first == 0xE0 && second < 0xA0) || (first == 0xED && second > 0x9F)
      || (first == 0xF0 && second < 0x90) || (first == 0xF4 && second > 0x8F))
    return 0;
  return size;
}

/// Bytes that YAML readers take for something else than people do. @returns False: not usable.
bool check_bytes(std::string_view text, const std::string& file, diagnostics& out) {
  if (text.size() > max_bytes) {
    out.error({file, 0, 0}, "too-large", "the file is larger than 16 MiB");
    return false;
  }
  if (text.substr(0, 2) == "\xFF\xFE" || text.substr(0, 2) == "\xFE\xFF") {
    out.error({file, 1, 1}, "encoding", "the file is UTF-16; save it as UTF-8");
    return false;
  }
  int line = 1, column = 0;
  bool indent = true, fine = true;
  std::size_t next = 0; // Where the next character starts.
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    ++column;
    if (c == '\0') {
      out.error({file, line, column}, "encoding", "a NUL byte");
      return false;
    }
    if (i == next) {
      const auto size = character(text.substr(i, 4));
      if (size == 0) {
        out.error({file, line, column}, "encoding", "not valid UTF-8");
        return false;
      }
      next += size;
    }
    if (indent && c == '\t') {
      // A line of white space alone does no harm.
      const auto rest = text.find_first_not_of(" \t\r", i);
      if (rest != std::string_view::npos && text[rest] != '\n' && text[rest] != '#') {
        out.error({file, line, column}, "indentation", "a tab as indentation; use spaces");
        fine = false;
      }
      indent = false;
    } else if (indent && text.substr(i, 2) == "\xC2\xA0") {
      out.error({file, line, column}, "indentation",
                "a non-breaking space as indentation; use plain spaces");
      fine = false;
      indent = false;
    } else if (c != ' ') {
      indent = false;
    }
    if (c == '\n') {
      ++line;
      column = 0;
      indent = true;
    }
  }
  return fine;
}

} // namespace

yaml_ptr parse_yaml(std::string_view text, const std::string& file, diagnostics& out) {
  if (!check_bytes(text, file, out)) return nullptr;
  if (text.substr(0, 3) == "\xEF\xBB\xBF") text.remove_prefix(3);
  std::istringstream in{std::string{text}};
  tree_builder tree{file, out};
  try {
    YAML::Parser parser{in};
    if (!parser.HandleNextDocument(tree)) return nullptr;
    auto root = tree.root;
    tree_builder second{file, out};
    if (parser.HandleNextDocument(second) && second.root) {
      out.error(second.root->at, "several-documents", "more than one document (---) in one file");
      return nullptr;
    }
    return root;
  } catch (const YAML::Exception& error) {
    out.error({file, error.mark.line + 1, error.mark.column + 1}, "syntax",
              "not valid YAML: " + error.msg);
  } catch (const too_deep& error) {
    out.error(error.at, "too-deep", "nested more than 64 levels deep");
  }
  return nullptr;
}

} // namespace echelon::config
