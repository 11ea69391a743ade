#include "engine/body_reader.hpp"

#include "providers/json_read.hpp"
#include "providers/json_text.hpp"

#include <algorithm>

namespace echelon::engine {

using nlohmann::json;

namespace {

constexpr std::size_t max_depth = 256;

std::string kind_of(const json& value) {
  if (value.is_number_integer()) return "an integer";
  if (value.is_number()) return "a number";
  if (value.is_boolean()) return "a boolean";
  if (value.is_string()) return "a string";
  if (value.is_array()) return "an array";
  if (value.is_object()) return "an object";
  return "null";
}

bad_request wrong_type(const std::string& path, std::string_view expected, const json& value) {
  return invalid(path, "Invalid type for '" + path + "': expected " + std::string{expected}
                           + ", but got " + kind_of(value) + " instead.");
}

} // namespace

bad_request invalid(std::string param, std::string message) {
  return {{.status = 400,
           .message = std::move(message),
           .type = "invalid_request_error",
           .code = {},
           .param = std::move(param)}};
}

bad_request unsupported(const std::string& param, std::string_view why) {
  return invalid(param, "Unsupported '" + param + "': " + std::string{why});
}

json parse_object(std::string_view body, bool* repeated) {
  auto result = providers::read_json(body, max_depth, repeated);
  if (result.is_discarded() && providers::nested_deeper_than(body, max_depth))
    throw invalid({}, "The request body is nested too deeply.");
  try {
    if (result.is_discarded()) {
      result = json::parse(body);
      if (repeated != nullptr) *repeated = true; // Unknown: nlohmann's parser does not tell.
    }
  } catch (const json::parse_error& x) {
    // The library's text may repeat bytes that are no UTF-8.
    throw invalid({}, "The request body is not valid JSON (at byte " + std::to_string(x.byte)
                          + "). It must be one JSON object in UTF-8.");
  } catch (const json::exception&) {
    throw invalid({}, "The request body holds a number that is out of range.");
  }
  if (!result.is_object())
    throw invalid({}, "The request body must be a JSON object, but it is " + kind_of(result) + ".");
  return result;
}

object_reader::object_reader(const json& value, std::string path)
    : value_(value), path_(std::move(path)) {
  begin();
}

object_reader::object_reader(const json& value, member_place where) : value_(value), where_(where) {
  begin();
}

void object_reader::begin() {
  if (!value_.is_object()) throw wrong_type(own_path(), "an object", value_);
  for (const auto& [key, member] : value_.get_ref<const json::object_t&>())
    marks_ |= mark_of(key);
}

std::uint64_t object_reader::mark_of(std::string_view key) {
  const auto first = key.empty() ? 0U : static_cast<unsigned char>(key.front());
  return std::uint64_t{1} << ((first * 5U + key.size()) & 63U);
}

std::string object_reader::own_path() const {
  if (!where_) return path_;
  return where_->index ? where_->of.path(where_->key, *where_->index)
                       : where_->of.path(where_->key);
}

std::string object_reader::path(std::string_view key) const {
  const auto own = own_path();
  return own.empty() ? std::string{key} : own + '.' + std::string{key};
}

std::string object_reader::path(std::string_view key, std::size_t index) const {
  return path(key) + '[' + std::to_string(index) + ']';
}

const json* object_reader::find(const char* key) const {
  if ((marks_ & mark_of(key)) == 0) return nullptr;
  const auto it = value_.find(key);
  return it == value_.end() || it->is_null() ? nullptr : &*it;
}

const json& object_reader::required(const char* key) const {
  if (const auto* member = find(key)) return *member;
  throw invalid(path(key), "Missing required parameter: '" + path(key) + "'.");
}

const std::string* object_reader::string(const char* key) const {
  const auto* member = find(key);
  if (!member) return nullptr;
  if (!member->is_string()) throw wrong_type(path(key), "a string", *member);
  return member->get_ptr<const std::string*>();
}

const std::string& object_reader::required_string(const char* key) const {
  const auto& member = required(key);
  if (!member.is_string()) throw wrong_type(path(key), "a string", member);
  const auto& text = member.get_ref<const std::string&>();
  if (text.empty()) throw invalid(path(key), "'" + path(key) + "' must not be empty.");
  return text;
}

const json* object_reader::array(const char* key) const {
  const auto* member = find(key);
  if (member && !member->is_array()) throw wrong_type(path(key), "an array", *member);
  return member;
}

const json* object_reader::object(const char* key) const {
  const auto* member = find(key);
  if (member && !member->is_object()) throw wrong_type(path(key), "an object", *member);
  return member;
}

std::optional<bool> object_reader::boolean(const char* key) const {
  const auto* member = find(key);
  if (!member) return std::nullopt;
  if (!member->is_boolean()) throw wrong_type(path(key), "a boolean", *member);
  return member->get<bool>();
}

std::optional<double> object_reader::number(const char* key) const {
  const auto* member = find(key);
  if (!member) return std::nullopt;
  if (!member->is_number()) throw wrong_type(path(key), "a number", *member);
  return member->get<double>();
}

std::optional<std::int64_t> object_reader::integer(const char* key, std::int64_t least) const {
  const auto* member = find(key);
  if (!member) return std::nullopt;
  if (!member->is_number_integer()) throw wrong_type(path(key), "an integer", *member);
  const bool fits = !member->is_number_unsigned()
                    || member->get<std::uint64_t>() <= static_cast<std::uint64_t>(INT64_MAX);
  const auto value = fits ? member->get<std::int64_t>() : least - 1;
  if (value < least)
    throw invalid(path(key), "Invalid value for '" + path(key)
                                 + "': must be an integer of at least " + std::to_string(least)
                                 + ".");
  return value;
}

const std::string* object_reader::one_of(const char* key,
                                         std::initializer_list<std::string_view> values) const {
  const auto* text = string(key);
  if (!text || std::find(values.begin(), values.end(), *text) != values.end()) return text;
  std::string list;
  for (const auto value : values) {
    if (!list.empty()) list += ", ";
    list.append("'").append(value).append("'");
  }
  throw invalid(path(key), "Invalid value for '" + path(key) + "': '" + text->substr(0, 64)
                               + "'. Supported values are: " + list + ".");
}

} // namespace echelon::engine
