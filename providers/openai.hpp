/// OpenAI's chat completions and embeddings, and every server that speaks them.
#pragma once

#include "providers/adapter.hpp"

#include <memory>

namespace echelon::providers {

class openai_adapter final : public adapter {
public:
  [[nodiscard]] built_request build(const canonical_request& request,
                                    const attempt_context& context) const override;
  [[nodiscard]] plain_reply parse(const canonical_request& request,
                                  std::string_view body) const override;
  [[nodiscard]] upstream_failure
  parse_error(int status, const header_list& headers, std::string_view body,
              std::chrono::system_clock::time_point now) const override;
  [[nodiscard]] std::unique_ptr<stream_decoder> decode_stream(const canonical_request& request,
                                                              std::int64_t created) const override;
};

[[nodiscard]] std::unique_ptr<stream_decoder> make_openai_decoder(std::int64_t created);

/// Reads an embeddings list in OpenAI's form.
[[nodiscard]] plain_reply read_embeddings(nlohmann::json body);

} // namespace echelon::providers
