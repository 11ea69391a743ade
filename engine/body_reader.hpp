/// Reads a client's JSON body field by field, with errors that name the field.
#pragma once

#include "engine/api_error.hpp"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

namespace echelon::engine {

/// Thrown inside a front's read() and turned into its answer there; never leaves the front.
struct bad_request {
  api_error error;
};

/// A 400 whose `param` is `param` (empty: the body as a whole).
[[nodiscard]] bad_request invalid(std::string param, std::string message);

/// A 400 for a field this router cannot honour.
[[nodiscard]] bad_request unsupported(const std::string& param, std::string_view why);

/// Parses a body that must be one JSON object in valid UTF-8, nested at most 256 deep.
/// Throws bad_request. `repeated`: set if an object has two members of one name, of which the last
/// counts.
[[nodiscard]] nlohmann::json parse_object(std::string_view body, bool* repeated = nullptr);

/// Calls `fill` and returns the error it threw, if any; also for nlohmann's own exceptions.
template <class F>
[[nodiscard]] std::optional<api_error> reading(F fill) {
  try {
    fill();
    return std::nullopt;
  } catch (const bad_request& x) {
    return x.error;
  } catch (const nlohmann::json::exception&) {
    return invalid({}, "The request body has an unexpected form.").error;
  }
}

class object_reader;

/// Where in a body a value stands: a member of `of`, or one item of that member. Its path is worked
/// out only for an error.
struct member_place {
  const object_reader& of; ///< Must outlive every reader of this place.
  std::string_view key;    ///< So must its characters.
  std::optional<std::size_t> index;
};

/// Typed access to the members of one object. A null member counts as absent.
/// The functions throw bad_request naming the member's path, such as `messages[1].role`.
class object_reader {
public:
  /// `value` must outlive this; `path` is empty for the body itself. Throws if it is no object.
  object_reader(const nlohmann::json& value, std::string path);
  object_reader(const nlohmann::json& value, member_place where);

  [[nodiscard]] member_place at(std::string_view key) const { return {*this, key, std::nullopt}; }
  [[nodiscard]] member_place at(std::string_view key, std::size_t index) const {
    return {*this, key, index};
  }

  [[nodiscard]] std::string path(std::string_view key) const;
  [[nodiscard]] std::string path(std::string_view key, std::size_t index) const;
  [[nodiscard]] const nlohmann::json& value() const { return value_; }

  /// The member, or null if absent.
  [[nodiscard]] const nlohmann::json* find(const char* key) const;
  [[nodiscard]] const nlohmann::json& required(const char* key) const;
  [[nodiscard]] const std::string* string(const char* key) const;
  [[nodiscard]] const std::string& required_string(const char* key) const; ///< Not empty.
  [[nodiscard]] const nlohmann::json* array(const char* key) const;
  [[nodiscard]] const nlohmann::json* object(const char* key) const;
  [[nodiscard]] std::optional<bool> boolean(const char* key) const;
  [[nodiscard]] std::optional<double> number(const char* key) const;
  [[nodiscard]] std::optional<std::int64_t> integer(const char* key, std::int64_t least) const;
  /// A string out of `values`, or null if absent.
  [[nodiscard]] const std::string* one_of(const char* key,
                                          std::initializer_list<std::string_view> values) const;

private:
  /// A bit for each name's length and first character: most names that are looked for are not
  /// there.
  static std::uint64_t mark_of(std::string_view key);
  void begin();
  [[nodiscard]] std::string own_path() const;

  const nlohmann::json& value_;
  std::string path_;
  std::optional<member_place> where_; ///< Then there is no path_.
  std::uint64_t marks_ = 0;
};

} // namespace echelon::engine
