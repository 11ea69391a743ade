/// A caller in this process as the recipient of a call.
#pragma once

#include "api/running_call.hpp"
#include "engine/router.hpp"

namespace echelon::api {

/// What it is made of outlives it.
class local_recipient final : public engine::recipient {
public:
  local_recipient(engine::router& of, std::shared_ptr<running_call> to)
      : router_(of), to_(std::move(to)) {}

  boost::asio::any_io_executor executor() override { return to_->executor(); }
  void watch(std::function<void()> gone) override { to_->on_cancel(std::move(gone)); }
  void unwatch() override { to_->on_cancel(nullptr); }
  boost::asio::awaitable<void> answer(const engine::call_report& of,
                                      const nlohmann::json& canonical,
                                      std::string_view text) override;
  boost::asio::awaitable<void> begin(const engine::call_report& of,
                                     const chunk_list& first) override;
  boost::asio::awaitable<void> pass(const chunk_list& more) override;
  boost::asio::awaitable<void> finish() override;
  boost::asio::awaitable<void> fail(const engine::call_report& of,
                                    const engine::final_error& why) override;
  [[nodiscard]] bool begun() const override { return begun_; }
  void abandoned() override;

private:
  engine::router& router_;
  std::shared_ptr<running_call> to_;
  engine::call_report report_; // Of the stream.
  bool begun_ = false;
};

} // namespace echelon::api
