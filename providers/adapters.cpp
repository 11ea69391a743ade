#include "providers/anthropic.hpp"
#include "providers/gemini.hpp"
#include "providers/openai.hpp"

namespace echelon::providers {

const adapter& adapter_for(config::provider_kind kind) {
  static const openai_adapter openai;
  static const anthropic_adapter anthropic;
  static const gemini_adapter gemini;
  switch (kind) {
  case config::provider_kind::anthropic: return anthropic;
  case config::provider_kind::gemini: return gemini;
  case config::provider_kind::openai:
  case config::provider_kind::simulator: break;
  }
  return openai;
}

} // namespace echelon::providers
