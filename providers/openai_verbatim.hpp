/// Requests and answers in OpenAI's form that go on as they were written: nothing is made anew of
/// parts that stay the same.
#pragma once

#include "providers/adapter.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace echelon::providers {

/// The text of a JSON object with `model` as the value of its member of that name, and `more`,
/// whole members such as `"a":1,"b":2`, added (may be empty). Nothing if it has not exactly one
/// such member, a string.
[[nodiscard]] std::optional<std::string> with_model(std::string_view text, std::string_view model,
                                                    std::string_view more = {});

/// The same where the place of that member's value in a valid text is known.
[[nodiscard]] std::optional<std::string> with_model(std::string_view text, std::size_t at,
                                                    std::size_t size, std::string_view model,
                                                    std::string_view more = {});

/// A chat completion of which nothing would be changed: `text` and `usage` are set. Nothing if it
/// is anything else, or one can be in doubt about what it says; then it is to be read in full.
[[nodiscard]] std::optional<plain_reply> verbatim_completion(std::string_view text);

} // namespace echelon::providers
