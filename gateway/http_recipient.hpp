/// A client's connection as the recipient of one call, in the client's API.
#pragma once

#include "engine/recipient.hpp"
#include "gateway/connection.hpp"
#include "gateway/departure_watch.hpp"
#include "gateway/front/front.hpp"
#include "gateway/stream_writer.hpp"

#include <memory>
#include <optional>
#include <string>

namespace echelon::gateway {

/// What it is made of outlives it.
class http_recipient final : public engine::recipient {
public:
  http_recipient(connection& client, const front& api, const front_request& request);

  boost::asio::any_io_executor executor() override;
  void watch(std::function<void()> gone) override;
  void unwatch() override { watch_.reset(); }
  boost::asio::awaitable<void> answer(const engine::call_report& of,
                                      const nlohmann::json& canonical,
                                      std::string_view text) override;
  boost::asio::awaitable<void> begin(const engine::call_report& of,
                                     const chunk_list& first) override;
  boost::asio::awaitable<void> pass(const chunk_list& more) override;
  boost::asio::awaitable<void> finish() override;
  boost::asio::awaitable<void> fail(const engine::call_report& of,
                                    const engine::final_error& why) override;
  [[nodiscard]] bool begun() const override { return client_.head_sent; }
  void abandoned() override { client_.keep_alive = false; }

private:
  std::string encoded(const chunk_list& chunks);

  connection& client_;
  const front& api_;
  const front_request& request_;
  std::unique_ptr<stream_encoder> encoder_;
  stream_writer out_;
  std::optional<departure_watch> watch_;
};

} // namespace echelon::gateway
