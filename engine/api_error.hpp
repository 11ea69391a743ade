/// An error as a caller sees it, before it takes the shape of the caller's API.
#pragma once

#include "policy/settings.hpp"

#include <string>

namespace echelon::engine {

struct api_error {
  int status = 500; ///< Of HTTP, also where no HTTP is spoken.
  std::string message{};
  std::string type = "server_error"; ///< OpenAI's `error.type`.
  std::string code{};                ///< OpenAI's `error.code`; empty: null.
  std::string param{};               ///< OpenAI's `error.param`; empty: null.
};

struct final_error {
  api_error error;
  policy::duration retry_after{}; ///< 0: unknown.
};

} // namespace echelon::engine
