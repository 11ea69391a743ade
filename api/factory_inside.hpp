/// What an LlmFactory holds.
#pragma once

#include "api/backend.hpp"

#include <echelon/factory.hpp>

#include <memory>

namespace echelon {

struct LlmFactory::impl {
  explicit impl(std::shared_ptr<api::backend> x) : to(std::move(x)) {}
  ~impl();
  impl(const impl&) = delete;
  impl& operator=(const impl&) = delete;
  std::shared_ptr<api::backend> to;
};

} // namespace echelon
